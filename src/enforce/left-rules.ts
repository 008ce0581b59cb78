// Rules that stay after their block (rule-undo.ts), in a file of STATE_DIR, so that a restart does not forget them: a line of JSON
// each, the file replaced whole.
import { join } from "node:path";
import { isText, parseJson } from "../base/checks.ts";
import { errorCode, messageOf } from "../base/errors.ts";
import { ReplacedFile } from "../base/replaced-file.ts";
import { readOurs } from "../base/trust.ts";
import { blockParameters, parseBlock } from "../record/store-rows.ts";
import { formatPrefix } from "../wire/address.ts";
import type { LeftRule, RuleUndo } from "./rule-undo.ts";

/** Templates of commands may be long; those that were left last are kept. */
const MAX_BYTES = 8 * 1024 * 1024;
const MAX_FAILURE_CHARS = 4_000;
/** Of no change: the next call tries again. */
const NOT_SAVED = -1;

export interface LeftRulesParts {
  readonly stateDir: string;
  readonly rules: Pick<RuleUndo, "left" | "changes" | "restore">;
  /** Called once when writing begins to fail. */
  readonly onTrouble: (message: string) => void;
  /** Called once when a write works again. */
  readonly onRecovered: (message: string) => void;
}

export class LeftRules {
  /** rulesLeftNotKept: those for which the file has no room. */
  readonly counters = { rulesLeftErrors: 0, rulesLeftNotKept: 0 };
  readonly #parts: LeftRulesParts;
  readonly #file: ReplacedFile;
  #saved = 0;
  #isTroubled = false;
  #saving: Promise<void> | undefined;

  constructor(parts: LeftRulesParts) {
    this.#parts = parts;
    this.#file = fileIn(parts.stateDir);
  }

  /** At start: what is remembered stands again, and is told as it was. */
  load(): void {
    const { rules, stateDir, onTrouble } = this.#parts;
    try {
      rules.restore(readLeftRules(stateDir));
    } catch (error) {
      onTrouble(
        `${pathIn(stateDir)} cannot be read: ${messageOf(error)}; rules that stay of earlier runs are not known`,
      );
    }
    this.#saved = rules.changes;
  }

  /** Once a second, and at the end: writes what has changed. Never rejects. */
  async save(): Promise<void> {
    await this.#saving;
    const { rules } = this.#parts;
    if (this.#saved === rules.changes) return;
    this.#saved = rules.changes;
    this.#saving = this.#write(rules.left).finally(() => {
      this.#saving = undefined;
    });
    await this.#saving;
  }

  async #write(left: readonly LeftRule[]): Promise<void> {
    const { onTrouble, onRecovered } = this.#parts;
    const { path } = this.#file;
    try {
      const lines = linesOf(left);
      await this.#file.replace(lines.join(""));
      this.counters.rulesLeftNotKept = left.length - lines.length;
      if (this.#isTroubled) onRecovered(`${path} is written again`);
      this.#isTroubled = false;
    } catch (error) {
      this.counters.rulesLeftErrors++;
      this.#saved = NOT_SAVED;
      if (!this.#isTroubled)
        onTrouble(`cannot write ${path}: ${messageOf(error)}; a restart forgets which rules of ended blocks stay`);
      this.#isTroubled = true;
    }
  }
}

/** Without a daemon: adds to what is remembered. Rejects where it cannot be written. */
export async function addLeftRules(stateDir: string, left: readonly LeftRule[]): Promise<void> {
  if (left.length === 0) return;
  await fileIn(stateDir).replace(linesOf([...readLeftRules(stateDir), ...left]).join(""));
}

/** The last ones, as many as the file has room for. */
function linesOf(left: readonly LeftRule[]): readonly string[] {
  const lines: string[] = [];
  let bytes = 0;
  for (const { block, failure } of left.toReversed()) {
    const row = [...blockParameters(formatPrefix(block.source), block), failure.slice(0, MAX_FAILURE_CHARS)];
    const line = `${JSON.stringify(row)}\n`;
    bytes += Buffer.byteLength(line);
    if (bytes > MAX_BYTES) break;
    lines.push(line);
  }
  return lines.reverse();
}

function fileIn(stateDir: string): ReplacedFile {
  return new ReplacedFile(pathIn(stateDir), { mode: 0o600, maxBytes: MAX_BYTES, links: "refuse" });
}

function pathIn(stateDir: string): string {
  return join(stateDir, "rules-left");
}

/** None where there is no file; lines that are none of ours are passed over. Throws where it cannot be read. */
export function readLeftRules(stateDir: string): readonly LeftRule[] {
  let text: string;
  try {
    text = readOurs(pathIn(stateDir), MAX_BYTES).toString("utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
  return text.split("\n").flatMap((line) => {
    const row = parseJson(line);
    if (!Array.isArray(row)) return [];
    const failure: unknown = row.at(-1);
    const block = parseBlock(row.slice(0, -1));
    if (block === undefined || !isText(failure, MAX_FAILURE_CHARS)) return [];
    return [{ block: { ...block, enforced: false }, failure }];
  });
}

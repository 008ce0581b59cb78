// Commands that succeed and block nothing: KILL_ROUTE adds to a set that no rule uses, to a chain where nobody comes by,
// for the wrong port or interface. The kernel logs each answer of ours to a source that such a command was to shut out
// (table/through.ts); what follows from it is decided here.

import { plural } from "../base/plural.ts";
import type { Troubles } from "../base/troubles.ts";
import type { Settings } from "../config/settings.ts";
import type { Block } from "../judge/block.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import type { BlockList } from "./block-list.ts";
import { parseMadeBy } from "./commands/made-by.ts";
import type { Delegate } from "./delegate.ts";

/** Sources whose rule is being asked for, each by a process. Of more the next answer tells again. */
const MAX_ASKED = 256;
const TOPIC = "KILL_ROUTE";
const MAX_SHOWN = 200;

export interface IdleCommandsParts {
  readonly list: Pick<BlockList, "get" | "has">;
  readonly delegate: Pick<Delegate, "stands" | "suffices">;
  readonly troubles: Troubles;
  /** Has the built-in table hold the source; why it does not, or "". */
  readonly takeOver: (block: Block) => string;
  /** The rule of a block is gone: an unblock by hand, or a program that has removed many. */
  readonly ruleGone: () => void;
  readonly warn: (message: string) => void;
}

export class IdleCommands {
  readonly counters = { commandsWithoutEffect: 0, commandProofsMissed: 0 };
  readonly #parts: IdleCommandsParts;
  readonly #asked = new Set<string>();
  #command: string;

  constructor(settings: Settings, parts: IdleCommandsParts) {
    this.#command = commandOf(settings);
    this.#parts = parts;
  }

  /** Another command has to be found out anew. */
  setSettings(settings: Settings): void {
    const command = commandOf(settings);
    if (command === this.#command) return;
    this.#command = command;
    this.counters.commandsWithoutEffect = 0;
    this.#parts.troubles.clear(TOPIC);
  }

  /** A source, or its /64, was answered; `keys` are what it may be blocked by. */
  async answered(keys: readonly Prefix[]): Promise<void> {
    const { list, delegate, ruleGone } = this.#parts;
    const block = keys.map((key) => list.get(key)).find((found) => found !== undefined);
    // Else the built-in table has it already; or libwrap, which refuses in the program, so that it is answered rightly.
    if (block === undefined || !delegate.suffices(block)) return;
    // It has been said.
    if (!block.enforced) return;
    const key = formatPrefix(block.source);
    if (this.#asked.has(key)) return;
    if (this.#asked.size >= MAX_ASKED) {
      this.counters.commandProofsMissed++;
      return;
    }
    this.#asked.add(key);
    try {
      // An administrator who deletes the rule by hand lets the source in: that is no fault of the command.
      const isGone = (await delegate.stands(block)) === false;
      if (!list.has(block)) return;
      if (isGone) ruleGone();
      else this.#proven(block);
    } finally {
      this.#asked.delete(key);
    }
  }

  #proven(block: Block): void {
    const { troubles, takeOver, warn } = this.#parts;
    const failure = takeOver(block);
    const source = formatPrefix(block.source);
    const count = ++this.counters.commandsWithoutEffect;
    const sources = plural(count, "source was", "sources were");
    const holds = failure === "" ? "the built-in table blocks" : `nothing blocks (${failure})`;
    const command = parseMadeBy(block.madeBy ?? "")?.killRoute?.slice(0, MAX_SHOWN) ?? this.#command;
    const what = `KILL_ROUTE "${command}" succeeds and blocks nothing`;
    const remedy = "make the rule that it relies on, or remove KILL_ROUTE and let the built-in table block";
    warn(`${what}: ${source} was answered all the same; ${holds} it now: ${remedy}`);
    troubles.set(TOPIC, `${what}: ${sources} answered all the same, the last ${source}; ${holds} them: ${remedy}`);
  }
}

function commandOf({ responses }: Settings): string {
  return (responses.killRoute ?? "").slice(0, MAX_SHOWN);
}

// portreeve import: has the daemon block the sources of a list, one a line, and says what became of them. The list is read and
// sent a part at a time, so that neither side ever has a million of them in its hands.
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { errorCode } from "../base/errors.ts";
import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import type { ImportRequest, Refusal } from "../control/api.ts";
import type { ControlClient } from "../control/client.ts";
import { ControlError } from "../control/errors.ts";
import { MAX_IMPORTED_SOURCES } from "../control/requests.ts";
import { readFor } from "./block.ts";
import { connect, tellRefusal } from "./connect.ts";
import type { ClientOptions } from "./options.ts";
import { type Terminal, toJsonLine } from "./terminal.ts";

export interface ImportOptions extends ClientOptions {
  /** As typed: "1h", "0". */
  readonly for?: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
}

/** Longer ones are no address. */
const MAX_SOURCE_CHARS = 50;
const MAX_LINE_CHARS = 4_096;
/** Refused entries that are named; of the others it is said how many there are. */
const NAMED = 20;
const NAMED_IN_JSON = 1_000;

interface NotTaken {
  readonly line: number;
  readonly source: string;
  readonly because: string;
}

interface Outcome {
  added: number;
  merged: number;
  skipped: number;
  refused: number;
  readonly refusals: NotTaken[];
}

/** `session`: where the caller is logged in from, which the daemon does not shut out. */
export async function importList(
  file: string,
  options: ImportOptions,
  terminal: Terminal,
  session: readonly string[] = [],
): Promise<ExitCode> {
  const span = readFor(options);
  if ("error" in span) {
    terminal.complain(span.error);
    return ExitCode.Usage;
  }
  const { reason, dryRun = false } = options;
  const sender = new Sender(connect(options), {
    ...span.ok,
    ...(reason !== undefined && { reason }),
    ...(session.length > 0 && { session }),
    ...(dryRun && { isDryRun: true }),
  });
  try {
    const input = file === "-" ? process.stdin : createReadStream(file);
    const refusal = await sendAll(input, sender);
    if (refusal !== undefined) return tellRefusal(terminal, refusal);
  } catch (error) {
    if (error instanceof ControlError) throw error;
    terminal.complain(`cannot read ${escapeText(file)}: ${errorCode(error)}`);
    return ExitCode.NoInput;
  }
  const { outcome } = sender;
  await terminal.write(options.json ? toJsonLine(outcome) : describe(outcome, dryRun));
  if (!options.json) complainOf(outcome, terminal);
  return outcome.refused === 0 ? ExitCode.Ok : ExitCode.No;
}

/** What the daemon refuses altogether. */
async function sendAll(input: Readable, sender: Sender): Promise<Refusal | undefined> {
  // Networks by themselves: to write many of them costs the daemon little more than a few.
  const singles = new Part();
  const networks = new Part();
  let line = 0;
  for await (const lines of linesOf(input)) {
    for (const text of lines) {
      line++;
      const source = text.slice(0, MAX_LINE_CHARS).replace(/#.*/, "").trim();
      if (source === "") continue;
      if (source.length > MAX_SOURCE_CHARS) {
        sender.refuse({ line, source, because: "bad-address" });
        continue;
      }
      const part = source.includes("/") ? networks : singles;
      part.add(source, line);
      if (part.sources.length < MAX_IMPORTED_SOURCES) continue;
      const refusal = await sender.send(part.take());
      if (refusal !== undefined) return refusal;
    }
  }
  return (
    (await sender.send(networks.take())) ?? (await sender.send({ ...singles.take(), isLast: true })) ?? sender.settled()
  );
}

/** Lines as they come, some at a time, without their ends. */
async function* linesOf(input: Readable): AsyncGenerator<readonly string[]> {
  let rest = "";
  for await (const piece of input.setEncoding("latin1")) {
    const lines = (rest + String(piece)).split("\n");
    // What has no end of a line is no list.
    rest = (lines.pop() ?? "").slice(0, MAX_LINE_CHARS);
    yield lines;
  }
  yield [rest];
}

interface Slice {
  readonly sources: readonly string[];
  readonly lines: readonly number[];
  readonly isLast?: boolean;
}

class Part {
  sources: string[] = [];
  #lines: number[] = [];

  add(source: string, line: number): void {
    this.sources.push(source);
    this.#lines.push(line);
  }

  take(): Slice {
    const taken = { sources: this.sources, lines: this.#lines };
    this.sources = [];
    this.#lines = [];
    return taken;
  }
}

class Sender {
  readonly outcome: Outcome = { added: 0, merged: 0, skipped: 0, refused: 0, refusals: [] };
  readonly #client: ControlClient;
  readonly #how: Omit<ImportRequest, "sources">;
  /** While the daemon works on a part, the next one is read. */
  #answer: Promise<Refusal | undefined> = Promise.resolve(undefined);

  constructor(client: ControlClient, how: Omit<ImportRequest, "sources">) {
    this.#client = client;
    this.#how = how;
  }

  /** Resolves when the part before is answered: what was refused altogether. */
  async send(slice: Slice): Promise<Refusal | undefined> {
    const refusal = await this.#answer;
    if (refusal !== undefined || (slice.sources.length === 0 && slice.isLast !== true)) return refusal;
    this.#answer = this.#ask(slice);
    // Its failure is the next call's.
    this.#answer.catch(() => undefined);
    return undefined;
  }

  settled(): Promise<Refusal | undefined> {
    return this.#answer;
  }

  async #ask({ sources, lines, isLast }: Slice): Promise<Refusal | undefined> {
    const reply = await this.#client.ask("import", { ...this.#how, sources, ...(isLast && { isLast }) });
    if ("refused" in reply) return reply.refused;
    const { added, merged, skipped, refused } = reply.ok;
    this.outcome.added += added;
    this.outcome.merged += merged;
    this.outcome.skipped += skipped;
    for (const { index, code } of refused)
      this.refuse({ line: lines[index] ?? 0, source: sources[index] ?? "", because: code });
    return undefined;
  }

  refuse(one: NotTaken): void {
    this.outcome.refused++;
    if (this.outcome.refusals.length < NAMED_IN_JSON) this.outcome.refusals.push(one);
  }
}

const words: Partial<Readonly<Record<string, string>>> = {
  "bad-address": "it is no address and no CIDR, or has bits set behind its prefix",
  own: "it holds an address of this host, a loopback or a multicast address",
  ignored: "it is on the allow list, or holds an entry of the allow list",
  guarded: 'it holds an address that this host depends on (see "portreeve guard")',
  "own-session": "you are logged in from there",
  "too-wide": "it is wider than /16 (IPv6: /32)",
  full: "the block list is full",
  kernel: "the kernel does not take it; the daemon's log and status say more",
};

function describe({ added, merged, skipped, refused }: Outcome, isDryRun: boolean): string {
  const verb = isDryRun ? "would be " : "";
  return [
    `${added} ${verb}blocked`,
    `${merged} ${verb}blocked for longer than before`,
    `${skipped} skipped: blocked for as long already`,
    `${refused} refused`,
  ]
    .map((text) => `${text}\n`)
    .join("");
}

function complainOf({ refused, refusals }: Outcome, terminal: Terminal): void {
  for (const { line, source, because } of refusals.slice(0, NAMED))
    terminal.complain(`line ${line}: ${escapeText(source.slice(0, MAX_SOURCE_CHARS))}: ${words[because] ?? because}`);
  if (refused > NAMED) terminal.complain(`${refused - NAMED} more are refused; --json names up to ${NAMED_IN_JSON}`);
}

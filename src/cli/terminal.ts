// Where a command writes: its output (waiting for slow readers), its complaints, colour or none, and the time.
import { once } from "node:events";
import type { Writable } from "node:stream";
import { escapeJson } from "../base/escape.ts";

export interface Terminal {
  /** To standard output; resolves when there is room for more. */
  write(text: string): Promise<void>;
  /** One line on standard error, after the program's name. */
  complain(message: string): void;
  readonly colour: boolean;
  /** How wide a line may be; absent where nobody looks at it, as in a pipe. */
  readonly columns?: number;
  nowMs(): number;
}

/** The parts of `process` that a command uses. */
export interface TerminalSource {
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function createTerminal({ stdout, stderr, env }: TerminalSource): Terminal {
  return {
    async write(text) {
      if (!stdout.write(text)) await once(stdout, "drain");
    },
    complain: (message) => void stderr.write(`portreeve: ${message}\n`),
    // https://no-color.org: set and not empty, whatever the value.
    colour: stdout.isTTY === true && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb",
    ...(stdout.isTTY === true && (stdout.columns ?? 0) > 0 && { columns: stdout.columns }),
    nowMs: Date.now,
  };
}

const pieceChars = 64 * 1024;

/** Writes many small texts in few large pieces. */
export async function writeAll(terminal: Terminal, texts: AsyncIterable<string>): Promise<void> {
  let piece = "";
  for await (const text of texts) {
    piece += text;
    if (piece.length < pieceChars) continue;
    await terminal.write(piece);
    piece = "";
  }
  if (piece !== "") await terminal.write(piece);
}

/** One line of JSON that no terminal takes for a command. */
export function toJsonLine(value: unknown): string {
  return `${escapeJson(JSON.stringify(value))}\n`;
}

/** One array, an entry a line. */
export async function* toJsonArray(entries: AsyncIterable<unknown>): AsyncGenerator<string> {
  let separator = "[\n";
  for await (const entry of entries) {
    yield separator + toJsonLine(entry).trimEnd();
    separator = ",\n";
  }
  yield separator === "[\n" ? "[]\n" : "\n]\n";
}

/** SGR codes, ECMA-48 section 8.3.117. */
const colours = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;
export type Colour = keyof typeof colours;

export function paint(terminal: Terminal, colour: Colour | undefined, text: string): string {
  return terminal.colour && colour !== undefined ? `\x1b[${colours[colour]}m${text}\x1b[0m` : text;
}

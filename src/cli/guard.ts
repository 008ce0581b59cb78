// portreeve guard: lists the addresses that this host depends on, why, and until when. None of them is blocked in full
// without a proof, and most are not held either.

import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import type { GuardEntry } from "../control/api.ts";
import { connect } from "./connect.ts";
import { formatSpan, formatTime, tableLines } from "./format.ts";
import type { ClientOptions } from "./options.ts";
import { type Terminal, toJsonArray, writeAll } from "./terminal.ts";

const head = ["SOURCE", "BECAUSE", "UNTIL", "REMAINING"];

export async function guard(options: ClientOptions, terminal: Terminal): Promise<ExitCode> {
  const entries = connect(options).entries("guard", {});
  await writeAll(terminal, options.json ? toJsonArray(entries) : table(entries, terminal));
  return ExitCode.Ok;
}

async function* table(entries: AsyncIterable<GuardEntry>, terminal: Terminal): AsyncGenerator<string> {
  let empty = true;
  for await (const line of tableLines(head, rows(entries, terminal.nowMs()), terminal.columns)) {
    empty = false;
    yield line;
  }
  if (empty) yield "no source is guarded\n";
}

async function* rows(entries: AsyncIterable<GuardEntry>, nowMs: number): AsyncGenerator<string[]> {
  for await (const { source, because, until } of entries) {
    const end =
      until === null ? ["as long as it is so", "-"] : [formatTime(until), formatSpan(Date.parse(until) - nowMs)];
    yield [source, because, ...end].map((cell) => escapeText(cell));
  }
}

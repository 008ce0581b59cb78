// portreeve blocked: lists the sources that are shut out, since and until when, on what evidence. It works entry by entry,
// so that the length of the list does not matter.

import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import type { BlockedEntry } from "../control/api.ts";
import { connect } from "./connect.ts";
import { formatSpan, formatTime, tableLines } from "./format.ts";
import type { ClientOptions } from "./options.ts";
import { type Terminal, toJsonArray, writeAll } from "./terminal.ts";

const head = ["SOURCE", "SINCE", "UNTIL", "REMAINING", "GRADE", "BLOCK", "OFFENCES", "REASON"];

export async function blocked(options: ClientOptions, terminal: Terminal): Promise<ExitCode> {
  const entries = connect(options).entries("blocked", {});
  await writeAll(terminal, options.json ? toJsonArray(entries) : table(entries, terminal));
  return ExitCode.Ok;
}

async function* table(entries: AsyncIterable<BlockedEntry>, terminal: Terminal): AsyncGenerator<string> {
  let empty = true;
  for await (const line of tableLines(head, rows(entries, terminal.nowMs()), terminal.columns)) {
    empty = false;
    yield line;
  }
  if (empty) yield "no source is blocked\n";
}

async function* rows(entries: AsyncIterable<BlockedEntry>, nowMs: number): AsyncGenerator<string[]> {
  for await (const entry of entries) yield row(entry, nowMs);
}

function row(entry: BlockedEntry, nowMs: number): string[] {
  const { until } = entry;
  const extent = entry.soft ? "soft" : "full";
  const cells = [
    entry.source,
    formatTime(entry.since),
    until === null ? "for ever" : formatTime(until),
    until === null ? "-" : formatSpan(Date.parse(until) - nowMs),
    entry.grade,
    entry.enforced ? extent : `${extent}, NOT ENFORCED`,
    String(entry.offences),
    entry.reason,
  ];
  return cells.map((cell) => escapeText(cell));
}

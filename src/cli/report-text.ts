// A report for a person: the sums in a few sentences, then the busiest sources and ports, the last blocks and warnings.
import { escapeText } from "../base/escape.ts";
import type { Event } from "../record/event.ts";
import { eventHead, eventLine } from "./event-line.ts";
import { formatCount, formatSpan, formatTime, plural, tableLines } from "./format.ts";
import type { Report, SourceCount } from "./summary.ts";
import { paint, type Terminal } from "./terminal.ts";

const sourceHead = ["SOURCE", "PROBES", "FINDINGS", "BLOCKS", "NAME"];
const portHead = ["PORT", "PROBES"];

export async function* reportText(report: Report, terminal: Terminal): AsyncGenerator<string> {
  const span = formatSpan(Date.parse(report.until) - Date.parse(report.since));
  yield `${paint(terminal, "bold", `${formatTime(report.since)} to ${formatTime(report.until)} (${span})`)}\n\n`;
  for (const sentence of sentences(report)) yield `${sentence}\n`;
  yield* section("The sources with the most probes:", tableLines(sourceHead, sourceRows(report), terminal.columns));
  yield* section("The ports with the most probes:", tableLines(portHead, portRows(report), terminal.columns));
  yield* section("The last blocks:", eventTable(report.lastBlocks, terminal));
  yield* section("The last warnings:", eventTable(report.lastWarnings, terminal));
}

function* sentences(report: Report): Generator<string> {
  const { recordBegins } = report;
  if (recordBegins === undefined) {
    yield "The record is empty.";
    return;
  }
  if (Date.parse(recordBegins) > Date.parse(report.since))
    yield `The record begins at ${formatTime(recordBegins)}: nothing older is kept (MAX_EVENTS), or nothing had happened.`;
  const missed = report.unrecordedProbes;
  const unrecorded = missed === 0 ? "" : ` (${formatCount(missed)} of them came too fast to be recorded one by one)`;
  yield `${plural(report.probes, "probe")} came from ${plural(report.sources, "source")}${unrecorded}.`;
  yield `${plural(report.findings, "scan was", "scans were")} found, of ${plural(report.foundSources, "source")}.`;
  yield `${plural(report.fullBlocks, "full block")} and ${plural(report.softBlocks, "soft block")} began, and ${plural(report.unblocks, "block")} ended.`;
  yield report.warnings === 0
    ? "There was no warning."
    : `${plural(report.warnings, "warning was", "warnings were")} given.`;
}

async function* section(title: string, lines: AsyncIterable<string>): AsyncGenerator<string> {
  let isFirst = true;
  for await (const line of lines) {
    if (isFirst) yield `\n${title}\n`;
    isFirst = false;
    yield line;
  }
}

async function* eventTable(events: readonly Event[], terminal: Terminal): AsyncGenerator<string> {
  if (events.length > 0) yield eventHead(terminal);
  for (const event of events) yield eventLine(event, terminal);
}

async function* sourceRows({ topSources }: Report): AsyncGenerator<string[]> {
  for (const one of topSources) {
    const counts = [one.probes, one.findings, one.blocks].map(formatCount);
    yield [escapeText(one.source), ...counts, escapeText(nameOf(one))];
  }
}

async function* portRows({ topPorts }: Report): AsyncGenerator<string[]> {
  for (const { port, probes } of topPorts) yield [escapeText(port), formatCount(probes)];
}

function nameOf({ known, tool }: SourceCount): string {
  return [known ?? "", tool ?? ""].filter((name) => name !== "").join(", ") || "-";
}

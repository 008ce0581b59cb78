// A backtest for a person: the record that it rests on, the findings of each policy, the clients among them, and each source.
import { escapeText } from "../base/escape.ts";
import {
  type BacktestSummary,
  IGNORED,
  type PolicyReport,
  type RecordReport,
  type SourceReport,
} from "../replay/backtest-report.ts";
import { formatCount, formatSpan, formatTime, plural, tableLines } from "./format.ts";
import { paint, type Terminal } from "./terminal.ts";

const MOST_ROWS = 100;
const head = ["", "SOURCE", "FOUND", "BY", "NOTE"];
const marks = { new: "+", same: "=", gone: "-" } as const;

interface Told {
  readonly sources: readonly SourceReport[];
  readonly summary: BacktestSummary;
}

export async function* backtestText({ sources, summary }: Told, terminal: Terminal): AsyncGenerator<string> {
  const { record, present, proposed } = summary;
  if (record.first === undefined || record.last === undefined) {
    yield "No probe is recorded, so there is nothing to test the settings on.\n";
    return;
  }
  const span = `${formatTime(record.first)} to ${formatTime(record.last)} (${formatSpan(record.seconds * 1000)})`;
  yield `This test rests on ${plural(record.probes, "recorded probe")} of ${plural(record.sources, "source")}, ${span}.\n`;
  for (const line of shortcomings(record)) yield `${paint(terminal, "yellow", line)}\n`;

  const hidden = Object.keys(present.settings).filter(
    (key) => key.startsWith("TOLERATED_") && present.settings[key] === proposed.settings[key],
  );
  const isSame = JSON.stringify(present.settings) === JSON.stringify(proposed.settings);
  yield `\nNow:       ${policyLine(present, hidden)}\n`;
  if (!isSame) {
    yield `Proposed:  ${policyLine(proposed, hidden)}\n`;
    yield `\n${paint(terminal, "bold", changeLine(summary))}\n`;
  }
  if (proposed.clients > 0) yield `${paint(terminal, "red", clientLine(summary))}\n`;
  if (sources.length === 0) return;
  yield "\n";
  yield* tableLines(head, rows(sources), terminal.columns);
  if (sources.length > MOST_ROWS)
    yield `... and ${formatCount(sources.length - MOST_ROWS)} more; --json lists them all\n`;
}

function* shortcomings(record: RecordReport): Generator<string> {
  const { deletedEvents, missedProbes, lostPackets = 0, lostEvents = 0, guessedProbes, unusableEvents } = record;
  const missing = [
    deletedEvents > 0 ? `${plural(deletedEvents, "older event")}, deleted (MAX_EVENTS)` : "",
    missedProbes > 0 ? `${plural(missedProbes, "probe")} that came too fast to be recorded` : "",
    lostPackets > 0 ? `${plural(lostPackets, "packet")} lost before they were judged` : "",
    lostEvents > 0 ? `${plural(lostEvents, "event")} that could not be stored` : "",
    unusableEvents > 0 ? `${plural(unusableEvents, "event")} that cannot be used` : "",
  ].filter((text) => text !== "");
  if (missing.length > 0) yield `The record lacks ${missing.join("; ")}.`;
  if (guessedProbes > 0) {
    yield `${plural(guessedProbes, "probe")} came from an older version, which did not record whether a port had been open lately: ` +
      "all these probes are taken for probes of closed ports, so too many sources may be found.";
  }
  if (!record.clientsKnown) yield "The known clients could not be read, so no source is marked as one.";
  if (!record.guardKnown)
    yield "The daemon does not run, so the hosts that this host depends on are not known, and no source is marked as guarded.";
}

function policyLine({ settings, found, clients, guarded, ignored }: PolicyReport, hidden: readonly string[]): string {
  const keys = Object.entries(settings).filter(([key]) => !hidden.includes(key));
  const told = [
    `${plural(found, "source")} found scanning`,
    `${plural(clients, "known client")}`,
    ...(guarded > 0 ? [`${formatCount(guarded)} guarded`] : []),
    ...(ignored > 0 ? [`${formatCount(ignored)} on the allow list`] : []),
  ];
  return `${keys.map(([key, value]) => `${key}="${value}"`).join(" ")}: ${told.join(", ")}`;
}

function changeLine({ gone, goneUnsure, further, ...summary }: BacktestSummary): string {
  const unsure =
    goneUnsure === 0
      ? ""
      : ` (${formatCount(goneUnsure)} of them had been blocked, so the record lacks the probes that they would have sent later)`;
  const rest = further === 0 ? "" : ` ${formatCount(further)} more sources are not listed.`;
  return `${plural(summary.new, "source")} would be found as well, ${formatCount(gone)} no longer${unsure}.${rest}`;
}

function clientLine({ proposed, blocks }: BacktestSummary): string {
  const who = `${plural(proposed.clients, "known client")} would be shut out with BLOCK_TCP="1" and BLOCK_UDP="1"`;
  return blocks === "softly" ? `${who}, softly at first (PROOF="on").` : `${who}, in full (PROOF="off").`;
}

async function* rows(sources: readonly SourceReport[]): AsyncGenerator<string[]> {
  for (const source of [...sources].sort(byUrgency).slice(0, MOST_ROWS)) {
    const found = source.proposed ?? source.present;
    const cells = [
      marks[source.change],
      source.source,
      formatTime(found?.time ?? ""),
      found?.reason ?? "",
      note(source),
    ];
    yield cells.map((cell) => escapeText(cell));
  }
}

/** Sources whose finding changes come first, and clients before others; the rest stay in the order of time. */
function byUrgency(a: SourceReport, b: SourceReport): number {
  return urgency(a) - urgency(b);
}

function urgency({ change, clientOf, spared }: SourceReport): number {
  const isClient = clientOf !== undefined && spared === undefined;
  return (change === "new" ? 0 : change === "gone" ? 2 : 4) + (isClient ? 0 : 1);
}

function note({ clientOf, spared, wasBlocked }: SourceReport): string {
  const notes = [
    clientOf === undefined ? "" : `known client of tcp/${clientOf.join(", tcp/")}`,
    spared === undefined ? "" : spared === IGNORED ? "on the allow list" : `guarded: ${spared}`,
    wasBlocked === true ? "was blocked then" : "",
  ];
  return notes.filter((text) => text !== "").join("; ");
}

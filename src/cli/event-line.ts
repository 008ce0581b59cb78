// Events as a table for a person: when, what, who, where, and in words what came of it.
import { escapeText } from "../base/escape.ts";
import type { Event, EventType } from "../record/event.ts";
import { alignRow, formatTime } from "./format.ts";
import { type Colour, paint, type Terminal } from "./terminal.ts";

const head = ["TIME", "TYPE", "SOURCE", "PORT", "WHAT"];
/** Wide enough for every IPv4 address; longer sources push the rest of their line to the right. */
const widths = ["2026-11-22 10:00:00".length, "finding".length, "192.0.2.255".length + 4, "tcp/65535".length];

/** The names of the columns, as a line. */
export function eventHead(terminal: Terminal): string {
  return paintLine(terminal, "bold", alignRow(head, widths, terminal.columns));
}

export function eventLine(event: Event, terminal: Terminal): string {
  const cells = [formatTime(event.time), event.type, event.source ?? "-", target(event), whatOf(event)];
  const line = alignRow(
    cells.map((cell) => escapeText(cell)),
    widths,
    terminal.columns,
  );
  return paintLine(terminal, colourOf(event.type), line);
}

function paintLine(terminal: Terminal, colour: Colour | undefined, line: string): string {
  return `${paint(terminal, colour, line.trimEnd())}\n`;
}

function target({ protocol, port }: Event): string {
  if (protocol === undefined) return port === undefined ? "-" : String(port);
  return port === undefined ? protocol : `${protocol}/${port}`;
}

function whatOf(event: Event): string {
  const { tool, known, message, host } = event;
  const names = [tool === undefined ? "" : `by ${tool}`, known === undefined ? "" : `known as "${known}"`];
  const where = host === undefined ? "" : `of ${host}`;
  const parts = event.type === "probe" ? [event.kind ?? "", where, ...names] : [message ?? "", ...names];
  return [...parts, ...outcome(event)].filter((part) => part !== "").join("; ");
}

/** What was decided or done, in words; a word that this version does not know as it is. */
function outcome({ type, grade, action = "", missed = 0 }: Event): string[] {
  switch (type) {
    case "probe":
      return [action, missed > 0 ? `${missed} more before it are not recorded` : ""];
    case "finding":
    case "block":
      return [grade === undefined ? "" : (grades[grade] ?? grade), verdicts[action] ?? action];
    case "unblock":
      return [action];
    case "drift":
    case "warning":
      return [action];
    case "outgoing":
      return [];
  }
}

const grades: Readonly<Record<string, string>> = {
  direct: "not proven (direct)",
  silence: "proven by the silence test (silence)",
  handshake: "proven by a handshake (handshake)",
  manual: "by an administrator (manual)",
};

const verdicts: Readonly<Record<string, string>> = {
  block: "full block",
  soft: "soft block",
  log: "logged only",
  run: "KILL_RUN_CMD is to run",
  ran: "this was run or written",
  ignored: "spared, as it is on the allow list",
  guarded: "spared, as this host depends on it",
  own: "spared, as no other host may have this address",
};

function colourOf(type: EventType): Colour | undefined {
  switch (type) {
    case "probe":
      return "dim";
    case "finding":
      return undefined;
    case "block":
      return "red";
    case "unblock":
      return "green";
    case "drift":
    case "warning":
    case "outgoing":
      return "yellow";
  }
}

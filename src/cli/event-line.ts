// One event as one line for a person: when, what, who, where, and the daemon's own sentence.
import { escapeText } from "../base/escape.ts";
import type { Event, EventType } from "../record/event.ts";
import { formatTime } from "./format.ts";
import { type Colour, paint, type Terminal } from "./terminal.ts";

/** Wide enough for every IPv4 address; longer sources push the rest of their line to the right. */
const sourceWidth = 15;
const typeWidth = "finding".length;

export function eventLine(event: Event, terminal: Terminal): string {
  const fields = [
    formatTime(event.time),
    event.type.padEnd(typeWidth),
    (event.source ?? "-").padEnd(sourceWidth),
    target(event),
    event.kind,
    event.tool,
    event.known === undefined ? undefined : `"${event.known}"`,
    event.grade,
    event.action,
    event.message,
  ];
  const told = fields.filter((field) => field !== undefined && field !== "").join("  ");
  return `${paint(terminal, colourOf(event.type), escapeText(told))}\n`;
}

function target({ protocol, port }: Event): string | undefined {
  if (protocol === undefined) return port === undefined ? undefined : String(port);
  return port === undefined ? protocol : `${protocol}/${port}`;
}

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
      return "yellow";
  }
}

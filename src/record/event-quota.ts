// Whose events make room for new ones: each kind has places of its own, so that probes, which anybody can forge, displace
// probes, and a flood of findings no warning. Places that a kind does not use are lent to the others. Pure.
import { type EventType, eventTypes } from "./event.ts";

export const eventKinds = ["probes", "decisions", "notices"] as const;
export type EventKind = (typeof eventKinds)[number];
export type EventCounts = Record<EventKind, number>;

/** Of all places; together 1. */
const shares: Readonly<EventCounts> = { probes: 0.5, decisions: 0.4, notices: 0.1 };

const kinds: Readonly<Record<EventType, EventKind>> = {
  probe: "probes",
  finding: "decisions",
  block: "decisions",
  unblock: "decisions",
  drift: "notices",
  warning: "notices",
};

export function noEvents(): EventCounts {
  return { probes: 0, decisions: 0, notices: 0 };
}

export function kindOf(type: EventType): EventKind {
  return kinds[type];
}

export function typesOf(kind: EventKind): EventType[] {
  return eventTypes.filter((type) => kinds[type] === kind);
}

/**
 * What must go when there are more than `limit`, so that `kept` of it stays: of each kind no more than it has beyond its
 * part of what stays, probes first. Then all fit, as the parts together are what stays.
 */
export function surplus(counts: Readonly<EventCounts>, limit: number, kept: number): [EventKind, number][] {
  const total = eventKinds.reduce((sum, kind) => sum + counts[kind], 0);
  if (total <= limit) return [];
  const stays = Math.floor(limit * kept);
  let left = total - stays;
  const going: [EventKind, number][] = [];
  for (const kind of eventKinds) {
    const count = Math.min(left, counts[kind] - Math.floor(stays * shares[kind]));
    if (count <= 0) continue;
    going.push([kind, count]);
    left -= count;
  }
  return going;
}

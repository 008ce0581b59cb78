// Decides which events make room for new ones. Each kind has places of its own: probes, which anybody can forge, displace only
// probes; unproven findings and blocks, which anybody can forge as well, displace none about proven sources; and a flood of
// findings displaces no warning. Unused places are lent to the other kinds. Pure.
import { type Event, type EventType, eventTypes } from "./event.ts";

export const eventKinds = ["probes", "claims", "proven", "notices"] as const;
export type EventKind = (typeof eventKinds)[number];
export type EventCounts = Record<EventKind, number>;

/** Shares of all places; together 1. */
const shares: Readonly<EventCounts> = { probes: 0.5, claims: 0.2, proven: 0.2, notices: 0.1 };

/** What the store's column of types says of a finding, a block or an unblock that no forger can bring about. */
const PROVEN = "proven";

export const storedTypes = [...eventTypes, PROVEN] as const;
export type StoredType = EventType | typeof PROVEN;

const kinds: Readonly<Record<StoredType, EventKind>> = {
  probe: "probes",
  finding: "claims",
  block: "claims",
  unblock: "claims",
  drift: "notices",
  warning: "notices",
  outgoing: "notices",
  [PROVEN]: "proven",
};

/** How a person lifts a block. */
const unblockedByHand: readonly string[] = ["by hand", "all", "on the allow list"];

export function noEvents(): EventCounts {
  return { probes: 0, claims: 0, proven: 0, notices: 0 };
}

export function storedTypeOf({ type, grade, action = "" }: Pick<Event, "type" | "grade" | "action">): StoredType {
  const isProven = type === "unblock" ? unblockedByHand.includes(action) : grade !== undefined && grade !== "direct";
  return kinds[type] === "claims" && isProven ? PROVEN : type;
}

/** As which types the store keeps events of these. */
export function storedTypesOf(types: readonly EventType[]): StoredType[] {
  return types.some((type) => kinds[type] === "claims") ? [...types, PROVEN] : [...types];
}

export function kindOf(type: StoredType): EventKind {
  return kinds[type];
}

export function typesOf(kind: EventKind): StoredType[] {
  return storedTypes.filter((type) => kinds[type] === kind);
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

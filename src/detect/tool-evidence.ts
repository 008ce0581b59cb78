// One source's packets counted against fingerprints.ts: which tools it uses, how many packets say so, and how unlikely
// that is by chance. Several tools behind one address are counted apart. Bounded: a few numbers a row, and none at all
// until a packet fits one; nothing is allocated per packet after that.
import type { Packet } from "../wire/packet.ts";
import {
  constantOf,
  firstBits,
  fitsCookie,
  fitsHabits,
  furtherBits,
  NAMED_AT_BITS,
  packetsNeeded,
} from "./fingerprint-match.ts";
import { Constant, Cookie, type Fingerprint, fingerprints, type ToolName, toolNames } from "./fingerprints.ts";
import { layoutOf } from "./header-layout.ts";

export interface ToolFound {
  readonly tool: ToolName;
  /** The rows that matched: "-sS", "-O". */
  readonly variants: readonly string[];
  /** Packets that fit, of all variants. */
  readonly packets: number;
  /** Of the strongest variant: by chance one source in 2^chanceBits looks like this. */
  readonly chanceBits: number;
}

interface Row {
  readonly row: Fingerprint;
  readonly cookie: Cookie;
  readonly constant: Constant;
  readonly furtherBits: number;
  readonly packetsNeeded: number;
}

const rows: readonly Row[] = fingerprints.map((row) => ({
  row,
  cookie: row.cookie ?? Cookie.None,
  constant: row.constant ?? Constant.None,
  furtherBits: furtherBits(row),
  packetsNeeded: packetsNeeded(row),
}));

/** What is kept of each row, in 32-bit words. */
const ROW_WORDS = 6;
/** All packets that fit. */
const PACKETS = 0;
/** Those of them whose target differs from the one before: a repeated packet proves nothing new. */
const FRESH = 1;
/** The same of all that had the habits: those that miss the cookie or the constant speak against it. */
const TRIED = 2;
/** The constant that most packets share, how far it leads (Boyer and Moore's majority vote), and the last target. */
const VALUE = 3;
const LEAD = 4;
const TARGET = 5;

/** A lead beyond this is not counted, so that a new scan of the same source is heard after as many packets. */
const MAX_LEAD = 16;

export class ToolEvidence {
  #tally: Uint32Array | undefined;

  /** Takes one of the source's packets. `bytes`: those the packet was decoded from. */
  note(packet: Packet, bytes: Uint8Array): void {
    if (packet.fragmentOffset !== 0 || packet.moreFragments !== 0) return;
    const layout = layoutOf(packet, bytes);
    for (let index = 0; index < rows.length; index++) {
      const entry = rows[index];
      if (entry === undefined || !fitsHabits(entry.row, packet, layout)) continue;
      this.#tally ??= new Uint32Array(rows.length * ROW_WORDS);
      if (count(this.#tally, index * ROW_WORDS, entry, packet)) return;
    }
  }

  /** The tools that are beyond chance, the one with the most packets first. */
  tools(): readonly ToolFound[] {
    const tally = this.#tally;
    if (tally === undefined) return [];
    const found = toolNames.map((tool) => summary(tool, tally)).filter((one) => one !== undefined);
    return found.sort((a, b) => b.packets - a.packets);
  }
}

/** True if the packet is the row's; one that has the habits only may be another row's. */
function count(tally: Uint32Array, at: number, { cookie, constant }: Row, packet: Packet): boolean {
  const target = targetOf(packet);
  const isFirst = tally[at + TRIED] === 0;
  const isFresh = isFirst || tally[at + TARGET] !== target;
  tally[at + TARGET] = target;
  if (isFresh) increase(tally, at + TRIED);
  if (!fitsCookie(cookie, packet)) return false;
  if (constant !== Constant.None && !agrees(tally, at, constantOf(constant, packet), isFirst, isFresh)) return false;
  increase(tally, at + PACKETS);
  if (isFresh) increase(tally, at + FRESH);
  return true;
}

function agrees(tally: Uint32Array, at: number, value: number, isFirst: boolean, isFresh: boolean): boolean {
  const lead = tally[at + LEAD] ?? 0;
  if (!isFirst && value === tally[at + VALUE]) {
    if (isFresh) tally[at + LEAD] = Math.min(lead + 1, MAX_LEAD);
    return true;
  }
  if (lead > 1) {
    tally[at + LEAD] = lead - 1;
    return false;
  }
  tally[at + VALUE] = value;
  tally[at + LEAD] = 1;
  return false;
}

function increase(tally: Uint32Array, at: number): void {
  const value = tally[at] ?? 0;
  if (value < 0xffffffff) tally[at] = value + 1;
}

/** What a further probe changes and a repeated one does not. */
function targetOf(packet: Packet): number {
  const ports = (packet.destinationPort << 16) ^ packet.sourcePort;
  return (packet.destination2 ^ packet.destination3 ^ ports ^ (packet.icmpIdentifier << 8)) >>> 0;
}

function summary(tool: ToolName, tally: Uint32Array): ToolFound | undefined {
  const variants: string[] = [];
  let packets = 0;
  let chanceBits = 0;
  rows.forEach((entry, index) => {
    if (entry.row.tool !== tool) return;
    const at = index * ROW_WORDS;
    // The packet that set the constant agrees with it too.
    const first = entry.constant === Constant.None ? 0 : 1;
    const fresh = (tally[at + FRESH] ?? 0) + first;
    const bits = bitsOf(entry, fresh, tally[at + TRIED] ?? 0);
    if (fresh < entry.packetsNeeded || (entry.furtherBits > 0 && bits < NAMED_AT_BITS)) return;
    variants.push(entry.row.variant);
    packets += (tally[at + PACKETS] ?? 0) + first;
    chanceBits = Math.max(chanceBits, bits);
  });
  return variants.length === 0 ? undefined : { tool, variants, packets, chanceBits };
}

/**
 * How unlikely it is that `fresh` of `tried` packets fit: the habits once, what is right in each packet each time, less the
 * number of ways to choose the packets that fit, which is at most (tried e / fresh)^fresh.
 */
function bitsOf(entry: Row, fresh: number, tried: number): number {
  if (fresh === 0) return 0;
  const first = firstBits(entry.row);
  const bits = first + (fresh - 1) * entry.furtherBits;
  const ways = fresh >= tried ? 0 : fresh * Math.log2((tried * Math.E) / fresh);
  return Math.floor(Math.max(0, entry.furtherBits === 0 ? first : bits - ways));
}

/** What a single packet tells: rows of which one packet is worth more than this. */
const SINGLE_PACKET_BITS = 20;
const singles: readonly Row[] = rows.filter(
  (entry) => entry.constant === Constant.None && firstBits(entry.row) > SINGLE_PACKET_BITS,
);

/** The tool that one packet looks like; undefined when one packet cannot tell. A hint, where ToolEvidence is a finding. */
export function toolOfPacket(packet: Packet, bytes: Uint8Array): ToolName | undefined {
  if (packet.fragmentOffset !== 0 || packet.moreFragments !== 0) return undefined;
  const layout = layoutOf(packet, bytes);
  for (const entry of singles) {
    if (fitsHabits(entry.row, packet, layout) && fitsCookie(entry.cookie, packet)) return entry.row.tool;
  }
  return undefined;
}

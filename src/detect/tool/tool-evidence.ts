// One source's packets counted against fingerprints.ts: which tools it uses, how many packets say so, and how unlikely
// that is by chance. Several tools behind one address are counted apart. Bounded: a few numbers a row, and none at all
// until a packet fits one; nothing is allocated per packet after that.
import type { Packet } from "../../wire/packet.ts";
import { NAMED_AT_BITS } from "./fingerprint-bits.ts";
import { candidatesOf, compiledRows } from "./fingerprint-index.ts";
import { type CompiledRow, constantOf, fitsCookie } from "./fingerprint-match.ts";
import { Constant, type ToolName, toolNames } from "./fingerprints.ts";
import type { Layout } from "./header-layout.ts";

export interface ToolFound {
  readonly tool: ToolName;
  /** The rows that matched: "-sS", "-O". */
  readonly variants: readonly string[];
  /** Packets that fit, of all variants. */
  readonly packets: number;
  /** Of the strongest variant: by chance one source in 2^chanceBits looks like this. */
  readonly chanceBits: number;
}

/** The memory of each row, in 32-bit words. */
const ROW_WORDS = 6;
/** All packets that fit. */
const PACKETS = 0;
/** Those of them whose target differs from the one before: a repeated packet proves nothing new. */
const FRESH = 1;
/** The same for all packets that had the habits: those that miss the cookie or the constant speak against it. */
const TRIED = 2;
/** The constant that most packets share, how far it leads (Boyer and Moore's majority vote), and the last target. */
const VALUE = 3;
const LEAD = 4;
const TARGET = 5;

/** More says nothing more. */
const MAX_CHANCE_BITS = 256;
/** A lead beyond this is not counted, so that a new scan of the same source is heard after as many packets. */
const MAX_LEAD = 16;

export class ToolEvidence {
  #tally: Uint32Array | undefined;

  /** Takes one of the source's packets, with the answer of layoutOf for it. */
  note(packet: Packet, layout: Layout): void {
    if (packet.fragmentOffset !== 0 || packet.moreFragments !== 0) return;
    const rows = candidatesOf(packet, layout);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      if (row === undefined || !row.fitsHabits(packet)) continue;
      this.#tally ??= new Uint32Array(compiledRows.length * ROW_WORDS);
      if (count(this.#tally, row, packet)) return;
    }
  }

  /** `chanceBits` of the strongest tool, without making a list; 0 when none is named. */
  strongestBits(): number {
    let strongest = 0;
    if (this.#tally === undefined) return strongest;
    for (const row of compiledRows) strongest = Math.max(strongest, namedBits(row, this.#tally));
    return strongest;
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
function count(tally: Uint32Array, { index, cookie, constant }: CompiledRow, packet: Packet): boolean {
  const at = index * ROW_WORDS;
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
  if (value === 0) return false;
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

/** The field that a further probe changes and a repeated one does not. */
function targetOf(packet: Packet): number {
  const ports = (packet.destinationPort << 16) ^ packet.sourcePort;
  return (packet.destination2 ^ packet.destination3 ^ ports ^ (packet.icmpIdentifier << 8)) >>> 0;
}

function summary(tool: ToolName, tally: Uint32Array): ToolFound | undefined {
  const variants: string[] = [];
  let packets = 0;
  let chanceBits = 0;
  for (const row of compiledRows) {
    const bits = row.row.tool === tool ? namedBits(row, tally) : 0;
    if (bits === 0) continue;
    variants.push(row.row.variant);
    packets += (tally[row.index * ROW_WORDS + PACKETS] ?? 0) + setters(row, tally);
    chanceBits = Math.max(chanceBits, bits);
  }
  return variants.length === 0 ? undefined : { tool, variants, packets, chanceBits };
}

/** The bits of a row that names its tool; 0 of one that does not. */
function namedBits(row: CompiledRow, tally: Uint32Array): number {
  const at = row.index * ROW_WORDS;
  const fresh = (tally[at + FRESH] ?? 0) + setters(row, tally);
  if (fresh < row.packetsNeeded) return 0;
  const bits = bitsOf(row, fresh, tally[at + TRIED] ?? 0);
  return row.furtherBits > 0 && bits < NAMED_AT_BITS ? 0 : bits;
}

/** The packet that set the constant agrees with it too, and was not counted then. */
function setters(row: CompiledRow, tally: Uint32Array): number {
  return tally[row.index * ROW_WORDS + LEAD] === 0 ? 0 : 1;
}

/**
 * How unlikely it is that `fresh` of `tried` packets fit: the habits once, what is right in each packet each time, less the
 * number of ways to choose the packets that fit, which is at most (tried e / fresh)^fresh.
 */
function bitsOf(row: CompiledRow, fresh: number, tried: number): number {
  if (fresh === 0) return 0;
  const bits = row.firstBits + (fresh - 1) * row.furtherBits;
  const ways = row.furtherBits === 0 || fresh >= tried ? 0 : fresh * Math.log2((tried * Math.E) / fresh);
  return Math.floor(Math.min(MAX_CHANCE_BITS, Math.max(0, bits - ways)));
}

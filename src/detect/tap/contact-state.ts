// The state of a contact's row, packed into one number.
import { Kind, kindAt } from "../kinds.ts";
import { Outcome } from "./contact.ts";

//  bit  0..4   5..7      8     9      10     11     12         13     14
//      +------+---------+-----+------+------+------+----------+------+--------+
//      | kind | outcome | own | held | talk | told | evidence | data | served |
//      +------+---------+-----+------+------+------+----------+------+--------+
//  bit  15     16     17..18    19        20       21       22..28
//      +------+------+---------+---------+--------+--------+----------+
//      | mute | vain | repeats | goes on | router | kernel | sequence |
//      +------+------+---------+---------+--------+--------+----------+
const KIND_MASK = 0x1f;
const OUTCOME_AT = 5;
const OUTCOME_MASK = 7 << OUTCOME_AT;

/** A host of ours asks somebody: remembered so that the answers are no probes, and never told. */
export const OWN = 1 << 8;
/** Its packet is held back until its nature is clear. */
export const HELD = 1 << 9;
/** The two talk since before we looked: no probe. */
export const TALK = 1 << 10;
/** Its outcome has been told. */
export const TOLD = 1 << 11;
export const EVIDENCE = 1 << 12;
/** While held: it carried data, which a scan's segments do not. */
export const DATA = 1 << 13;
/** While held: it goes from a service's port to a client's. */
export const SERVED = 1 << 14;
/** That nobody answers says nothing. */
export const MUTE = 1 << 15;
/** That the host refuses says nothing either. */
export const VAIN = 1 << 16;
/** While nobody has answered, the asking side has gone on: it was answered where we do not see it. */
export const GOES_ON = 1 << 19;
/** The asker sends for others too. */
export const ROUTER = 1 << 20;
/** Its SYN has the options of an operating system's, be they captured or cut off. */
export const KERNEL = 1 << 21;
const REPEATS_AT = 17;
const REPEATS_MASK = 3 << REPEATS_AT;
const SEQUENCE_AT = 22;
const SEQUENCE_MASK = 0x7f << SEQUENCE_AT;

/** The contact is settled. */
export const SETTLED = OWN | TALK | TOLD;

const outcomes: Outcome[] = [];
for (const outcome of Object.values(Outcome)) outcomes[outcome] = outcome;

export function kindOf(state: number): Kind {
  return kindAt(state & KIND_MASK) ?? Kind.Unknown;
}

export function withKind(state: number, kind: Kind): number {
  return (state & ~KIND_MASK) | kind;
}

/** The first SYN's sequence number, of which a few bits will do: a repeated SYN has the same. */
export function withSequence(state: number, sequence: number): number {
  return (state & ~SEQUENCE_MASK) | (foldedSequence(sequence) << SEQUENCE_AT);
}

export function hasSequence(state: number, sequence: number): boolean {
  return (state & SEQUENCE_MASK) >>> SEQUENCE_AT === foldedSequence(sequence);
}

/** Up to 3. */
export function repeatsOf(state: number): number {
  return (state & REPEATS_MASK) >>> REPEATS_AT;
}

export function withRepeat(state: number): number {
  return repeatsOf(state) === 3 ? state : state + (1 << REPEATS_AT);
}

function foldedSequence(sequence: number): number {
  return Math.imul(sequence, 0x9e3779b1) >>> 25;
}

export function outcomeOf(state: number): Outcome {
  return outcomes[(state & OUTCOME_MASK) >>> OUTCOME_AT] ?? Outcome.Unknown;
}

export function withOutcome(state: number, outcome: Outcome): number {
  return (state & ~OUTCOME_MASK) | (outcome << OUTCOME_AT);
}

// The state of a contact's row, packed into one number.
import { Kind, kindAt } from "../kinds.ts";
import { Outcome } from "./contact.ts";

//  bit  0..4   5..7      8     9      10     11     12         13     14
//      +------+---------+-----+------+------+------+----------+------+--------+
//      | kind | outcome | own | held | talk | told | evidence | data | served |
//      +------+---------+-----+------+------+------+----------+------+--------+
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

export function outcomeOf(state: number): Outcome {
  return outcomes[(state & OUTCOME_MASK) >>> OUTCOME_AT] ?? Outcome.Unknown;
}

export function withOutcome(state: number, outcome: Outcome): number {
  return (state & ~OUTCOME_MASK) | (outcome << OUTCOME_AT);
}

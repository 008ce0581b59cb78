// Works out how much a row of fingerprints.ts is worth against chance, in bits, and how many packets it therefore needs.
import { Constant, Cookie, constantBits, cookieBits, type Fingerprint } from "./fingerprints.ts";

/** Chance is out of the question below 2^-30: one wrong name in a thousand million sources. */
export const NAMED_AT_BITS = 30;
/** Rows of habits alone never get there: they are named at more than this, after a few packets that all agree. */
const NAMED_BY_HABITS_BITS = 20;
const PACKETS_OF_HABITS = 3;

/** The worth of the first packet. */
export function firstBits({ habits, cookie }: Fingerprint): number {
  const { window, layout, hopBits = 0, dontFragment, identification, strayAcknowledgmentBits = 0 } = habits;
  const fixed = (window?.bits ?? 0) + (layout?.bits ?? 0) + (identification?.bits ?? 0) + (dontFragment?.bits ?? 0);
  return fixed + hopBits + strayAcknowledgmentBits + cookieBits[cookie ?? Cookie.None];
}

/** The worth of each further packet to another target: 0 for rows of habits. */
export function furtherBits({ habits, cookie, constant }: Fingerprint): number {
  // An identification of 0 is a habit: a sender that leaves it empty once always does.
  const id = habits.identification === undefined || habits.identification.is === 0 ? 0 : habits.identification.bits;
  return id + cookieBits[cookie ?? Cookie.None] + constantBits[constant ?? Constant.None];
}

/** How many packets, each to another target, until the tool is named; Infinity if its row can never name it. */
export function packetsNeeded(row: Fingerprint): number {
  const first = firstBits(row);
  const further = furtherBits(row);
  if (first >= NAMED_AT_BITS) return 1;
  if (further > 0) return 1 + Math.ceil((NAMED_AT_BITS - first) / further);
  return first > NAMED_BY_HABITS_BITS ? PACKETS_OF_HABITS : Number.POSITIVE_INFINITY;
}

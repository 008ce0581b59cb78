// When two ends of a block are one.

/** What the kernel's clock and ours may differ by before an element counts as another block's. */
const EXPIRY_TOLERANCE_MS = 2_000;

/** Whether two ends of a block, in ms since the epoch, are one: the kernel counts in its own ticks. */
export function sameEnd(oneMs: number | undefined, otherMs: number | undefined): boolean {
  if (oneMs === undefined || otherMs === undefined) return oneMs === otherMs;
  return Math.abs(oneMs - otherMs) <= EXPIRY_TOLERANCE_MS;
}

// Blocks that a change of the host or of the allow list touches: those of sources that are exempt or in the guard now, and those
// that the kernel must hold in another way.
import { type Block, isInTable } from "../judge/block.ts";
import type { GuardReason } from "../judge/verdict.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import type { BlockList } from "./block-list.ts";

/** A part of the guard, and why it is in it. */
export interface Guarded {
  readonly source: Prefix;
  readonly because: GuardReason;
}

/**
 * Blocks to end, as their sources have come into the guard: those made on a claim (of `onClaim` all, of `guarded` the full ones),
 * and with GUARD_SSH the full ones of a live SSH session even on proof. A source that is shut out cannot log in: it had logged in, and
 * was proven before the session was seen.
 */
export function blocksOfGuarded(
  list: Pick<BlockList, "inside">,
  by: { readonly onClaim: readonly Prefix[]; readonly guarded: readonly Guarded[]; readonly guardSsh: boolean },
): Block[] {
  const inside = (sources: readonly Prefix[]) => sources.flatMap((source) => list.inside(source));
  const inFull = inside(by.guarded.map(({ source }) => source)).filter(({ soft }) => !soft);
  const unproven = [...inside(by.onClaim), ...inFull].filter(({ grade }) => grade === "direct");
  const sessions = by.guarded.filter(({ because }) => because === "ssh" && by.guardSsh);
  const proven = inside(sessions.map(({ source }) => source)).filter(
    ({ grade, soft }) => !soft && (grade === "handshake" || grade === "silence"),
  );
  // A gateway may be a resolver as well.
  return distinct([...unproven, ...proven]);
}

/** Entries that were not exempt before. What stood on the allow list before was blocked with --force, and stays so. */
export function newlyExempt(before: readonly Prefix[], now: readonly Prefix[]): Prefix[] {
  const known = new AddressRanges(before);
  return now.filter((prefix) => !known.containsPrefix(prefix));
}

/**
 * Blocks of sources that are exempt now, of each grade and maker; and blocks of prefixes in which an exempt address lies. The kernel's
 * rules let such an address pass, but commands know no exception.
 */
export function blocksOfExempt(list: Pick<BlockList, "inside" | "containing">, exempt: readonly Prefix[]) {
  const inside = distinct(exempt.flatMap((prefix) => list.inside(prefix)));
  const names = new Set(inside.map(({ source }) => formatPrefix(source)));
  const around = distinct(exempt.flatMap((prefix) => list.containing(prefix)));
  return { inside, around: around.filter(({ source }) => !names.has(formatPrefix(source))) };
}

/** IPv6 blocks that the kernel holds in another way when a link of ours is new or gone: a /64, and its first address. */
export function movedBlocks(list: Pick<BlockList, "inside">, before: AddressRanges, now: AddressRanges): Block[] {
  const only = (some: AddressRanges, others: AddressRanges) =>
    some.prefixes().filter((prefix) => !others.containsPrefix(prefix));
  const isMoved = ({ source: { w0, w1, w2, w3, bits }, backend }: Block) =>
    isInTable({ backend }) &&
    bits >= 64 &&
    w2 === 0 &&
    w3 === 0 &&
    now.contains(w0, w1, w2, w3) !== before.contains(w0, w1, w2, w3);
  const changed = [...only(now, before), ...only(before, now)];
  return distinct(changed.flatMap((prefix) => list.inside(prefix)).filter(isMoved));
}

function distinct(blocks: readonly Block[]): Block[] {
  return [...new Map(blocks.map((block) => [formatPrefix(block.source), block])).values()];
}

// A page of the blocked: those for which a filter holds, in an order, so many from a place on. The list is walked a part at a time,
// and never more of it is kept than the pages up to this one.
import type { BlockedEntry, Reply } from "../control/api.ts";
import type { BlockedPage, BlockedPageRequest } from "../control/record-api.ts";
import { refuse } from "../control/target.ts";
import type { Daemon } from "../daemon/daemon.ts";
import type { Block } from "../judge/block.ts";
import { parseFilter } from "../record/filter-text.ts";
import { entryOf } from "./entry.ts";

const USUAL_LIMIT = 100;
/** Blocks between two turns of the daemon's other work: some 5 ms. */
const PER_TURN = 2_000;

type PageOf = Pick<Daemon, "clock"> & {
  readonly blocker: { readonly list: Pick<Daemon["blocker"]["list"], "values" | "size"> };
};
type Order = NonNullable<BlockedPageRequest["sort"]>;

interface Ranked {
  readonly entry: BlockedEntry;
  readonly key: string | number;
}

/** Pages that are made at a time: each walks the whole list, and keeps some thousand entries meanwhile. */
const MAX_AT_ONCE = 2;

/** `pause` lets other work have a turn. */
export function createPages(of: PageOf, pause: () => Promise<unknown>) {
  let running = 0;
  return async (request: BlockedPageRequest): Promise<Reply<BlockedPage>> => {
    if (running >= MAX_AT_ONCE)
      return refuse("busy", `${MAX_AT_ONCE} other clients are reading pages of the blocked now: try again`);
    running++;
    try {
      return await blockedPage(of, request, pause);
    } finally {
      running--;
    }
  };
}

async function blockedPage(
  { blocker: { list }, clock }: PageOf,
  { filter = "", sort = "since", order = "down", offset = 0, limit = USUAL_LIMIT }: BlockedPageRequest,
  pause: () => Promise<unknown>,
): Promise<Reply<BlockedPage>> {
  const read = parseFilter(filter, clock.wallMs(clock.nowMs()));
  if ("error" in read) return refuse("bad-filter", read.error);
  const wanted = offset + limit;
  const sign = order === "up" ? 1 : -1;
  const compare = (a: Ranked, b: Ranked) =>
    sign * compareKeys(a.key, b.key) || compareKeys(a.entry.source, b.entry.source);
  let kept: Ranked[] = [];
  let matching = 0;
  let seen = 0;
  for (const block of list.values()) {
    if (++seen % PER_TURN === 0) await pause();
    const entry = entryOf(block, clock);
    if (
      !read.ok.condition({ ...entry, time: entry.since, type: "block", action: extentOf(entry), message: entry.reason })
    )
      continue;
    matching++;
    kept.push({ entry, key: keyOf(sort, block, entry) });
    if (kept.length >= 2 * wanted + PER_TURN) kept = kept.sort(compare).slice(0, wanted);
  }
  const entries = kept
    .sort(compare)
    .slice(offset, wanted)
    .map(({ entry }) => entry);
  return { ok: { total: list.size, matching, entries } };
}

function extentOf({ soft }: BlockedEntry): string {
  return soft ? "soft" : "full";
}

/** For ever is the latest end. */
function keyOf(order: Order, block: Block, entry: BlockedEntry): string | number {
  if (order === "since") return block.sinceMs;
  if (order === "until") return block.untilMs ?? Number.POSITIVE_INFINITY;
  if (order === "offences") return block.offences;
  return order === "grade" ? entry.grade : sourceKey(block);
}

/** As numbers are ordered, not as their text. */
function sourceKey({ source: { w0, w1, w2, w3, bits } }: Block): string {
  return [w0, w1, w2, w3, bits].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

function compareKeys(a: string | number, b: string | number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

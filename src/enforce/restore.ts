// At start: what the store remembers and what the kernel still holds are made one, before anything else is judged.

import type { HashSeed } from "../detect/keyed-hash.ts";
import { type Block, isInTable } from "../judge/block.ts";
import type { Store, StoredBlock } from "../record/store.ts";
import { BLOCKS_PER_CALL, type Firewall } from "../table/firewall.ts";
import { HeldSources } from "../table/held-sources.ts";
import type { HeldNetworks } from "../table/network-sets.ts";
import { sameEnd } from "../table/same-end.ts";
import type { Network } from "../table/wanted-networks.ts";
import { formatPrefix } from "../wire/address.ts";
import { type AdoptParts, adoptHeld, adoptNetworks } from "./adopt.ts";
import type { BlockList } from "./block-list.ts";
import { hasResponses } from "./commands/made-by.ts";
import { slices } from "./slices.ts";

/** Up to so many stored blocks the kernel's sets are read whole; above, what is stored is added and asked for. */
const DUMP_LIMIT = 300_000;
/** Ended blocks whose commands are undone; nobody makes so many by commands, which take milliseconds each. */
const MAX_ENDED = 65_536;
const MAX_FAILURES_NAMED = 1_000;

export interface Restored {
  /** From the store, with time left. */
  readonly restored: number;
  /** Found in the kernel only: the daemon died before it could store them. */
  readonly adopted: number;
  /** Ended while the daemon was away. */
  readonly expired: number;
  /** The oldest, beyond what the list holds: taken out of the kernel and the store. */
  readonly leftOut: number;
  /** The kernel would not take them; not listed. */
  readonly failures: readonly string[];
  /** Blocks whose enforcement is a command's: not looked at here (Blocker.restoreDelegated). */
  readonly delegated: readonly Block[];
  /** Those that ended while the daemon was away: nobody has undone what commands did for them. */
  readonly ended: readonly Block[];
}

type BlockTable = Pick<
  Firewall,
  | "enforce"
  | "lift"
  | "isNetwork"
  | "readNetworks"
  | "restoreNetworks"
  | "hasNetwork"
  | "beyondNetworks"
  | "rewriteNetworks"
> & {
  readonly held: Pick<Firewall["held"], "visit">;
};

export interface RestoreParts {
  readonly store: Pick<Store, "blocks" | "countBlocks" | "networks" | "putBlock" | "deleteBlock" | "flush">;
  /** Absent where the built-in table holds no blocks: what the store has of them is kept there and not listed. */
  readonly firewall?: BlockTable | undefined;
  readonly list: BlockList;
  readonly nowMs: number;
  /** The seed of the hash by which the kernel's sources are found again. */
  readonly seed: HashSeed;
}

/** In slices, for what a run could hold must fit into memory at the next start as well, and that may have less. */
export function restoreBlocks(parts: RestoreParts): Restored {
  const { store, firewall, list, nowMs } = parts;
  const startMs = performance.now();
  // Reading 100,000 blocks takes seconds on a busy machine: the kernel's times count from when they are read and given.
  const clock = () => nowMs + performance.now() - startMs;
  const counts = store.countBlocks(nowMs);
  const total = firewall === undefined ? 0 : counts.ours;
  // What was written last is the newest.
  let excess = Math.max(0, total + counts.others + list.size - list.limit);
  list.reserve(list.size + total + counts.others);
  const held = firewall !== undefined && total <= DUMP_LIMIT ? readHeld(firewall, parts.seed) : undefined;
  const readMs = Math.round(clock());
  // Before any is written: that takes out what was not asked for. All at once, so that none is let go until its slice comes.
  const networks = firewall?.readNetworks(readMs);
  if (firewall !== undefined) {
    const stored: Network[] = [];
    for (const block of store.networks()) {
      const { source, untilMs } = block;
      if (isInTable(block) && firewall.isNetwork(block) && !isOver(block, nowMs)) stored.push({ source, untilMs });
    }
    if (networks !== undefined && stored.length > 0) firewall.restoreNetworks(stored, networks, clock());
  }
  const delegated: Block[] = [];
  const ended: Block[] = [];
  const failures: string[] = [];
  let [expired, leftOut, restored, failed] = [0, 0, 0, 0];

  for (const slice of slices(store.blocks(), BLOCKS_PER_CALL)) {
    const missing: Block[] = [];
    const tooMany: Block[] = [];
    for (const stored of slice) {
      if (isOver(stored, nowMs)) {
        expired++;
        if (hasResponses(stored) && ended.length < MAX_ENDED) ended.push({ ...stored, enforced: false });
        store.deleteBlock(stored.source);
        continue;
      }
      if (isInTable(stored) && firewall === undefined) continue;
      const block: Block = { ...stored, enforced: true };
      if (excess > 0) {
        excess--;
        tooMany.push(block);
      } else if (!isInTable(stored)) delegated.push(block);
      else if ((isHeldUntilThen(held, block, readMs) || firewall?.hasNetwork(block)) && list.put(block)) restored++;
      else missing.push(block);
    }
    leftOut += tooMany.length;
    firewall?.lift(tooMany.filter(isInTable), clock());
    for (const { source, soft } of tooMany) {
      held?.take(source, soft);
      store.deleteBlock(source);
    }
    for (const { block, failure } of firewall?.enforce(missing, clock(), true) ?? []) {
      if (failure === "" && list.put(block)) restored++;
      else {
        failed++;
        if (failures.length < MAX_FAILURES_NAMED) failures.push(`${formatPrefix(block.source)}: ${failure}`);
      }
    }
    store.flush();
  }

  if (failed > failures.length) failures.push(`and ${failed - failures.length} more`);
  const found = firewall === undefined ? NOTHING : adoptRest({ ...parts, firewall }, { held, networks, readMs, clock });
  failures.push(...found.removed.map((source) => `${formatPrefix(source)}: found in the kernel, and taken out`));
  store.flush();
  return { restored, adopted: found.adopted, expired, leftOut: leftOut + found.leftOut, failures, delegated, ended };
}

const NOTHING = { adopted: 0, leftOut: 0, removed: [] } as const;

/** What the kernel held before anything was written. */
interface Before {
  readonly held: HeldSources | undefined;
  readonly networks: HeldNetworks | undefined;
  readonly readMs: number;
  readonly clock: () => number;
}

/** Lists what the kernel holds and the store does not have. */
function adoptRest(
  { firewall, list, store }: RestoreParts & { readonly firewall: BlockTable },
  { held, networks, readMs, clock }: Before,
) {
  const parts: AdoptParts = {
    firewall,
    list,
    store,
    nowMs: Math.round(clock()),
    grade: "direct",
    reason: "found in the kernel at start",
  };
  const refusedBefore = list.refused;
  const adopted = adoptHeld(held?.rest() ?? [], { ...parts, nowMs: readMs });
  const leftOut = list.refused - refusedBefore;
  const beyond = networks === undefined ? [] : firewall.beyondNetworks(networks, readMs);
  const found = adoptNetworks(beyond, parts);
  return { adopted: adopted.length + found.adopted.length, leftOut, removed: found.removed };
}

function readHeld(firewall: BlockTable, seed: HashSeed): HeldSources {
  const held = new HeldSources(seed);
  firewall.held.visit((one) => held.add(one));
  return held;
}

function isOver({ untilMs }: StoredBlock, nowMs: number): boolean {
  return untilMs !== undefined && untilMs <= nowMs;
}

/** Takes the source from what was read. */
function isHeldUntilThen(held: HeldSources | undefined, { source, soft, untilMs }: Block, readMs: number): boolean {
  const expiresInMs = held?.take(source, soft);
  if (expiresInMs === undefined) return false;
  return sameEnd(untilMs, Number.isFinite(expiresInMs) ? readMs + expiresInMs : undefined);
}

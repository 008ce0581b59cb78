// At start: what the store remembers and what the kernel still holds are made one, before anything else is judged.
import type { Block } from "../block/block.ts";
import type { BlockList } from "../block/block-list.ts";
import { type Firewall, type Held, sameEnd } from "../block/firewall.ts";
import type { Store } from "../record/store.ts";
import { formatPrefix } from "../wire/address.ts";
import { type AdoptParts, adoptHeld, adoptNetworks } from "./adopt.ts";

/** Up to so many stored blocks the kernel's sets are read whole; above, what is stored is added and read back singly. */
const DUMP_LIMIT = 200_000;

export interface Restored {
  /** From the store, with time left. */
  readonly restored: number;
  /** Found in the kernel only: the daemon died before it could store them. */
  readonly adopted: number;
  /** Ended while the daemon was away. */
  readonly expired: number;
  /** The kernel would not take them; not listed. */
  readonly failures: readonly string[];
  /** Blocks whose enforcement is a command's: not looked at here (Blocker.restoreDelegated). */
  readonly delegated: readonly Block[];
  /** Those that ended while the daemon was away: nobody has undone what commands did for them. */
  readonly ended: readonly Block[];
}

export interface RestoreParts {
  readonly store: Pick<Store, "loadBlocks" | "putBlock" | "deleteBlock" | "flush">;
  readonly firewall: Pick<Firewall, "readHeld" | "enforce" | "lift" | "beyondNetworks" | "rewriteNetworks">;
  readonly list: BlockList;
  readonly nowMs: number;
  /** False with FIREWALL="none": what the store has of our own blocks is kept there and not listed. */
  readonly enforces?: boolean;
}

export function restoreBlocks(parts: RestoreParts): Restored {
  const { store, firewall, list, nowMs } = parts;
  const startMs = performance.now();
  // Reading 100,000 blocks takes seconds on a busy machine: the kernel's times count from when they are read and given.
  const clock = () => nowMs + performance.now() - startMs;
  const stored = store.loadBlocks();
  const current = stored.filter(({ untilMs }) => untilMs === undefined || untilMs > nowMs);
  const live = current.filter(({ backend }) => backend === "nftables" && parts.enforces !== false);
  const delegated = current
    .filter(({ backend }) => backend !== "nftables")
    .map((block) => ({ ...block, enforced: true }));
  const ended = stored.filter(({ untilMs }) => untilMs !== undefined && untilMs <= nowMs);
  for (const { source } of ended) store.deleteBlock(source);
  const isReadable = parts.enforces !== false && live.length <= DUMP_LIMIT;
  const held = isReadable ? heldByKey(firewall.readHeld()) : undefined;
  const readMs = Math.round(clock());
  // Before any is written: that takes out what is not listed.
  const beyond = parts.enforces === false ? [] : firewall.beyondNetworks(live, readMs);
  const missing: Block[] = [];
  for (const entry of live) {
    const block: Block = { ...entry, enforced: true };
    const inKernel = held?.get(keyOf(formatPrefix(block.source), block.soft));
    if (inKernel !== undefined && sameEnd(block.untilMs, endOf(inKernel, readMs))) list.put(block);
    else missing.push(block);
    held?.delete(keyOf(formatPrefix(block.source), block.soft));
  }
  const failures: string[] = [];
  for (const { block, failure } of firewall.enforce(missing, clock())) {
    if (failure === "") list.put(block);
    else failures.push(`${formatPrefix(block.source)}: ${failure}`);
  }
  const restored = live.length - failures.length;
  const adoptParts: AdoptParts = {
    ...parts,
    nowMs: Math.round(clock()),
    grade: "direct",
    reason: "found in the kernel at start",
  };
  const adopted = adoptHeld([...(held?.values() ?? [])], { ...adoptParts, nowMs: readMs });
  const networks = adoptNetworks(beyond, adoptParts);
  failures.push(...networks.removed.map((source) => `${formatPrefix(source)}: found in the kernel, and taken out`));
  store.flush();
  return {
    restored,
    adopted: adopted.length + networks.adopted.length,
    expired: ended.length,
    failures,
    delegated,
    ended: ended.map((block) => ({ ...block, enforced: false })),
  };
}

function keyOf(source: string, soft: boolean): string {
  return `${soft ? "soft" : "full"} ${source}`;
}

function heldByKey(held: readonly Held[]): Map<string, Held> {
  return new Map(
    held.flatMap((element): [string, Held][] =>
      element.source === undefined ? [] : [[keyOf(formatPrefix(element.source), element.soft), element]],
    ),
  );
}

function endOf({ expiresInMs }: Held, nowMs: number): number | undefined {
  return expiresInMs === undefined ? undefined : nowMs + expiresInMs;
}

// Makes blocks true in the kernel: adds and removes sources in process, and reads each one back before anybody calls it
// blocked. Knows nothing of why a source is blocked.

import { messageOf } from "../base/errors.ts";
import { randomSeed } from "../detect/keyed-hash.ts";
import type { Block } from "../judge/block.ts";
import type { Libnftables } from "../kernel/libnftables.ts";
import { type ElementChange, elementRemedy } from "../kernel/nf-elements.ts";
import type { NfTables } from "../kernel/nf-tables.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import { HeldElements } from "./held-elements.ts";
import { HeldSources } from "./held-sources.ts";
import { runNft } from "./loaded-table.ts";
import { type HeldNetworks, type NetworkAudit, NetworkBlocks } from "./network-blocks.ts";
import { TABLE } from "./ruleset-plan.ts";
import { sameEnd } from "./same-end.ts";
import { type Place, placeOf, timeoutOf } from "./set-key.ts";
import { blockSets } from "./sets.ts";
import { whenThere } from "./when-there.ts";

/** Between so many blocks at once, reading the sets whole is faster than asking for each (docs/decisions/0002). */
const DUMP_FROM = 2_000;
const DUMP_UP_TO = 200_000;
/** Blocks that are given to enforce() at once where there are many: read back whole while that is the faster, else singly. */
const SLICE_READ_WHOLE = 50_000;
const READ_WHOLE_UP_TO = 150_000;
/** Elements in one transaction: bounds the message, and how long the event loop waits. */
const BATCH = 4_000;

/** Ended blocks that are looked up in the kernel, 12 us each, in one go: more of them end in a flood only. */
const ENDED_LOOKED_UP = 1_000;

/** What is asked of the kernel. */
type Tables = Pick<
  NfTables,
  "insert" | "replace" | "remove" | "lookup" | "visitElements" | "replaceIntervals" | "changeIntervals"
>;

/** What decides in which set a block is. */
type Placed = Pick<Block, "source" | "soft">;

/**
 * How many of so many blocks to hand to enforce() at a time. What it makes of them, some 600 bytes each, must fit into the
 * heap, which has 512 bytes for each block of the list's limit.
 */
export function blocksPerCall(total: number, limit: number): number {
  if (total > READ_WHOLE_UP_TO) return DUMP_FROM - 1;
  return Math.max(DUMP_FROM - 1, Math.min(SLICE_READ_WHOLE, Math.floor(limit / 8)));
}

export type Outcome = { readonly block: Block; readonly failure: string };

/** The built-in table as a backend of blocks (enforce/backend.ts). */
export class Firewall {
  readonly name = "nftables";
  readonly #nft: Pick<Libnftables, "run">;
  readonly #tables: Tables;
  readonly #near: () => AddressRanges;
  readonly #networks: NetworkBlocks;
  readonly #seed = randomSeed();
  /** All elements of the plain sets, whichever program put them there. */
  readonly held: HeldElements;

  /** `near`: links of this host, where an IPv6 source is a single address. */
  constructor(nft: Pick<Libnftables, "run">, tables: Tables, near: () => AddressRanges) {
    this.#nft = nft;
    this.#tables = tables;
    this.#near = near;
    this.#networks = new NetworkBlocks(tables);
    this.held = new HeldElements(tables, near);
  }

  /** Networks that are blocked as intervals, and how often there were too many. */
  get networkCounts(): { readonly networkBlocks: number; readonly networkBlocksRefused: number } {
    return { networkBlocks: this.#networks.size, networkBlocksRefused: this.#networks.refused };
  }

  /** Adds the blocks and reads each back; `failure` is "" for those that the kernel holds now. */
  enforce(blocks: readonly Block[], nowMs: number): Outcome[] {
    const startMs = performance.now();
    const clock = () => nowMs + performance.now() - startMs;
    const placed = blocks.map((block) => ({ block, place: this.#place(block) }));
    const refused = new Set<Block>();
    for (let at = 0; at < placed.length; at += BATCH) {
      const plain = placed.slice(at, at + BATCH).filter(isPlain);
      const changes = plain.map(({ block, place }) => change(block, place, clock()));
      // One element that is refused (a full set) refuses the transaction: then each goes alone.
      if (changes.length > 0 && this.#tables.insert(changes) !== "") for (const { block } of plain) refused.add(block);
    }
    const networks = placed.flatMap(({ block, place }) => (place.kind === "interval" ? [block] : []));
    const failures = this.#putNetworks(networks, clock());
    const bulk = blocks.length >= DUMP_FROM && blocks.length <= DUMP_UP_TO ? this.#dump(clock) : undefined;
    return placed.map(({ block, place }) => {
      if (place.kind === "interval") return { block, failure: failures.get(block) ?? "" };
      const isAdded = !refused.has(block);
      if (isAdded && (bulk === undefined ? this.stands(block, clock()) : bulk(block))) return { block, failure: "" };
      return { block, failure: this.#enforceAlone(block, place, clock()) };
    });
  }

  #putNetworks(blocks: readonly Block[], nowMs: number): Map<Block, string> {
    if (blocks.length === 0) return new Map();
    const failures = this.#networks.put(blocks, nowMs);
    return new Map(blocks.map((block, index) => [block, failures[index] ?? ""]));
  }

  #enforceAlone(block: Block, place: Place & { kind: "plain" }, nowMs: number): string {
    try {
      const code = this.#tables.replace([change(block, place, nowMs)]);
      if (code !== "") return `${code}; ${elementRemedy(code)}`;
      return this.stands(block, nowMs) ? "" : "the kernel took it and does not hold it";
    } catch (error) {
      return messageOf(error);
    }
  }

  /** Reads the sets whole, for many look-ups at once; each block can be looked up once. */
  #dump(clock: () => number): (block: Block) => boolean {
    const readMs = clock();
    const held = new HeldSources(this.#seed);
    this.held.visit(({ source, soft, expiresInMs }) => {
      // Since the reading began: it takes a second on a busy machine.
      held.add({ source, soft, expiresInMs: expiresInMs === undefined ? undefined : clock() - readMs + expiresInMs });
    });
    return ({ source, soft, untilMs }) => {
      const endsInMs = held.take(source, soft);
      if (endsInMs === undefined) return false;
      return sameEnd(Number.isFinite(endsInMs) ? readMs + endsInMs : undefined, untilMs);
    };
  }

  /** Whether the kernel holds the source, until whenever. */
  isPresent(block: Block): boolean {
    const place = this.#place(block);
    if (place.kind === "interval") return whenThere(false, () => this.#networks.covers(block.source, 0));
    return this.#tables.lookup(place.set, place.key).present;
  }

  /** Asks the kernel whether it holds the source until the time that the block says. */
  stands(block: Block, nowMs: number): boolean {
    const place = this.#place(block);
    if (place.kind === "interval") return whenThere(false, () => this.#networks.holds(block, nowMs));
    const state = this.#tables.lookup(place.set, place.key);
    if (!state.present) return false;
    return sameEnd(state.expiresInMs === undefined ? undefined : nowMs + state.expiresInMs, block.untilMs);
  }

  /** Removes the blocks; returns what could not be removed. */
  lift(blocks: readonly Block[], nowMs: number): Outcome[] {
    const failures = this.#liftNetworks(blocks, nowMs);
    for (let at = 0; at < blocks.length; at += BATCH) {
      const part = blocks.slice(at, at + BATCH).map((block) => ({ block, place: this.#place(block) }));
      const plain = part.filter(isPlain);
      const code =
        plain.length === 0 ? "" : this.#tables.remove(plain.map(({ place: { set, key } }) => ({ set, key })));
      // A table that is gone holds nothing.
      if (code === "" || code === "ENOENT") continue;
      for (const { block } of plain) failures.push({ block, failure: `${code}; ${elementRemedy(code)}` });
    }
    return failures;
  }

  /**
   * Of blocks that have ended, or that another program removed: the networks, whose sets must be written again, and those
   * single sources that the kernel holds all the same. It has ended them by itself, unless its clock and ours disagree.
   */
  liftEnded(blocks: readonly Block[], nowMs: number): void {
    this.#liftNetworks(blocks, nowMs);
    const singles = blocks.filter((block) => !this.isNetwork(block)).slice(0, ENDED_LOOKED_UP);
    const left = singles.filter((block) => this.isPresent(block));
    if (left.length > 0) this.lift(left, nowMs);
  }

  #liftNetworks(blocks: readonly Block[], nowMs: number): Outcome[] {
    const networks = blocks.filter((block) => this.isNetwork(block));
    const failure = this.#networks.remove(networks, nowMs);
    return failure === "" || failure.startsWith("ENOENT") ? [] : networks.map((block) => ({ block, failure }));
  }

  /** Whether a block is held as an interval, in a set that is read whole. */
  isNetwork(block: Placed): boolean {
    return this.#place(block).kind === "interval";
  }

  /** What the sets of networks hold, to be read before any is written: that takes out what was not asked for. */
  readNetworks(nowMs: number): HeldNetworks {
    return whenThere({ ipv4: [], ipv6: [] }, () => this.#networks.readAll(nowMs));
  }

  /** What of it no block that is enforced accounts for. */
  beyondNetworks(held: HeldNetworks, nowMs: number): Pick<Block, "source" | "untilMs">[] {
    return this.#networks.beyond(held, nowMs);
  }

  /** What another program has done to blocked networks. Throws KernelError. */
  auditNetworks(nowMs: number): NetworkAudit {
    return this.#networks.audit(nowMs);
  }

  /** Makes the sets of networks what they should be; why that failed, or "". */
  rewriteNetworks(nowMs: number): string {
    return this.#networks.rewrite(nowMs);
  }

  /** Empties every set of blocks, whatever is listed. */
  emptyBlockSets(): void {
    const commands = blockSets.map((set) => `flush set inet ${TABLE} ${set}`).join("\n");
    runNft(this.#nft, commands, "cannot empty the block sets");
    this.#networks.clear();
  }

  /**
   * Elements in the sets of blocks, read one by one: the kernel's own count has those as well that are over and not yet
   * swept up, and no packet meets these.
   */
  countBlocked(): number {
    let count = 0;
    for (const set of blockSets)
      this.#tables.visitElements(set, () => {
        count++;
      });
    return count;
  }

  #place(block: Placed): Place {
    const { w0, w1, w2, w3 } = block.source;
    return placeOf(block.source, block.soft, this.#near().contains(w0, w1, w2, w3));
  }
}

function isPlain(entry: { block: Block; place: Place }): entry is { block: Block; place: Place & { kind: "plain" } } {
  return entry.place.kind === "plain";
}

function change(block: Block, place: Place & { kind: "plain" }, nowMs: number): ElementChange {
  return { set: place.set, key: place.key, timeoutMs: timeoutOf(block, nowMs) };
}

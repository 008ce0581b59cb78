// Makes blocks true in the kernel: adds and removes sources in process, and reads each one back before anybody calls it
// blocked. Knows nothing of why a source is blocked.

import { messageOf } from "../base/errors.ts";
import type { Block } from "../judge/block.ts";
import type { Libnftables } from "../kernel/libnftables.ts";
import { type ElementChange, type ElementState, elementRemedy, groupBySet } from "../kernel/nf-elements.ts";
import type { NfTables } from "../kernel/nf-tables.ts";
import { type Prefix, prefixContains } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import { HeldElements } from "./held-elements.ts";
import { blockSets } from "./kernel-sets.ts";
import { runNft } from "./loaded-table.ts";
import { MAX_NETWORKS, type NetworkAudit, NetworkBlocks } from "./network-blocks.ts";
import type { HeldNetworks } from "./network-sets.ts";
import { TABLE } from "./ruleset-plan.ts";
import { sameEnd } from "./same-end.ts";
import { type Place, placeOf, timeoutOf } from "./set-key.ts";
import type { Network } from "./wanted-networks.ts";
import { whenThere } from "./when-there.ts";

/** Elements in one transaction: bounds the message, and how long the event loop waits. */
const BATCH = 4_000;

/** Ended blocks that are looked up in the kernel, 12 us each, in one go: more of them end in a flood only. */
const ENDED_LOOKED_UP = 1_000;

/** What is asked of the kernel. */
type Tables = Pick<
  NfTables,
  | "insert"
  | "replace"
  | "remove"
  | "lookup"
  | "lookupAll"
  | "visitElements"
  | "empty"
  | "intervalAt"
  | "replaceIntervals"
  | "changeIntervals"
>;

/** A block that is an element of its own, and the change that adds it. */
interface Plain extends ElementChange {
  readonly block: Block;
  /** Its place among those that were asked for. */
  readonly index: number;
}

/** Keys in one question of those that may stand already. */
const ASKED_AT_ONCE = 100;

/** What decides in which set a block is. */
type Placed = Pick<Block, "source" | "soft">;

/**
 * How many blocks to hand to enforce() at a time where there may be a million. What it makes of them, some 600 bytes each, is
 * garbage that V8's young generation of 1 MB should not have to keep.
 */
export const BLOCKS_PER_CALL = 1_000;

export type Outcome = { readonly block: Block; readonly failure: string };

/** The built-in table as a backend of blocks (enforce/backend.ts). */
export class Firewall {
  readonly name = "nftables";
  readonly #nft: Pick<Libnftables, "run">;
  readonly #tables: Tables;
  readonly #near: () => AddressRanges;
  readonly #networks: NetworkBlocks;
  /** All elements of the plain sets, whichever program put them there. */
  readonly held: HeldElements;

  /** `near`: links of this host, where an IPv6 source is a single address. */
  constructor(nft: Pick<Libnftables, "run">, tables: Tables, near: () => AddressRanges, maxNetworks = MAX_NETWORKS) {
    this.#nft = nft;
    this.#tables = tables;
    this.#near = near;
    this.#networks = new NetworkBlocks(tables, maxNetworks);
    this.held = new HeldElements(tables, near);
  }

  /** Networks that are blocked as intervals, and how often there were too many. */
  get networkCounts(): { readonly networkBlocks: number; readonly networkBlocksRefused: number } {
    return { networkBlocks: this.#networks.size, networkBlocksRefused: this.#networks.refused };
  }

  /**
   * Adds the blocks and reads each back; `failure` is "" for those that the kernel holds now. `mayStand`: the kernel may hold
   * them already, as after a restart, and is asked before anything is added.
   */
  enforce(blocks: readonly Block[], nowMs: number, mayStand = false): Outcome[] {
    const startMs = performance.now();
    const clock = () => nowMs + performance.now() - startMs;
    const networks: Block[] = [];
    const mixed: Plain[] = [];
    for (const [index, block] of blocks.entries()) {
      const place = this.#place(block);
      if (place.kind === "interval") networks.push(block);
      else mixed.push({ index, block, set: place.set, key: place.key, timeoutMs: timeoutOf(block, clock()) });
    }
    // A question is about one set: mixed as they come, soft and full ones would each be asked for by themselves.
    const plain = [...groupBySet(mixed).values()].flat();
    const failures = this.#putNetworks(networks, clock());
    const outcomes = blocks.map((block) => ({ block, failure: failures.get(block) ?? "" }));
    const standing = new Uint8Array(blocks.length);
    const missing = mayStand ? this.#notStanding(plain, standing, clock) : plain;
    this.#insert(missing, standing, clock);
    for (const { index, block, set, key } of plain) {
      if (standing[index] === 1) continue;
      outcomes[index] = { block, failure: this.#enforceAlone(block, { set, key }, clock()) };
    }
    return outcomes;
  }

  #insert(plain: readonly Plain[], standing: Uint8Array, clock: () => number): void {
    for (let at = 0; at < plain.length; at += BATCH) {
      const part = plain.slice(at, at + BATCH);
      // One element that is refused (a full set) refuses the transaction: then each goes alone.
      if (this.#tables.insert(part) === "") this.#lookUp(part, standing, clock);
    }
  }

  /** Those that the kernel does not hold yet, as far as it need be asked: where the first is missing, it may be all of them. */
  #notStanding(plain: readonly Plain[], standing: Uint8Array, clock: () => number): readonly Plain[] {
    for (let at = 0, length = 1; at < plain.length; at += length, length = ASKED_AT_ONCE) {
      const part = plain.slice(at, at + length);
      this.#lookUp(part, standing, clock);
      if (part.some(({ index }) => standing[index] !== 1)) return plain.filter(({ index }) => standing[index] !== 1);
    }
    return [];
  }

  /** Notes those that the kernel holds until their end; it is asked for each. */
  #lookUp(added: readonly Plain[], standing: Uint8Array, clock: () => number): void {
    this.#tables.lookupAll(added, (at, state) => {
      const one = added[at];
      if (one !== undefined && endsAsSaid(state, one.block, clock())) standing[one.index] = 1;
    });
  }

  #putNetworks(blocks: readonly Block[], nowMs: number): Map<Block, string> {
    if (blocks.length === 0) return new Map();
    const failures = this.#networks.put(blocks, nowMs);
    return new Map(blocks.map((block, index) => [block, failures[index] ?? ""]));
  }

  #enforceAlone(block: Block, { set, key }: Pick<Plain, "set" | "key">, nowMs: number): string {
    try {
      const code = this.#tables.replace([{ set, key, timeoutMs: timeoutOf(block, nowMs) }]);
      if (code !== "") return `${code}; ${elementRemedy(code)}`;
      return this.stands(block, nowMs) ? "" : "the kernel took it and does not hold it";
    } catch (error) {
      return messageOf(error);
    }
  }

  /** Whether the kernel holds the source, until whenever. */
  isPresent(block: Block): boolean {
    const place = this.#place(block);
    if (place.kind === "interval") return whenThere(false, () => this.#networks.covers(block.source));
    return this.#tables.lookup(place.set, place.key).present;
  }

  /** Asks the kernel whether it holds the source until the time that the block says. */
  stands(block: Block, nowMs: number): boolean {
    const place = this.#place(block);
    if (place.kind === "interval") return whenThere(false, () => this.#networks.holds(block, nowMs));
    return endsAsSaid(this.#tables.lookup(place.set, place.key), block, nowMs);
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

  /** At a start, all at once: what the sets were read to hold is left as it is where it is wanted. */
  restoreNetworks(networks: readonly Network[], held: HeldNetworks, nowMs: number): void {
    this.#networks.put(networks, nowMs, held);
  }

  /** Whether a network is among those that were put, and read back, until the end that the block says. */
  hasNetwork(block: Block): boolean {
    return this.isNetwork(block) && this.#networks.has(block);
  }

  /** What of it no block that is enforced accounts for. */
  beyondNetworks(held: HeldNetworks, nowMs: number): Pick<Block, "source" | "untilMs">[] {
    return this.#networks.beyond(held, nowMs);
  }

  /** Networks that nobody asked for and that hold a source. Asks at one place before all of the sets are read. Throws KernelError. */
  foreignNetworksAround(source: Prefix, nowMs: number): Network[] {
    if (!this.#networks.mayBeForeignAt(source)) return [];
    return this.#networks.audit(nowMs).foreign.filter((one) => prefixContains(one.source, source));
  }

  /** Whether the long sets of networks are known to be as they should: they are read a part at a time. Rejects with KernelError. */
  areNetworksAsWanted(pause: () => Promise<void>, nowMs: number): false | Promise<boolean> {
    return this.#networks.areAsWantedInParts(pause, nowMs);
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

function endsAsSaid(state: ElementState, { untilMs }: Block, nowMs: number): boolean {
  return state.present && sameEnd(state.expiresInMs === undefined ? undefined : nowMs + state.expiresInMs, untilMs);
}

function isPlain(entry: {
  block: Block;
  place: Place;
}): entry is { block: Block; place: Place & { readonly kind: "plain" } } {
  return entry.place.kind === "plain";
}

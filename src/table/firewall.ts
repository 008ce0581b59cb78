// Makes blocks true in the kernel: loads the table, adds and removes sources in process, and reads each one back before
// anybody calls it blocked. Knows nothing of why a source is blocked.

import type { Block } from "../judge/block.ts";
import { dumpElements } from "../kernel/element-dump.ts";
import { KernelError } from "../kernel/errors.ts";
import type { Libnftables } from "../kernel/libnftables.ts";
import { type ElementChange, elementRemedy, type NfTables, type SetUse } from "../kernel/nf-tables.ts";
import { formatPrefix, isIpv4, type Prefix, prefixContains, prefixOfWords } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { Arrival } from "../wire/arrival.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { PortRange } from "../wire/port-range.ts";
import { findMissingFeature } from "./features.ts";
import { type HeldNetworks, type NetworkAudit, NetworkBlocks } from "./network-blocks.ts";
import {
  blockSets,
  buildConfiguredSets,
  buildHostSets,
  buildRuleset,
  configuredSets,
  type RulesetPlan,
  TABLE,
} from "./ruleset.ts";
import { sameEnd } from "./same-end.ts";
import { keyBytes, latelyKey, luredKey, type Place, placeOf, plainSets, sourceOfElement } from "./set-key.ts";

export { sameEnd } from "./same-end.ts";

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

/** Elements that are read in a fraction of a millisecond. */
const SMALL_SET = 1_024;

/** What decides in which set a block is. */
type Placed = Pick<Block, "source" | "soft">;

/** A datagram port out of ip_local_port_range counts as served until the listeners have been looked at three times more. */
const CLIENT_PORT_MS = 90_000;

/** A port that has a listener. */
export interface Served {
  readonly protocol: number;
  readonly port: number;
}

/**
 * How many of so many blocks to hand to enforce() at a time. What it makes of them, some 600 bytes each, must fit into the
 * heap, which has 512 bytes for each block of the list's limit.
 */
export function blocksPerCall(total: number, limit: number): number {
  if (total > READ_WHOLE_UP_TO) return DUMP_FROM - 1;
  return Math.max(DUMP_FROM - 1, Math.min(SLICE_READ_WHOLE, Math.floor(limit / 8)));
}

export type Outcome = { readonly block: Block; readonly failure: string };

/** A source that the kernel holds, as it tells it. */
export interface Held {
  readonly place: string;
  readonly source: ReturnType<typeof sourceOfElement>;
  readonly soft: boolean;
  readonly expiresInMs: number | undefined;
}

export class Firewall {
  readonly #nft: Libnftables;
  readonly #tables: NfTables;
  #near: AddressRanges;
  #fingerprint = "";
  /** What the sets that are filled from the plan hold, as the kernel told it when they were filled. */
  readonly #digests = new Map<string, string>();
  readonly #networks: NetworkBlocks;

  constructor(nft: Libnftables, tables: NfTables, near: AddressRanges) {
    this.#nft = nft;
    this.#tables = tables;
    this.#near = near;
    this.#networks = new NetworkBlocks(tables);
  }

  /** Networks that are blocked as intervals, and how often there were too many. */
  get networkCounts(): { readonly networkBlocks: number; readonly networkBlocksRefused: number } {
    return { networkBlocks: this.#networks.size, networkBlocksRefused: this.#networks.refused };
  }

  /**
   * Loads the whole table in one transaction; elements of blocks stay. A table that another version, or somebody else,
   * made in another form is replaced whole: true then, and its blocks must be added again. Throws KernelError with
   * nft's own words.
   */
  load(plan: RulesetPlan, near: AddressRanges): boolean {
    this.#near = near;
    const commands = buildRuleset(plan, "on");
    const replaced = !this.#nft.run(commands).ok;
    if (replaced)
      this.#must(`add table inet ${TABLE}\ndelete table inet ${TABLE}\n${commands}`, "cannot load the table");
    this.#fingerprint = this.#tables.fingerprint();
    this.#noteSets(plan);
    return replaced;
  }

  /** Takes the sensor out and leaves the blocks: what stays when the daemon stops. */
  rest(plan: RulesetPlan): void {
    this.#must(buildRuleset(plan, "resting"), "cannot take out the sensor");
    this.#fingerprint = "";
  }

  /** Follows the host: its gateways, resolvers, addresses and on-link prefixes. */
  updateHostSets(plan: RulesetPlan, near: AddressRanges): void {
    this.#near = near;
    this.#must(buildHostSets(plan), "cannot update the guard");
    this.#noteSets(plan);
  }

  #noteSets(plan: RulesetPlan): void {
    for (const set of configuredSets(plan)) this.#digests.set(set, this.#tables.digest(set));
  }

  #must(commands: string, what: string): void {
    const answer = this.#nft.run(commands);
    if (answer.ok) return;
    const missing = findMissingFeature(this.#nft);
    const remedy = missing === undefined ? "" : `this kernel lacks ${missing}`;
    throw new KernelError(`nftables: ${what}: ${answer.error.trim().slice(0, 500)}`, "", remedy);
  }

  /** True when the table, its chains or rules came, went or were changed since it was loaded. */
  hasDrifted(): boolean {
    return this.#tables.fingerprint() !== this.#fingerprint;
  }

  /**
   * Sets filled from the plan (ports, allow list, guard) that do not hold what they were given: those in `among`, or,
   * without it, the small ones, which cost 30 us each.
   */
  driftedSets(among?: readonly string[]): string[] {
    const names = among ?? [...this.#digests].filter(([, digest]) => isSmall(digest)).map(([name]) => name);
    return names.filter((name) => {
      const before = this.#digests.get(name);
      return before !== undefined && this.#tables.digest(name) !== before;
    });
  }

  /** Fills the sets from the plan again; rules and blocks are not touched. */
  refill(plan: RulesetPlan): void {
    this.#must(buildConfiguredSets(plan), "cannot fill the sets");
    this.#noteSets(plan);
  }

  generation(): number {
    return this.#tables.generation();
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
      if (isAdded && (bulk === undefined ? this.holds(block, clock()) : bulk(block, place)))
        return { block, failure: "" };
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
      return this.holds(block, nowMs) ? "" : "the kernel took it and does not hold it";
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Reads the sets whole, for many look-ups at once. */
  #dump(clock: () => number): (block: Block, place: Place) => boolean {
    const endsAtMs = new Map<string, number | undefined>();
    for (const set of plainSets) {
      this.#tables.visitElements(set, (key, expiresInMs) => {
        endsAtMs.set(`${set} ${key.toString("hex")}`, expiresInMs === undefined ? undefined : clock() + expiresInMs);
      });
    }
    return (block, place) => {
      if (place.kind === "interval") return false;
      const name = `${place.set} ${Buffer.from(place.key).toString("hex")}`;
      return endsAtMs.has(name) && sameEnd(endsAtMs.get(name), block.untilMs);
    };
  }

  /** Whether the kernel holds the source, until whenever. */
  isPresent(block: Block): boolean {
    const place = this.#place(block);
    if (place.kind === "interval") return whenThere(false, () => this.#networks.covers(block.source, 0));
    return this.#tables.lookup(place.set, place.key).present;
  }

  /** Asks the kernel whether it holds the source until the time that the block says. */
  holds(block: Block, nowMs: number): boolean {
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

  /** Every single source that the kernel holds. Slow above some 100,000 (see NfTables.visitElements). */
  readHeld(): Held[] {
    const held: Held[] = [];
    this.visitHeld((one) => held.push(one));
    return held;
  }

  /** The same, one by one. */
  visitHeld(visit: (held: Held) => void): void {
    for (const set of plainSets) {
      this.#tables.visitElements(set, (key, expiresInMs) => {
        visit({ place: set, source: this.#sourceOf(set, key), soft: set.startsWith("soft"), expiresInMs });
      });
    }
  }

  /** What the plain sets hold for one source: its own key, that of its /64 beyond our links, and those of neighbours. */
  heldFor(source: Prefix): Held[] {
    const { w0, w1, w2, w3 } = source;
    const isNear = this.#near.contains(w0, w1, w2, w3);
    const widths = isIpv4(source) ? [120] : isNear ? [56, 48] : [64, 56, 48];
    const wider = widths.filter((bits) => bits < source.bits).map((bits) => prefixOfWords(w0, w1, w2, w3, bits));
    const keys = [source, ...wider];
    const held = new Map<string, Held>();
    for (const each of keys) {
      for (const soft of [false, true]) {
        const place = placeOf(each, soft, isNear);
        if (place.kind !== "plain") continue;
        const state = this.#tables.lookup(place.set, place.key);
        if (!state.present) continue;
        const told = {
          place: place.set,
          source: this.#sourceOf(place.set, place.key),
          soft,
          expiresInMs: state.expiresInMs,
        };
        held.set(`${place.set} ${Buffer.from(place.key).toString("hex")}`, told);
      }
    }
    return [...held.values()];
  }

  /** What the plain sets hold inside a network; `pause` lets the event loop go on. Rejects with KernelError. */
  async heldInside(network: Prefix, pause: () => Promise<void>): Promise<Held[]> {
    const held: Held[] = [];
    for (const set of plainSets.filter((name) => name.endsWith("4") === isIpv4(network))) {
      const visit = (key: Buffer, expiresInMs: number | undefined) => {
        const source = this.#sourceOf(set, key);
        if (source !== undefined && prefixContains(network, source))
          held.push({ place: set, source, soft: set.startsWith("soft"), expiresInMs });
      };
      await dumpElements({ table: TABLE, set }, visit, pause);
    }
    return held;
  }

  /** Takes elements out of the plain sets; the errno's name, or "". */
  removeHeld(held: readonly Held[]): string {
    let failed = "";
    for (let at = 0; at < held.length; at += BATCH) {
      const part = held.slice(at, at + BATCH);
      const keys = part.flatMap(({ place, source }) =>
        source === undefined ? [] : [{ set: place, key: keyBytes(source) }],
      );
      failed ||= this.#tables.remove(keys);
    }
    return failed;
  }

  /** On our links a key without a host part is an address, as the rules have it. */
  #sourceOf(set: string, key: Uint8Array): Prefix | undefined {
    const source = sourceOfElement(set, key);
    if (source?.bits !== 64) return source;
    const { w0, w1, w2, w3 } = source;
    return this.#near.contains(w0, w1, w2, w3) ? { ...source, bits: 128 } : source;
  }

  /** Lets the source's packets pass the sensor, to the rule that is its block. Returns the errno's name, or "". */
  delegate(block: Block, nowMs: number): string {
    const key = delegatedKey(block.source);
    if (key === undefined) return "";
    return this.#tables.replace([{ ...key, timeoutMs: timeoutOf(block, nowMs) }]);
  }

  undelegate(source: Prefix): void {
    const key = delegatedKey(source);
    if (key !== undefined) this.#tables.remove([key]);
  }

  /** What came through of a delegated source is no proof any more: its block has ended, and it is answered like anybody. */
  forgetThrough(source: Prefix): void {
    const key = delegatedKey(source);
    if (key !== undefined) this.#tables.remove([{ ...key, set: key.set.replace("delegated", "through") }]);
  }

  /** Whether the sensor holds the source (a key of detect/) now. */
  isHeld(source: Prefix): boolean {
    const key = holdKey(source);
    return key !== undefined && this.#tables.lookup(key.set, key.key).present;
  }

  /** Whether the decoy took the SYN of this connection at a closed port, and not at a real or tolerated one. */
  wasBaited(arrival: Arrival): boolean {
    const { set, key } = luredKey(arrival);
    return this.#tables.lookup(set, key).present;
  }

  /** Lets a source go before its hold ends by itself. */
  releaseHold(source: Prefix): void {
    const key = holdKey(source);
    if (key !== undefined) this.#tables.remove([key]);
  }

  /** Empties every set of blocks, whatever is listed. */
  emptyBlockSets(): void {
    this.#must(blockSets.map((set) => `flush set inet ${TABLE} ${set}`).join("\n"), "cannot empty the block sets");
    this.#networks.clear();
  }

  /** Elements in the sets of blocks. */
  countBlocked(): number {
    return blockSets.reduce((sum, set) => sum + this.#tables.countElements(set), 0);
  }

  /** Sources in the hold now. */
  countHeld(): number {
    return this.#tables.countElements("held4") + this.#tables.countElements("held6");
  }

  /** How full the table's sets are. */
  readSetUses(): SetUse[] {
    return whenThere([], () => this.#tables.readSetUses());
  }

  /** Counts one by reading it, a part at a time: for kernels that do not tell. Rejects with KernelError. */
  async countSet(set: string, pause: () => Promise<void>): Promise<number> {
    let count = 0;
    await dumpElements({ table: TABLE, set }, () => count++, pause);
    return count;
  }

  /** Tells the kernel which ports have a listener now, so that none of them is a trap when its service restarts. */
  rememberServed(ports: readonly Served[], latelyOpenMs: number, ephemeral: PortRange): string {
    const changes = ports.map(({ protocol, port }) => ({
      set: "lately",
      key: latelyKey(protocol, port),
      // A datagram socket there is most often a client's, in use for a moment; and no trap anyway.
      timeoutMs:
        protocol === IpProtocol.Udp && port >= ephemeral.first && port <= ephemeral.last
          ? CLIENT_PORT_MS
          : port < 1024
            ? latelyOpenMs
            : latelyOpenMs * 24,
    }));
    return changes.length === 0 ? "" : this.#tables.replace(changes);
  }

  #place(block: Placed): Place {
    const { w0, w1, w2, w3 } = block.source;
    return placeOf(block.source, block.soft, this.#near.contains(w0, w1, w2, w3));
  }
}

/** Without the table nothing is held. */
function whenThere<T>(otherwise: T, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof KernelError && error.code === "ENOENT") return otherwise;
    throw error;
  }
}

function isPlain(entry: { block: Block; place: Place }): entry is { block: Block; place: Place & { kind: "plain" } } {
  return entry.place.kind === "plain";
}

/** A digest is "count:sum" (NfTables.digest). */
function isSmall(digest: string): boolean {
  return Number(digest.split(":")[0]) <= SMALL_SET;
}

function holdKey(source: Prefix): { set: string; key: Uint8Array } | undefined {
  const place = placeOf(source, false, false);
  if (place.kind === "interval") return undefined;
  return { set: place.set === "blocked4" ? "held4" : "held6", key: place.key };
}

/** A /64 is delegated as the hold has it: by its first address. */
function delegatedKey(source: Prefix): { set: string; key: Uint8Array } | undefined {
  const place = placeOf(source, false, false);
  if (place.kind === "interval") return undefined;
  return { set: place.set === "blocked4" ? "delegated4" : "delegated6", key: place.key };
}

function timeoutOf(block: Block, nowMs: number): number | undefined {
  return block.untilMs === undefined ? undefined : Math.max(1, Math.round(block.untilMs - nowMs));
}

function change(block: Block, place: Place & { kind: "plain" }, nowMs: number): ElementChange {
  return { set: place.set, key: place.key, timeoutMs: timeoutOf(block, nowMs) };
}

/** The nft command that does the same, for the log: an administrator can read it, repeat it and undo it. */
export function equivalentCommand(block: Block, nowMs: number): string {
  const place = placeOf(block.source, block.soft, false);
  const { w0, w1, w2, w3 } = block.source;
  const element = place.kind === "plain" ? formatPrefix({ w0, w1, w2, w3, bits: 128 }) : formatPrefix(block.source);
  const time =
    block.untilMs === undefined ? "" : ` timeout ${Math.max(1, Math.round((block.untilMs - nowMs) / 1000))}s`;
  return `nft add element inet ${TABLE} ${place.set} { ${element}${time} }`;
}

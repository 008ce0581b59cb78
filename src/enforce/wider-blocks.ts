// IPv6 sources that change their /64: when enough of a /56, or a /48, are blocked in full, the prefix is blocked as a whole,
// unless anybody in it is spared, guarded or a known client. Bounded: one look at the known clients in ten seconds.

import { type WiderPolicy, WiderPrefixes } from "../detect/wider-prefixes.ts";
import type { Block } from "../judge/block.ts";
import type { Judge } from "../judge/judge.ts";
import type { Grade } from "../judge/verdict.ts";
import type { Learning } from "../table/learned-sets.ts";
import { sourceOfKey } from "../table/set-key.ts";
import { formatPrefix, isIpv4, type Prefix, prefixContains } from "../wire/address.ts";
import type { BlockList } from "./block-list.ts";

export interface WiderBlockParts {
  readonly policy: WiderPolicy;
  readonly judge: Pick<Judge, "sparesWithin">;
  /** Absent where no client is known. */
  readonly learned?: Pick<Learning, "visit" | "peers"> | undefined;
  readonly warn: (message: string) => void;
  readonly nowMs: () => number;
  /** Lets the event loop go on between the parts of a long set. */
  readonly pause: () => Promise<void>;
}

/** The part that blocks: the blocker, which in turn reports each block (blocked(), lifted()). */
export interface WiderBlocker {
  readonly list: BlockList;
  /** Blocks a prefix; the reason why it is not, or "". */
  blockWider(source: Prefix, grade: Grade, reason: string): string;
}

/** Prefixes that wait for a look at the known clients; and how seldom there is one: it reads some 100,000 elements. */
const MAX_WAITING = 64;
const LOOK_MS = 10_000;
/** Blocks wider than a /64 that were not made by hand: each finding is compared with all of them. */
const MAX_WIDE = 1_024;
const SOURCE_BITS = 64;

export class WiderBlocks {
  readonly counters = { widerBlocks: 0, widerSpared: 0, widerDropped: 0, widerEvicted: 0 };
  readonly #parts: WiderBlockParts;
  #policy: WiderPolicy;
  #prefixes: WiderPrefixes;
  /** By text. */
  readonly #waiting = new Map<string, Prefix>();
  readonly #made = new Set<string>();
  #looksAt: Promise<void> | undefined;
  #nextLookMs = 0;

  constructor(parts: WiderBlockParts) {
    this.#parts = parts;
    this.#policy = parts.policy;
    this.#prefixes = new WiderPrefixes(parts.policy);
  }

  /** Other thresholds count from nought. */
  setPolicy(policy: WiderPolicy): void {
    if (JSON.stringify(policy) === JSON.stringify(this.#policy)) return;
    this.#policy = policy;
    this.#prefixes = new WiderPrefixes(policy);
  }

  /** The kernel holds a block. */
  blocked({ source, soft, grade }: Block): void {
    if (soft || grade === "manual" || source.bits !== SOURCE_BITS || isIpv4(source)) return;
    const prefix = this.#prefixes.offend(source, this.#parts.nowMs());
    this.counters.widerEvicted = this.#prefixes.evictions;
    if (prefix === undefined) return;
    if (this.#waiting.size >= MAX_WAITING || this.#made.size >= MAX_WIDE) {
      this.counters.widerDropped++;
      this.#prefixes.pardon(prefix, false);
      return;
    }
    this.#waiting.set(formatPrefix(prefix), prefix);
  }

  /** A block has ended. By hand: the prefix starts afresh. By its time: one more offence blocks it again, for longer. */
  lifted({ source }: Block, isByHand: boolean): void {
    if (!this.#made.delete(formatPrefix(source))) return;
    this.#prefixes.pardon(source, isByHand);
  }

  /** Once a second; resolves when what it began is done. */
  tick(blocker: WiderBlocker): Promise<void> {
    const nowMs = this.#parts.nowMs();
    // A clock that is set back must not hold this up.
    const isTooEarly = nowMs < this.#nextLookMs && this.#nextLookMs - nowMs <= LOOK_MS;
    if (this.#looksAt !== undefined || this.#waiting.size === 0 || isTooEarly)
      return this.#looksAt ?? Promise.resolve();
    this.#nextLookMs = nowMs + LOOK_MS;
    this.#looksAt = this.#look(blocker).finally(() => {
      this.#looksAt = undefined;
    });
    return this.#looksAt;
  }

  async #look(blocker: WiderBlocker): Promise<void> {
    const { learned, pause } = this.#parts;
    const prefixes = [...this.#waiting.values()];
    const clients = new Set<Prefix>();
    const note = (address: Prefix) => {
      for (const prefix of prefixes) if (prefixContains(prefix, address)) clients.add(prefix);
    };
    await learned?.visit((set, key) => {
      const address = set === "known6" ? sourceOfKey(key.subarray(0, 16)) : undefined;
      if (address !== undefined) note(address);
    }, pause);
    for (const { source } of learned?.peers() ?? []) note(source);
    // Not before: a prefix that asks again meanwhile must not find the place free.
    for (const prefix of prefixes) {
      this.#waiting.delete(formatPrefix(prefix));
      this.#decide(prefix, clients.has(prefix), blocker);
    }
  }

  #decide(prefix: Prefix, hasClients: boolean, blocker: WiderBlocker): void {
    const { judge, warn } = this.#parts;
    const { list } = blocker;
    const text = formatPrefix(prefix);
    // A soft block of the network (detect/neighbours.ts) is no reason against a full one.
    if (list.isFullyBlocked(prefix)) return;
    const offenders = list
      .inside(prefix)
      .filter(({ soft, grade, source }) => !soft && grade !== "manual" && source.bits === SOURCE_BITS);
    const [first] = offenders;
    // They were let go meanwhile.
    if (first === undefined) return;
    const spared = judge.sparesWithin(prefix) ?? (hasClients ? "a known client" : undefined);
    if (spared !== undefined) {
      this.counters.widerSpared++;
      warn(`${this.#countIn(prefix)}; ${text} is not blocked as a whole: ${sparedText(spared)}`);
      return;
    }
    // As strong as the weakest of them.
    const { grade } = offenders.find((one) => one.grade === "direct") ?? first;
    if (blocker.blockWider(prefix, grade, this.#countIn(prefix)) !== "") return;
    this.counters.widerBlocks++;
    this.#made.add(text);
  }

  #countIn(prefix: Prefix): string {
    const count = this.#prefixes.offendersIn(prefix);
    return `${count} /64 networks of one /${prefix.bits} were blocked as scanners`;
  }
}

function sparedText(spared: string): string {
  switch (spared) {
    case "ignored":
      return "an address in it is on the allow list (IGNORE_FILE)";
    case "own":
      return "it holds an address of this host";
    case "guarded":
      return "this host depends on an address in it (portreeve guard)";
    default:
      return `${spared} is in it`;
  }
}

// A firewall, a store and a recorder in memory, for the daemon's parts that decide what they do.

import type { Finding } from "../../src/detect/finding.ts";
import { Kind } from "../../src/detect/kinds.ts";
import type { ResponseResult } from "../../src/enforce/commands/response.ts";
import type { Responded } from "../../src/enforce/delegate.ts";
import type { Block } from "../../src/judge/block.ts";
import type { SparedBecause } from "../../src/judge/judge.ts";
import type { Verdict } from "../../src/judge/verdict.ts";
import type { StoredBlock, StoredOffences } from "../../src/record/store.ts";
import type { Outcome } from "../../src/table/firewall.ts";
import type { Held } from "../../src/table/held-elements.ts";
import type { NetworkAudit } from "../../src/table/network-blocks.ts";
import { formatPrefix, type Prefix } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

const keyOf = ({ source, soft }: Pick<Block, "source" | "soft">) => `${soft ? "soft" : "full"} ${formatPrefix(source)}`;

/** What the judge says of a source that has asked for three closed ports. */
export function verdictOn(from: string, action: "soft" | "block", timeMs: number): Verdict {
  return {
    action,
    grade: "direct",
    finding: {
      source: prefix(from),
      kind: Kind.Syn,
      protocol: 6,
      port: 79,
      tcpFlags: 2,
      hasIpOptions: false,
      probes: 3,
      contacts: 3,
      firstMs: timeMs,
      timeMs,
      policy: "score",
    },
  };
}

/** Holds what it is told until it is told otherwise; time is not its business. */
export class FakeFirewall {
  readonly name = "nftables";
  /** "full 192.0.2.1" -> when it ends. */
  readonly kernel = new Map<string, number | undefined>();
  /** Sources that it will not take, and why. */
  readonly refusals = new Map<string, string>();
  drifted = false;
  loads = 0;
  lookups = 0;
  generationNumber = 1;

  enforce(blocks: readonly Block[], _nowMs: number): Outcome[] {
    return blocks.map((block) => {
      const failure = this.refusals.get(formatPrefix(block.source)) ?? "";
      if (failure === "") this.kernel.set(keyOf(block), block.untilMs);
      return { block, failure };
    });
  }

  lift(blocks: readonly Block[], _nowMs: number): Outcome[] {
    const failures = blocks.flatMap((block) => {
      const failure = this.refusals.get(formatPrefix(block.source));
      return failure === undefined ? [] : [{ block, failure }];
    });
    for (const block of blocks) if (!this.refusals.has(formatPrefix(block.source))) this.kernel.delete(keyOf(block));
    return failures;
  }

  isNetwork({ source: { bits } }: Pick<Block, "source">): boolean {
    return bits !== 128 && bits !== 64;
  }

  /** What auditNetworks() answers: the tests say it themselves. */
  audit: NetworkAudit = { gone: [], torn: [], foreign: [], untimely: false };

  auditNetworks(): NetworkAudit {
    return this.audit;
  }

  areNetworksAsWanted(): false | Promise<boolean> {
    return false;
  }

  rewrites = 0;

  rewriteNetworks(): string {
    this.rewrites++;
    return "";
  }

  readNetworks() {
    return { ipv4: [], ipv6: [] };
  }

  restoreNetworks(networks: readonly Pick<Block, "source" | "untilMs">[]): void {
    for (const { source, untilMs } of networks) {
      if (this.refusals.get(formatPrefix(source)) === undefined)
        this.kernel.set(`full ${formatPrefix(source)}`, untilMs);
    }
  }

  hasNetwork(block: Block): boolean {
    return this.isNetwork(block) && this.kernel.has(keyOf(block)) && this.kernel.get(keyOf(block)) === block.untilMs;
  }

  /** What beyondNetworks() answers. */
  beyond: Pick<Block, "source" | "untilMs">[] = [];

  beyondNetworks(): Pick<Block, "source" | "untilMs">[] {
    return this.beyond;
  }

  /** Networks that have ended, or whose elements somebody removed. */
  liftEnded(_blocks: readonly Block[], _nowMs: number): void {}

  isPresent(block: Block): boolean {
    return this.kernel.has(keyOf(block));
  }

  stands(block: Block, _nowMs: number): boolean {
    this.lookups++;
    const key = keyOf(block);
    return this.kernel.has(key) && this.kernel.get(key) === block.untilMs;
  }

  load(): boolean {
    this.loads++;
    this.generationNumber++;
    this.drifted = false;
    return false;
  }

  hasDrifted(): boolean {
    return this.drifted;
  }

  /** Sets that another program has changed. */
  readonly changedSets = new Set<string>();
  /** Which sets were asked for; undefined: the small ones. */
  readonly askedSets: (readonly string[] | undefined)[] = [];

  driftedSets(among?: readonly string[]): string[] {
    this.askedSets.push(among);
    return [...this.changedSets].filter((set) => among === undefined || among.includes(set));
  }

  refill(): void {
    this.generationNumber++;
    this.changedSets.clear();
  }

  generation(): number {
    return this.generationNumber;
  }

  /** What the sets of blocks hold: the tests say it themselves. */
  elements: Held[] = [];

  readonly held = {
    read: () => this.elements,
    visit: (visit: (held: Held) => void) => {
      for (const one of this.elements) visit(one);
    },
  };
}

export class FakeStore {
  readonly rows = new Map<string, StoredBlock>();
  readonly offences = new Map<string, StoredOffences>();
  flushes = 0;

  *blocks(): Generator<StoredBlock> {
    yield* this.rows.values();
  }

  countBlocks(nowMs: number) {
    const lasting = [...this.rows.values()].filter(({ untilMs }) => untilMs === undefined || untilMs > nowMs);
    const ours = lasting.filter(({ backend }) => backend === "nftables").length;
    return { ours, others: lasting.length - ours };
  }

  *networks(): Generator<StoredBlock> {
    yield* [...this.rows.values()].filter(({ source: { bits } }) => bits !== 128 && bits !== 64);
  }

  putBlock(block: StoredBlock): void {
    this.rows.set(formatPrefix(block.source), block);
  }

  deleteBlock(source: Prefix): void {
    this.rows.delete(formatPrefix(source));
  }

  putOffence(offences: StoredOffences): void {
    this.offences.set(formatPrefix(offences.source), offences);
  }

  flush(): void {
    this.flushes++;
  }
}

/** Everything that was said, one text each. */
export class FakeRecorder {
  readonly said: string[] = [];

  finding(verdict: { readonly action: string }): void {
    this.said.push(`finding ${verdict.action}`);
  }

  blocked(block: Block, command: string): void {
    this.said.push(`blocked ${formatPrefix(block.source)}: ${command}`);
  }

  stillBlocked({ source }: Finding): void {
    this.said.push(`still blocked ${formatPrefix(source)}`);
  }

  blockFailed(source: Prefix, why: string): void {
    this.said.push(`failed ${formatPrefix(source)}: ${why}`);
  }

  unblocked(source: Prefix, how: string): void {
    this.said.push(`unblocked ${formatPrefix(source)} ${how}`);
  }

  responded(source: Prefix): void {
    this.said.push(`responded ${formatPrefix(source)}`);
  }

  drift(message: string): void {
    this.said.push(`drift ${message}`);
  }

  warning(message: string): void {
    this.said.push(`warning ${message}`);
  }

  /** Says what was said since the last call, and forgets it. */
  take(): string[] {
    return this.said.splice(0);
  }
}

/** The administrator's commands: each that was asked for is said, and works. */
export class FakeDelegate {
  readonly asked: string[] = [];
  hasSteps = true;
  /** What isByHand() answers. */
  isHand = true;
  /** Sources whose rules cannot be made again. */
  readonly broken = new Set<string>();
  /** Sources whose rules cannot be undone. */
  readonly stays = new Set<string>();
  /** KILL_RUN_CMD is set, and comes last. */
  hasRun = false;
  madeBy = "commands";

  async respond({ source }: Finding): Promise<Responded> {
    this.asked.push(`respond ${formatPrefix(source)}`);
    return { results: [], backend: undefined, madeBy: "" };
  }

  async run({ source }: Finding): Promise<void> {
    this.asked.push(`run ${formatPrefix(source)}`);
  }

  async runAfter(finding: Finding): Promise<readonly ResponseResult[]> {
    if (this.hasRun) await this.run(finding);
    return [];
  }

  async release({ source }: Block): Promise<readonly string[]> {
    this.asked.push(`release ${formatPrefix(source)}`);
    return this.stays.has(formatPrefix(source)) ? ["it stays"] : [];
  }

  async releaseLeftOver({ source, madeBy }: Block, after: Pick<Block, "madeBy">): Promise<readonly string[]> {
    if (madeBy !== after.madeBy) this.asked.push(`left over ${formatPrefix(source)} ${madeBy}`);
    return [];
  }

  takeOver(): string {
    return "";
  }

  giveBack(): void {}

  async stands(): Promise<boolean> {
    return true;
  }

  async restore(block: Block): Promise<Block | string> {
    return this.broken.has(formatPrefix(block.source)) ? "it fails" : block;
  }

  isByHand(): boolean {
    return this.isHand;
  }
}

/** Sources that still send, and those that were reset. */
export class FakeDetector {
  readonly lastSeen = new Map<string, number>();
  readonly resets: string[] = [];

  reset(source: Prefix): boolean {
    this.resets.push(formatPrefix(source));
    return this.lastSeen.delete(formatPrefix(source));
  }

  readonly waiting: string[] = [];
  readonly found: string[] = [];

  letWait(source: Prefix): void {
    this.waiting.push(formatPrefix(source));
  }

  endWait(source: Prefix): void {
    this.found.push(formatPrefix(source));
  }

  lastSeenMs(source: Prefix): number | undefined {
    return this.lastSeen.get(formatPrefix(source));
  }
}

/** Says of the sources that a test names why they are spared. */
export class FakeJudge {
  readonly spared = new Map<string, SparedBecause>();

  sparesWithin(source: Prefix): SparedBecause | undefined {
    return this.spared.get(formatPrefix(source));
  }
}

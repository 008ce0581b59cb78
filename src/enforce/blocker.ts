// Carries verdicts out: keeps block list, kernel, store and record at one. The only place that adds or lifts a block.

import { blocksByFirewall } from "../config/enforcement.ts";
import type { Settings } from "../config/settings.ts";
import type { Detector } from "../detect/detector.ts";
import type { Finding } from "../detect/finding.ts";
import { GuardWarnings } from "../host/guard-warning.ts";
import { MAX_BLOCKS } from "../host/memory-limit.ts";
import type { Block } from "../judge/block.ts";
import { Breaker, type BreakerLimits } from "../judge/breaker.ts";
import { blockDurationMs, type OffenceMemory } from "../judge/escalation.ts";
import type { Reason } from "../judge/reason.ts";
import { type Claim, type Ended, type Grade, isClaim, type Verdict } from "../judge/verdict.ts";
import { reasonFor } from "../record/finding-text.ts";
import type { Recorder } from "../record/recorder.ts";
import type { Store } from "../record/store.ts";
import { endsBefore } from "../table/address-span.ts";
import { equivalentCommand } from "../table/equivalent-command.ts";
import type { Firewall, Outcome } from "../table/firewall.ts";
import type { Held } from "../table/held-elements.ts";
import { placeOf } from "../table/set-key.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { adoptHeld, adoptNetworks } from "./adopt.ts";
import { BlockList } from "./block-list.ts";
import type { Delegate } from "./delegate.ts";
import type { Trial } from "./trial.ts";
import type { WiderBlocks } from "./wider-blocks.ts";

/** A soft block is looked at so long before it ends: its source may still be scanning. */
const RENEW_AHEAD_MS = 3_000;
/** Blocks that end in one turn of the event loop; the kernel has ended them already. */
const EXPIRIES_PER_TURN = 500;
/** MAX_BLOCKS_PER_SECOND is counted over so long: with the default 6,000 sources at once are blocked at once. */
const FULL_BURST_SECONDS = 600;

const NO_TABLE = "no nftables table is loaded (CAPTURE): only KILL_ROUTE and KILL_HOSTS_DENY can block";

export interface BlockerParts {
  /** Absent where no table is loaded. */
  readonly firewall?: Pick<Firewall, "enforce" | "lift" | "liftEnded" | "rewriteNetworks"> | undefined;
  readonly store: Pick<Store, "putBlock" | "deleteBlock" | "putOffence" | "flush">;
  readonly recorder: Pick<
    Recorder,
    "finding" | "blocked" | "blockFailed" | "unblocked" | "responded" | "warning" | "drift"
  >;
  readonly detector: Pick<Detector, "reset" | "letWait" | "endWait" | "lastSeenMs">;
  readonly offences: OffenceMemory;
  /** KILL_ROUTE and its like; absent where nothing of the kind is run. */
  readonly delegate?: Pick<
    Delegate,
    "hasSteps" | "runOnly" | "respond" | "takeOver" | "giveBack" | "isStillThere" | "restore" | "release" | "isByHand"
  >;
  /** `run --trial`. */
  readonly trial?: Trial | undefined;
  /** What a block by hand ends. Absent: not counted. */
  readonly ends?: (source: Prefix) => Ended | undefined;
  /** IPv6 prefixes of which several parts are blocked. */
  readonly wider?: Pick<WiderBlocks, "blocked" | "lifted">;
  readonly nowMs: () => number;
  /** Absent: as many as the kernel's sets hold. */
  readonly maxBlocks?: number;
  /** From 0 to below 1: who is chosen in a flood. */
  readonly random: () => number;
}

/** A block that somebody decided on, before its times are known. */
interface Decision {
  readonly source: Prefix;
  readonly grade: Grade;
  readonly soft: boolean;
  readonly reason: Reason;
  /** undefined: as BLOCK_TIME and the source's past say; 0: for ever. */
  readonly forMs?: number | undefined;
  readonly finding?: Finding;
  readonly ends?: Ended | undefined;
  /** The word of a person who means it: a block that ends later is shortened. */
  readonly mayShorten?: boolean;
  /** Another program's block, taken over: none that a trial makes. */
  readonly existed?: boolean;
}

export type HowLifted = "by hand" | "expired" | "all" | "removed elsewhere" | "the trial is over" | "guarded";

export class Blocker {
  readonly list: BlockList;
  readonly #parts: BlockerParts;
  #settings: Settings;
  readonly breaker: Breaker;
  readonly #guardWarnings = new GuardWarnings();
  /** How often the kernel refused a block, or took it and did not hold it. */
  failures = 0;

  constructor(settings: Settings, parts: BlockerParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.list = new BlockList(parts.maxBlocks ?? MAX_BLOCKS);
    this.breaker = new Breaker(() => this.#breakerLimits(), parts.random);
  }

  setSettings(settings: Settings): void {
    this.#settings = settings;
    this.breaker.forgetWaiting();
  }

  /** How many blocks on a claim are made: soft ones, or with PROOF="off" full ones. */
  #breakerLimits(): BreakerLimits {
    const { proof, maxUnprovenPerSecond, maxBlocksPerSecond } = this.#settings;
    if (proof === "on") return { perSecond: maxUnprovenPerSecond, burst: maxUnprovenPerSecond };
    return { perSecond: maxBlocksPerSecond, burst: maxBlocksPerSecond * FULL_BURST_SECONDS };
  }

  /** What a flood of claims means under these settings, for the log and `status`. */
  get floodText(): { readonly key: string; readonly whatIsDone: string } {
    const { proof, maxUnprovenPerSecond, maxBlocksPerSecond } = this.#settings;
    return proof === "on"
      ? {
          key: "MAX_UNPROVEN_PER_SECOND",
          whatIsDone: `${maxUnprovenPerSecond} a second are softly blocked, chosen at random`,
        }
      : { key: "MAX_BLOCKS_PER_SECOND", whatIsDone: `${maxBlocksPerSecond} a second are blocked, chosen at random` };
  }

  /**
   * Whether a verdict is to be carried out. False: it is a claim in a flood of them, and waits for takeChosen(), or is passed
   * over; its source asks again with its next probe. `lot`: drawn for it already.
   */
  admits(verdict: Verdict, lot?: number): boolean {
    // Findings about networks have a limit of their own (detect/neighbours.ts).
    if (!isClaim(verdict) || isOfNetwork(verdict) || !this.#wouldAct(verdict)) return true;
    const nowMs = this.#parts.nowMs();
    const wasOpen = this.breaker.isOpen;
    if (this.breaker.admit(nowMs)) return true;
    if (!wasOpen) this.#sayFlood();
    this.#parts.detector.letWait(verdict.finding.source);
    const drawn = lot ?? this.breaker.draw(verdict.finding.probes, nowMs);
    if (drawn !== undefined) this.breaker.wait(verdict, drawn, nowMs);
    return false;
  }

  /** The claims that are acted on of those that wait. After each delivery, and a few times a second: cheap. */
  takeChosen(): readonly Claim[] {
    if (!this.breaker.hasWaiting) return [];
    const chosen = this.breaker.take(this.#parts.nowMs(), (claim) => this.#wouldAct(claim));
    for (const { finding } of chosen) this.#parts.detector.endWait(finding.source);
    return chosen;
  }

  /** Whether a claim would change anything: a source that is shut out already needs none. */
  #wouldAct({ action, finding }: Claim): boolean {
    if (this.#parts.trial?.mayBlock === false || this.list.isFullyBlocked(finding.source)) return false;
    return action === "block" || (hasSoftForm(finding.source) && this.list.covering(finding.source) === undefined);
  }

  #sayFlood(): void {
    const { key, whatIsDone } = this.floodText;
    const kind = this.#settings.proof === "on" ? "unproven sources" : "sources to be blocked on unproven evidence";
    const limit = this.#breakerLimits().perSecond;
    this.#parts.recorder.warning(
      `there are more than ${limit} ${kind} a second (${key}): until this ends ${whatIsDone} among the sources that go on; proven sources are blocked all the same`,
    );
  }

  /** Acts on the verdicts of one wake-up, in one transaction. */
  carryOut(verdicts: readonly Verdict[]): void {
    const decisions: Decision[] = [];
    const { trial, delegate } = this.#parts;
    const mayRun = trial?.mayRun !== false;
    for (const verdict of verdicts) {
      this.#parts.recorder.finding(verdict);
      const blocks = blocksByFirewall(this.#settings) && trial?.mayBlock !== false;
      const loud = this.#guardWarnings.next(verdict, blocks, this.#parts.nowMs());
      if (loud !== "") this.#parts.recorder.warning(loud);
      if (trial?.mayBlock === false) continue;
      switch (verdict.action) {
        case "spare":
          // Nobody shuts it out: it must be found again when it has left the guard, and so must others of its /64.
          if (verdict.because === "guarded") this.#parts.detector.reset(verdict.finding.source);
          break;
        case "log":
          break;
        case "run":
          if (mayRun) this.#inBackground(delegate?.runOnly(verdict.finding));
          break;
        case "soft":
          if (hasSoftForm(verdict.finding.source) && !this.#isFullyBlocked(verdict.finding.source)) {
            this.#settle(verdict);
            decisions.push(decisionOf(verdict, true));
          }
          break;
        case "block":
          this.#settle(verdict);
          if (blocksByFirewall(this.#settings)) decisions.push(decisionOf(verdict, false));
          // Commands have no way back from a mistake: never for whom this host depends on, proven or not.
          if (mayRun && delegate?.hasSteps === true && verdict.guard === undefined)
            this.#inBackground(this.#respond(verdict));
          break;
      }
    }
    if (decisions.length > 0) this.#enforce(decisions);
  }

  /** One that was passed over may be proven now. */
  #settle({ grade, finding }: Blocking): void {
    if (grade !== "direct") this.#parts.detector.endWait(finding.source);
  }

  /** A probe that was on its way while its source was blocked by hand must not soften that block. */
  #isFullyBlocked(source: Prefix): boolean {
    return this.list.isFullyBlocked(source);
  }

  #inBackground(work: Promise<void> | undefined): void {
    void work?.catch((error: unknown) => this.#parts.recorder.warning(`response: ${String(error)}`));
  }

  /** Runs the administrator's commands; where they are the block, hands the source over to them. */
  async #respond(verdict: Blocking): Promise<void> {
    const { finding } = verdict;
    const { delegate, recorder, detector, nowMs } = this.#parts;
    if (delegate === undefined) return;
    const { results, backend } = await delegate.respond(finding);
    if (blocksByFirewall(this.#settings)) {
      recorder.responded(finding.source, results, { finding, stands: this.#isFullyBlocked(finding.source) });
      return;
    }
    if (backend === "hosts.deny" && this.#settings.firewall !== "none") {
      // KILL_ROUTE has failed, and a line in hosts.deny alone shuts hardly anybody out.
      this.#enforce([decisionOf(verdict, false)]);
      recorder.responded(finding.source, results, { finding, stands: this.#isFullyBlocked(finding.source) });
      return;
    }
    if (backend === undefined) {
      this.failures++;
      detector.reset(finding.source);
      recorder.responded(finding.source, results, { finding });
      return;
    }
    const made = this.#blockOf(decisionOf(verdict, false), nowMs());
    const block: Block = { ...made, backend, enforced: true };
    const refusal = this.#keep(block, this.list.get(block.source), nowMs());
    const failure = refusal === "" ? delegate.takeOver(block, nowMs()) : refusal;
    if (failure !== "") recorder.warning(`${formatPrefix(block.source)}: ${failure}`);
    recorder.responded(block.source, results, refusal === "" ? { block, finding } : { finding });
  }

  /** The command that was to be this block is none: the built-in table is, until the same end. Why it is not, or "". */
  takeOver(block: Block): string {
    const { store, delegate, nowMs } = this.#parts;
    const taken: Block = { ...block, backend: "nftables", enforced: true };
    const failure =
      this.#settings.firewall === "none" ? 'FIREWALL is "none"' : failureOf(this.#enforceByTable([taken], nowMs()));
    if (failure !== "") {
      this.list.put({ ...block, enforced: false });
      return failure;
    }
    this.list.put(taken);
    store.putBlock(taken);
    store.flush();
    delegate?.giveBack(block.source);
    return "";
  }

  /** Blocks sources that a replaced PortSentry had blocked; returns how many are blocked or being blocked now. */
  importOld(sources: readonly { readonly source: Prefix; readonly protocol: number | undefined }[]): number {
    const reason = "taken over from PortSentry's BLOCKED_FILE";
    if (blocksByFirewall(this.#settings)) {
      const decisions = sources.map(({ source }) => ({
        source,
        grade: "direct" as const,
        soft: false,
        reason,
        existed: true,
      }));
      return this.#enforce(decisions).filter((result) => typeof result !== "string").length;
    }
    const nowMs = this.#parts.nowMs();
    const backend = this.#settings.responses.killRoute === undefined ? "hosts.deny" : "kill-route";
    const blocks = sources.map(({ source, protocol }): Block => {
      const made = this.#blockOf({ source, grade: "direct", soft: false, reason }, nowMs);
      return { ...made, backend, ...(protocol !== undefined && { trigger: { protocol, port: 0 } }) };
    });
    // Its rules may stand or be gone: as after a reboot.
    this.#inBackground(this.restoreDelegated(blocks, Number.POSITIVE_INFINITY));
    return blocks.length;
  }

  /** The blocks whose enforcement is the administrator's own. */
  delegated(): Block[] {
    return [...this.list.delegated()];
  }

  /** At start: hands sources over to rules that are still there, and makes anew what a reboot has taken. */
  async restoreDelegated(blocks: readonly Block[], bootMs: number): Promise<void> {
    const { delegate, store, recorder, nowMs } = this.#parts;
    for (const block of blocks) {
      const there = (await delegate?.isStillThere(block)) ?? block.sinceMs > bootMs;
      const stands = there || (block.sinceMs <= bootMs && (await delegate?.restore(block)) === true);
      if (stands && this.list.put({ ...block, enforced: true })) {
        delegate?.takeOver(block, nowMs());
        store.putBlock(block);
      } else {
        store.deleteBlock(block.source);
        recorder.drift(`the rule that blocked ${formatPrefix(block.source)} is gone, which is taken as an unblock`);
        // Its line in hosts.deny goes with it.
        await delegate?.release(block);
      }
    }
  }

  /** Rules of the administrator's own are gone: one is an unblock by hand, several are made again. */
  async rulesGone(gone: readonly Block[]): Promise<void> {
    const { delegate, recorder } = this.#parts;
    const isListed = (block: Block) => this.list.has(block);
    const listed = gone.filter(isListed);
    if (delegate === undefined || listed.length === 0) return;
    if (delegate.isByHand(listed)) {
      for (const { source } of listed) {
        recorder.drift(
          `the rule that blocked ${formatPrefix(source)} was removed by hand, which is taken as an unblock`,
        );
      }
      this.lift(listed, "removed elsewhere");
      return;
    }
    const failed: Block[] = [];
    // Each alone: what cannot be made again is not listed for as long as it takes to try the others.
    for (const block of listed) if (!(await delegate.restore(block))) failed.push(block);
    const lost = failed.filter(isListed);
    this.lift(lost, "removed elsewhere");
    recorder.drift(
      `another program removed ${listed.length} rules of blocked sources: ${listed.length - lost.length} are made again`,
    );
    for (const { source } of lost)
      recorder.blockFailed(source, "the rule of this source was removed and could not be made again");
  }

  /** At start: undoes what commands did for blocks that have ended meanwhile. One by one: each may be a process. */
  async undoEnded(blocks: readonly Block[]): Promise<void> {
    for (const block of blocks) if (hasResponses(block)) await this.#parts.delegate?.release(block);
  }

  /** Blocks by hand. The block as it stands, or why it does not. */
  blockByHand(
    source: Prefix,
    forMs: number | undefined,
    reason: string,
    how: Pick<Decision, "mayShorten"> = {},
  ): Block | string {
    const ends = this.#parts.ends?.(source);
    const [outcome] = this.#enforce([{ source, grade: "manual", soft: false, reason, forMs, ends, ...how }]);
    return outcome ?? "nothing was done";
  }

  /** Blocks an IPv6 prefix whose parts have been blocked. Why it is not, or "". */
  blockWider(source: Prefix, grade: Grade, reason: string): string {
    if (!blocksByFirewall(this.#settings) || this.#parts.trial?.mayBlock === false) return "nothing is blocked now";
    const [outcome] = this.#enforce([{ source, grade, soft: false, reason }]);
    return typeof outcome === "object" ? "" : (outcome ?? "nothing was done");
  }

  #enforce(decisions: readonly Decision[]): (Block | string)[] {
    const nowMs = this.#parts.nowMs();
    const blocks = decisions.map((decision) => this.#blockOf(decision, nowMs));
    const before = blocks.map(({ source }) => this.list.get(source));
    const outcomes = this.#enforceByTable(blocks, nowMs);
    const results = outcomes.map(({ block, failure }, index): Block | string => {
      const refusal = failure === "" ? this.#keep(block, before[index], nowMs) : failure;
      if (refusal === "") return this.#said({ ...block, enforced: true }, decisions[index]?.finding);
      this.failures++;
      this.#parts.detector.reset(block.source);
      this.#parts.recorder.blockFailed(block.source, refusal, decisions[index]?.finding);
      return refusal;
    });
    // What packets have decided is written with all that a fifth of a second brings (Daemon.flush): a transaction for each
    // few would cost more than the blocks. After a crash in between the kernel tells of them.
    if (decisions.some(({ finding }) => finding === undefined)) this.#parts.store.flush();
    return results;
  }

  #enforceByTable(blocks: readonly Block[], nowMs: number): Outcome[] {
    const { firewall } = this.#parts;
    return firewall?.enforce(blocks, nowMs) ?? blocks.map((block) => ({ block, failure: NO_TABLE }));
  }

  #said(block: Block, finding: Finding | undefined): Block {
    this.#parts.recorder.blocked(block, equivalentCommand(block, block.sinceMs), finding);
    this.#parts.wider?.blocked(block);
    return block;
  }

  #blockOf(decision: Decision, nowMs: number): Block {
    const { soft, grade, reason, source, finding, ends } = decision;
    const past = this.#parts.offences.get(source, nowMs)?.offences ?? 0;
    const durationMs = this.#durationMs(decision, past + 1);
    const wantedMs = durationMs === undefined ? undefined : nowMs + durationMs;
    const trigger = finding === undefined ? {} : { trigger: { protocol: finding.protocol, port: finding.port } };
    return {
      source,
      sinceMs: nowMs,
      ...this.#notShorter(decision, this.#endOf(decision, wantedMs, nowMs)),
      grade,
      soft,
      reason,
      offences: past + 1,
      backend: "nftables",
      ...trigger,
      ...ends,
      enforced: false,
    };
  }

  /** On trial a block ends with it, unless it takes the place of one from before the trial: that is not shortened. */
  #endOf(
    { source, existed }: Pick<Decision, "source" | "existed">,
    wantedMs: number | undefined,
    nowMs: number,
  ): Pick<Block, "untilMs" | "afterTrial"> {
    const limitMs = existed === true ? undefined : this.#parts.trial?.limitMs(nowMs);
    if (limitMs === undefined || (wantedMs ?? Number.POSITIVE_INFINITY) <= limitMs) return { untilMs: wantedMs };
    const before = this.list.get(source);
    const isOlder = before !== undefined && !before.soft && before.afterTrial === undefined;
    if (isOlder && (before.untilMs ?? Number.POSITIVE_INFINITY) > limitMs) return { untilMs: before.untilMs };
    return { untilMs: limitMs, afterTrial: { untilMs: wantedMs } };
  }

  /** A full block that ends later is not shortened by the next. */
  #notShorter(
    { source, soft, mayShorten }: Decision,
    end: Pick<Block, "untilMs" | "afterTrial">,
  ): Pick<Block, "untilMs" | "afterTrial"> {
    const before = this.list.get(source);
    if (soft || mayShorten === true || before === undefined || before.soft) return end;
    if (!endsBefore(end.untilMs, before.untilMs)) return end;
    const { untilMs, afterTrial } = before;
    return { untilMs, ...(afterTrial !== undefined && { afterTrial }) };
  }

  #durationMs({ soft, forMs }: Decision, offences: number): number | undefined {
    if (forMs !== undefined) return forMs === 0 ? undefined : forMs;
    if (soft) return this.#settings.softBlockTimeMs;
    const { blockTimeMs, blockTimeFactor: factor, blockTimeMaxMs: maxMs } = this.#settings;
    return blockDurationMs({ blockTimeMs, factor, maxMs }, offences);
  }

  /** Lists and stores a block that the kernel holds; the reason why not, or "". */
  #keep(block: Block, before: Block | undefined, nowMs: number): string {
    const { firewall, store, offences } = this.#parts;
    if (!this.list.put({ ...block, enforced: true })) {
      if (block.backend === "nftables") firewall?.lift([block], nowMs);
      return `the block list is full (${this.list.limit})`;
    }
    // The same source was softly blocked, or fully: the other set must not go on holding it.
    if (before !== undefined && before.soft !== block.soft) firewall?.lift([before], nowMs);
    store.putBlock(block);
    if (!block.soft) {
      const count = offences.record(block.source, nowMs);
      const lastEndMs = block.untilMs ?? nowMs;
      offences.setEnd(block.source, lastEndMs);
      store.putOffence({ source: block.source, offences: count, lastEndMs });
    }
    return "";
  }

  /** Takes blocks from kernel, list and store. Returns those that the kernel would not give up. */
  lift(blocks: readonly Block[], how: HowLifted): string[] {
    const nowMs = this.#parts.nowMs();
    const kernelHasEnded = how === "expired" || how === "removed elsewhere";
    const ours = blocks.filter(({ backend }) => backend === "nftables");
    const { firewall } = this.#parts;
    const failures = kernelHasEnded ? [] : (firewall?.lift(ours, nowMs) ?? []);
    if (kernelHasEnded) firewall?.liftEnded(ours, nowMs);
    for (const block of blocks) if (hasResponses(block)) this.#inBackground(this.#parts.delegate?.release(block));
    const failed = new Set(failures.map(({ block }) => block));
    for (const block of blocks) {
      if (failed.has(block)) continue;
      this.list.remove(block.source);
      this.#parts.store.deleteBlock(block.source);
      this.#parts.detector.reset(block.source);
      if (how !== "expired") this.#parts.offences.setEnd(block.source, nowMs);
      this.#parts.wider?.lifted(block, how !== "expired");
      this.#parts.recorder.unblocked(block.source, how);
    }
    this.#parts.store.flush();
    return failures.map(({ block, failure }) => `${formatPrefix(block.source)}: ${failure}`);
  }

  /** Lists what another program has put into the kernel's sets of blocks; what cannot be listed is taken out. */
  adopt(
    held: readonly Held[],
    networks: readonly Pick<Block, "source" | "untilMs">[],
    reason: string,
  ): { readonly adopted: readonly Prefix[]; readonly removed: readonly Prefix[] } {
    const { firewall, store, nowMs } = this.#parts;
    if (firewall === undefined) return { adopted: [], removed: [] };
    const parts = { firewall, store, list: this.list, nowMs: nowMs(), grade: "manual" as const, reason };
    const sources = adoptHeld(held, parts);
    const { adopted, removed } = adoptNetworks(networks, parts);
    store.flush();
    return { adopted: [...sources, ...adopted], removed };
  }

  /** The blocks that end with the trial. */
  onTrial(): Block[] {
    return [...this.list.onTrial()];
  }

  /** The trial is confirmed: its blocks stay until their own time. Returns for how many the kernel has taken that. */
  keepAfterTrial(): number {
    const { store, recorder, offences, nowMs } = this.#parts;
    const wanted = this.onTrial().map(
      ({ afterTrial, ...block }): Block => ({ ...block, untilMs: afterTrial?.untilMs }),
    );
    let kept = 0;
    for (const { block, failure } of this.#enforceByTable(wanted, nowMs())) {
      if (failure !== "") {
        recorder.warning(`${formatPrefix(block.source)} ends with the trial, though it was confirmed: ${failure}`);
        continue;
      }
      this.list.put(block);
      store.putBlock(block);
      if (!block.soft) {
        const lastEndMs = block.untilMs ?? nowMs();
        offences.setEnd(block.source, lastEndMs);
        store.putOffence({ source: block.source, offences: block.offences, lastEndMs });
      }
      kept++;
    }
    store.flush();
    return kept;
  }

  /** Once a second, then endBlocks() for as long as it says so: ends what is over, and prolongs soft blocks of sources that are still at it. */
  tick(): void {
    const nowMs = this.#parts.nowMs();
    if (this.breaker.tick(nowMs)) {
      const { withheld } = this.breaker;
      this.#parts.recorder.warning(
        `the flood of unproven sources has ended: each scanner that is found is blocked again (${withheld} packets of found sources were passed over since the start)`,
      );
    }
    this.endBlocks();
  }

  /** Ends some of what is over; true when there is more. */
  endBlocks(): boolean {
    const nowMs = this.#parts.nowMs();
    const over: Block[] = [];
    const early: Block[] = [];
    let count = 0;
    for (; count < EXPIRIES_PER_TURN; count++) {
      const block = this.list.takeExpired(nowMs + RENEW_AHEAD_MS);
      if (block === undefined) break;
      if (block.soft && this.#renew(block)) continue;
      if ((block.untilMs ?? 0) > nowMs) early.push(block);
      else over.push(block);
    }
    for (const block of early) this.list.put(block);
    if (over.length > 0) this.lift(over, "expired");
    // Those that end first come first: after one that is early none is over.
    return count === EXPIRIES_PER_TURN && early.length === 0;
  }

  /** A soft block lasts SOFT_BLOCK_TIME from the source's latest probe. */
  #renew(block: Block): boolean {
    const lastSeenMs = this.#parts.detector.lastSeenMs(block.source);
    if (lastSeenMs === undefined || this.#parts.trial?.mayBlock === false) return false;
    const end = this.#endOf({ source: block.source }, lastSeenMs + this.#settings.softBlockTimeMs, this.#parts.nowMs());
    if ((end.untilMs ?? 0) <= (block.untilMs ?? 0) + 1_000) return false;
    const renewed = { ...block, ...end };
    const [outcome] = this.#enforceByTable([renewed], this.#parts.nowMs());
    if (outcome === undefined || outcome.failure !== "") return false;
    this.list.put(renewed);
    this.#parts.store.putBlock(renewed);
    return true;
  }
}

function failureOf([outcome]: readonly Outcome[]): string {
  return outcome === undefined ? "nothing was done" : outcome.failure;
}

function isOfNetwork({ finding }: Verdict): boolean {
  return finding.members !== undefined;
}

/** Intervals are blocked in full: a source that has no place in a soft set must not come there. */
function hasSoftForm(source: Prefix): boolean {
  return placeOf(source, true, false).kind === "plain";
}

/** Soft blocks, those by hand and those on trial are the built-in firewall's alone. */
function hasResponses({ soft, grade, afterTrial }: Block): boolean {
  return !soft && grade !== "manual" && afterTrial === undefined;
}

/** A verdict that a block follows from. */
type Blocking = Pick<Verdict & { readonly action: "soft" | "block" }, "finding" | "grade" | "ends">;

function decisionOf({ finding, grade, ends }: Blocking, soft: boolean): Decision {
  return { source: finding.source, grade, soft, reason: reasonFor(finding), finding, ends };
}

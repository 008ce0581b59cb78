// Carries verdicts out: the only place that adds or lifts a block. What a block is (block-terms.ts), how it is kept
// (block-keeper.ts) and ends (block-ends.ts), claims in a flood (claims.ts), and commands (command-blocks.ts) are its parts.

import type { Troubles } from "../base/troubles.ts";
import type { Settings } from "../config/settings.ts";
import type { Detector } from "../detect/detector.ts";
import type { Finding } from "../detect/finding.ts";
import { GuardWarnings } from "../host/guard-warning.ts";
import { MAX_BLOCKS } from "../host/memory-limit.ts";
import { type Block, isInTable, TABLE_BACKEND } from "../judge/block.ts";
import type { OffenceMemory } from "../judge/escalation.ts";
import type { Judge } from "../judge/judge.ts";
import type { Claim, Ended, Grade, Verdict } from "../judge/verdict.ts";
import type { Recorder } from "../record/recorder.ts";
import type { Store } from "../record/store.ts";
import { equivalentCommand } from "../table/equivalent-command.ts";
import { BLOCKS_PER_CALL } from "../table/firewall.ts";
import type { Held } from "../table/held-elements.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { adoptHeld, adoptNetworks } from "./adopt.ts";
import type { TableBackend } from "./backend.ts";
import { makerOf } from "./backends.ts";
import { BlockEnds } from "./block-ends.ts";
import { BlockKeeper, type HowLifted } from "./block-keeper.ts";
import { BlockList } from "./block-list.ts";
import { BlockTerms } from "./block-terms.ts";
import { Claims, type ClaimsParts } from "./claims.ts";
import { CommandBlocks, type CommandBlocksParts } from "./command-blocks.ts";
import { hasResponses } from "./commands/made-by.ts";
import { type Blocking, type Decision, decisionOf, hasSoftForm } from "./decision.ts";
import type { Delegate } from "./delegate.ts";
import { ListedSources } from "./listed-sources.ts";
import { RuleUndo } from "./rule-undo.ts";
import { slices } from "./slices.ts";
import { blocksOfExempt } from "./touched-blocks.ts";
import type { Trial } from "./trial.ts";
import type { WiderBlocks } from "./wider-blocks.ts";

export interface BlockerParts {
  /** The built-in table; absent where none is loaded. */
  readonly firewall?: TableBackend | undefined;
  readonly store: Pick<Store, "putBlock" | "deleteBlock" | "putOffence" | "flush">;
  readonly recorder: Pick<
    Recorder,
    "finding" | "stillBlocked" | "blocked" | "blockFailed" | "unblocked" | "responded" | "warning" | "drift"
  >;
  readonly detector: Pick<Detector, "reset" | "letWait" | "endWait" | "lastSeenMs">;
  readonly offences: OffenceMemory;
  /** KILL_ROUTE and its like; absent where nothing of the kind is run. */
  readonly delegate?: NonNullable<CommandBlocksParts["delegate"]> &
    Pick<Delegate, "hasSteps" | "run" | "releaseLeftOver">;
  /** For `status`: rules that stay after their block. */
  readonly troubles?: Troubles;
  /** Says which sources hold an address that nothing may be done to. */
  readonly judge: Pick<Judge, "sparesWithin">;
  /** `run --trial`. */
  readonly trial?: Trial | undefined;
  /** What a block by hand ends. Absent: not counted. */
  readonly ends?: (source: Prefix) => Ended | undefined;
  /** IPv6 prefixes of which several parts are blocked. */
  readonly wider?: Pick<WiderBlocks, "blocked" | "lifted">;
  readonly nowMs: () => number;
  /** Absent: as many as the kernel's sets hold. */
  readonly maxBlocks?: number;
  /** With breakerLimits() of the settings in force. */
  readonly breaker: ClaimsParts["breaker"];
}

export class Blocker {
  readonly list: BlockList;
  readonly claims: Claims;
  /** Blocks that commands of the administrator's own make. */
  readonly commands: CommandBlocks;
  /** What ended blocks leave to be undone. */
  readonly rules: RuleUndo;
  /** Sources that a list of somebody's names. */
  readonly lists: ListedSources;
  readonly #parts: BlockerParts;
  readonly #terms: BlockTerms;
  readonly #keeper: BlockKeeper;
  readonly #ends: BlockEnds;
  readonly #guardWarnings = new GuardWarnings();
  #settings: Settings;
  /** How often the kernel refused a block, or took it and did not hold it. */
  failures = 0;

  constructor(inForce: Settings, parts: BlockerParts) {
    const { firewall: table, store, recorder, detector, offences, delegate, trial, wider, nowMs, breaker } = parts;
    this.#settings = inForce;
    this.#parts = parts;
    const settings = () => this.#settings;
    const list = new BlockList(parts.maxBlocks ?? MAX_BLOCKS);
    this.list = list;
    const terms = new BlockTerms({ settings, list, offences, trial });
    const rules = new RuleUndo({ delegate, recorder, troubles: parts.troubles });
    this.rules = rules;
    const keeper = new BlockKeeper({
      ...{ list, table, store, offences, recorder, detector, wider, nowMs },
      undo: (block, how) => void rules.undo(block, how),
      undoLeftOver: (before, after) => this.#inBackground(this.#releaseLeftOver(before, after)),
    });
    const wouldAct = (claim: Claim) => this.#wouldAct(claim);
    this.claims = new Claims({ settings, recorder, detector, wouldAct, nowMs, breaker });
    this.commands = new CommandBlocks({
      ...{ settings, list, keeper, delegate, rules, store, recorder, detector, nowMs },
      blockOf: (decision, backend) => terms.blockOf(decision, backend, nowMs()),
      blockByTable: (decision) => this.#enforce([decision]),
      exemption: (source) => this.#exemptionOf(source),
      failed: () => {
        this.failures++;
      },
    });
    this.lists = new ListedSources({ list, terms, keeper, store, nowMs });
    this.#ends = new BlockEnds({ list, keeper, terms, store, detector, recorder, trial, nowMs });
    this.#terms = terms;
    this.#keeper = keeper;
  }

  setSettings(settings: Settings): void {
    this.#settings = settings;
    this.claims.breaker.forgetWaiting();
  }

  /** Whether a claim would change anything: a source that is shut out already needs none. */
  #wouldAct({ action, finding }: Claim): boolean {
    if (this.#parts.trial?.mayBlock === false || this.list.isFullyBlocked(finding.source)) return false;
    return action === "block" || (hasSoftForm(finding.source) && this.list.covering(finding.source) === undefined);
  }

  /** Whether the built-in table makes full blocks now. */
  get #blocksByTable(): boolean {
    return makerOf(this.#settings) === TABLE_BACKEND;
  }

  /** Acts on the verdicts of one wake-up, in one transaction. */
  carryOut(verdicts: readonly Verdict[]): void {
    const decisions: Decision[] = [];
    for (const verdict of verdicts) {
      this.#parts.recorder.finding(verdict);
      const blocks = this.#blocksByTable && this.#parts.trial?.mayBlock !== false;
      const loud = this.#guardWarnings.next(verdict, blocks, this.#parts.nowMs());
      if (loud !== "") this.#parts.recorder.warning(loud);
      if (this.#parts.trial?.mayBlock !== false) decisions.push(...this.#decide(verdict));
    }
    if (decisions.length > 0) this.#enforce(decisions);
  }

  /** The block that a verdict means for the built-in table, if any; commands that it means are begun. */
  #decide(verdict: Verdict): Decision[] {
    const { trial, delegate, detector } = this.#parts;
    const mayRun = trial?.mayRun !== false;
    switch (verdict.action) {
      case "spare":
        // Nobody shuts it out: it must be found again when it has left the guard, and so must others of its /64.
        if (verdict.because === "guarded") detector.reset(verdict.finding.source);
        return [];
      case "log":
        return [];
      case "run":
        if (mayRun) this.#inBackground(delegate?.run(verdict.finding));
        return [];
      case "soft":
        // A probe that was on its way while its source was blocked by hand must not soften that block.
        if (!hasSoftForm(verdict.finding.source) || this.list.isFullyBlocked(verdict.finding.source)) return [];
        this.#settle(verdict);
        return [decisionOf(verdict, true)];
      case "block":
        this.#settle(verdict);
        return this.#decideInFull(verdict, mayRun);
    }
  }

  /**
   * Commands have no way back from a mistake: they are never run for whom this host depends on, proven or not. They know no
   * exception either: a prefix in which a spared address lies is left to the built-in table, whose rules let that address pass.
   */
  #decideInFull(verdict: Blocking & { readonly guard?: unknown }, mayRun: boolean): Decision[] {
    const { delegate } = this.#parts;
    const { source } = verdict.finding;
    const holdsSpared = source.bits < 128 && this.#parts.judge.sparesWithin(source) !== undefined;
    const isMeant = mayRun && delegate?.hasSteps === true && verdict.guard === undefined && !holdsSpared;
    // Found again after a restart: its commands have run.
    const hasRun = isMeant && this.#isBlockedByCommand(source);
    if (hasRun) this.#parts.recorder.stillBlocked(verdict.finding);
    const madeBy = isMeant && !hasRun ? delegate.madeBy : undefined;
    if (isMeant && !hasRun) this.#inBackground(this.commands.respond(verdict));
    const byTable = this.#blocksByTable || (holdsSpared && this.#settings.firewall !== "none");
    return byTable ? [{ ...decisionOf(verdict, false), madeBy }] : [];
  }

  async #releaseLeftOver(before: Block, after: Block): Promise<void> {
    if (!isInTable(before) && isInTable(after)) this.#parts.delegate?.giveBack(before.source);
    const failures = (await this.#parts.delegate?.releaseLeftOver(before, after)) ?? [];
    for (const failure of failures)
      this.#parts.recorder.warning(`${formatPrefix(before.source)}: a rule of an earlier block stays: ${failure}`);
  }

  #exemptionOf(source: Prefix): HowLifted | undefined {
    const because = this.#parts.judge.sparesWithin(source);
    if (because === "ignored") return "on the allow list";
    return because === "own" ? "an address of this host" : undefined;
  }

  #isBlockedByCommand(source: Prefix): boolean {
    const block = this.list.get(source);
    return block !== undefined && !block.soft && !isInTable(block);
  }

  /** One that was passed over may be proven now. */
  #settle({ grade, finding }: Blocking): void {
    if (grade !== "direct") this.#parts.detector.endWait(finding.source);
  }

  #inBackground(work: Promise<void> | undefined): void {
    void work?.catch((error: unknown) => this.#parts.recorder.warning(`response: ${String(error)}`));
  }

  /** Blocks sources that a replaced PortSentry had blocked; returns how many are blocked or being blocked now. */
  importOld(sources: readonly { readonly source: Prefix; readonly protocol: number | undefined }[]): number {
    const maker = makerOf(this.#settings);
    const reason = "taken over from PortSentry's BLOCKED_FILE";
    if (maker === undefined) return 0;
    if (this.#blocksByTable) {
      let blocked = 0;
      for (const slice of slices(sources, BLOCKS_PER_CALL)) {
        const decisions = slice.map(
          ({ source }): Decision => ({ source, grade: "direct", soft: false, reason, existed: true }),
        );
        blocked += this.#enforce(decisions).filter((result) => typeof result !== "string").length;
      }
      return blocked;
    }
    const nowMs = this.#parts.nowMs();
    const blocks = sources.map(({ source, protocol }): Block => {
      const made = this.#terms.blockOf({ source, grade: "direct", soft: false, reason }, maker, nowMs);
      return protocol === undefined ? made : { ...made, trigger: { protocol, port: 0 } };
    });
    // Its rules may stand or be gone: as after a reboot.
    this.#inBackground(this.commands.restore(blocks, Number.POSITIVE_INFINITY));
    return blocks.length;
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
    if (!this.#blocksByTable || this.#parts.trial?.mayBlock === false) return "nothing is blocked now";
    const [outcome] = this.#enforce([{ source, grade, soft: false, reason }]);
    return typeof outcome === "object" ? "" : (outcome ?? "nothing was done");
  }

  /** Has the built-in table hold what was decided. Each block as it stands, or why it does not. */
  #enforce(decisions: readonly Decision[]): (Block | string)[] {
    const nowMs = this.#parts.nowMs();
    const blocks = decisions.map((decision) => this.#terms.blockOf(decision, TABLE_BACKEND, nowMs));
    const before = blocks.map(({ source }) => this.list.get(source));
    const outcomes = this.#keeper.enforce(blocks, nowMs);
    const results = outcomes.map(({ block, failure }, index): Block | string => {
      const refusal = failure === "" ? this.#keeper.keep(block, before[index], nowMs) : failure;
      if (refusal === "") return this.#said({ ...block, enforced: true }, decisions[index]?.finding);
      this.failures++;
      this.#parts.detector.reset(block.source);
      this.#parts.recorder.blockFailed(block.source, refusal, decisions[index]?.finding);
      return refusal;
    });
    // What packets have decided is written with all that a fifth of a second brings (Daemon.flush): a transaction for
    // each few would cost more than the blocks. After a crash in between the kernel still lists them.
    if (decisions.some(({ finding }) => finding === undefined)) this.#parts.store.flush();
    return results;
  }

  #said(block: Block, finding: Finding | undefined): Block {
    this.#parts.recorder.blocked(block, equivalentCommand(block, block.sinceMs), finding);
    this.#parts.wider?.blocked(block);
    return block;
  }

  /** Takes blocks from kernel, list and store. Returns those that the kernel would not give up. */
  lift(blocks: readonly Block[], how: HowLifted): string[] {
    return this.#keeper.lift(blocks, how);
  }

  /** Lets sources go that are exempt now, with all that was done. Returns those that the kernel would not give up. */
  liftExempt(exempt: readonly Prefix[], how: HowLifted): string[] {
    const { inside, around } = blocksOfExempt(this.list, exempt);
    const over = [...inside, ...around.filter((block) => !isInTable(block))];
    for (const block of around) {
      if (!isInTable(block) || !hasResponses(block)) continue;
      void this.rules.undo(block);
      this.#keeper.replace({ ...block, madeBy: "" });
    }
    return over.length === 0 ? [] : this.lift(over, how);
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

  /** The trial is confirmed: its blocks stay until their own time. Returns for how many the kernel has taken that. */
  keepAfterTrial(): number {
    return this.#ends.keepAfterTrial();
  }

  /** Once a second, then endBlocks() for as long as it says so: ends what is over. */
  tick(): void {
    this.claims.tick();
    this.endBlocks();
  }

  /** Ends some of what is over, and prolongs soft blocks of sources that are still at it; true when there is more. */
  endBlocks(): boolean {
    return this.#ends.endSome();
  }
}

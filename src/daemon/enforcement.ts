// What is done to sources: the blocker and what hangs on it (commands, offences, wider blocks, repair of the table, restoring).
// Verdicts come in by take(), changes by follow(), time by tick().
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../base/clock.ts";
import { sumCounters } from "../base/counted.ts";
import { plural } from "../base/plural.ts";
import type { Troubles } from "../base/troubles.ts";
import { possibleKeys } from "../detect/source-key.ts";
import type { OldBlock } from "../enforce/blocked-files.ts";
import { Blocker, type BlockerParts } from "../enforce/blocker.ts";
import type { Responder } from "../enforce/commands/responder.ts";
import { Delegate } from "../enforce/delegate.ts";
import { EndedCount } from "../enforce/ended.ts";
import { IdleCommands } from "../enforce/idle-commands.ts";
import { Reconciler, type ReconcilerParts } from "../enforce/reconciler.ts";
import type { Restored } from "../enforce/restore.ts";
import { StoredState, type StoredStateParts } from "../enforce/stored-state.ts";
import { blocksOfGuarded, movedBlocks, newlyExempt } from "../enforce/touched-blocks.ts";
import type { Trial } from "../enforce/trial.ts";
import { WiderBlocks } from "../enforce/wider-blocks.ts";
import { isInTable } from "../judge/block.ts";
import { OffenceMemory } from "../judge/escalation.ts";
import type { Judge, Words } from "../judge/judge.ts";
import type { SourceNames } from "../judge/source-names.ts";
import type { Verdict } from "../judge/verdict.ts";
import { listConnectedFrom, visitConnections } from "../kernel/connected-from.ts";
import { widerPolicy } from "../policy/tap-policy.ts";
import type { Recorder } from "../record/recorder.ts";
import type { Firewall } from "../table/firewall.ts";
import type { KernelSensor } from "../table/kernel-sensor.ts";
import type { Learning } from "../table/learned-sets.ts";
import type { RulesetPlan } from "../table/ruleset-plan.ts";
import { type Prefix, prefixOfWords } from "../wire/address.ts";
import type { Change, Facts, Follower, InForce } from "./in-force.ts";
import { guardedBy, ownBy } from "./plan.ts";
import type { Exit } from "./walk.ts";

/** Turns of the event loop in a second in which ended blocks are taken off the list. */
const TURNS_OF_ENDING = 10;

/** What is asked of the built-in table here. */
export type TableOfBlocks = NonNullable<BlockerParts["firewall"]> &
  ReconcilerParts["firewall"] &
  NonNullable<StoredStateParts["firewall"]> &
  Pick<Firewall, "networkCounts">;

export interface EnforcementParts {
  readonly inForce: Pick<InForce, "settings" | "host" | "near" | "enforces" | "plan">;
  readonly sources: BlockerParts["detector"];
  readonly judge: Pick<Judge, "soften" | "sparesWithin">;
  readonly names: Pick<SourceNames, "name">;
  readonly breaker: BlockerParts["breaker"];
  readonly recorder: BlockerParts["recorder"] & Pick<Recorder, "notice">;
  readonly store: BlockerParts["store"] & StoredStateParts["store"];
  readonly responder: Responder;
  readonly sensor: KernelSensor;
  /** Absent where no table is loaded. */
  readonly firewall?: TableOfBlocks | undefined;
  readonly learned?: Learning | undefined;
  readonly trial?: Trial | undefined;
  readonly troubles: Troubles;
  readonly hashSeed: { readonly k0: number; readonly k1: number };
  readonly clock: Pick<Clock, "nowMs">;
  readonly maxBlocks: number;
  /** TCP ports that this host serves, without listeners of our own. Throws KernelError. */
  readonly servedPorts: () => readonly number[];
  /** The table has been made anew: puts back what it had learned. */
  readonly relearn: () => void;
}

export class Enforcement implements Exit, Follower {
  readonly blocker: Blocker;
  readonly delegate: Delegate;
  /** Absent where there is no table that another program could change. */
  readonly reconciler: Reconciler | undefined;
  readonly #parts: EnforcementParts;
  readonly #offences: OffenceMemory;
  readonly #ended: EndedCount;
  readonly #wider: WiderBlocks;
  readonly #idleCommands: IdleCommands;
  /** Blocks and offences over restarts. */
  readonly stored: StoredState;

  constructor(parts: EnforcementParts) {
    const { inForce, sensor, firewall, store, recorder, judge, learned, troubles, hashSeed } = parts;
    const { settings } = inForce;
    const { nowMs } = parts.clock;
    const warn = (message: string) => recorder.warning(message);
    const offences = new OffenceMemory({ memoryMs: settings.blockTimeMaxMs, seed: hashSeed });
    const delegate = new Delegate(settings, { responder: parts.responder, sensor, recorder, troubles });
    const ended = new EndedCount({
      judge,
      clients: learned?.clients,
      visitConnections,
      connectedFrom: listConnectedFrom,
      askAgain: (source) => parts.sources.letWait(source),
      servedPorts: parts.servedPorts,
      sharedConnections: () => inForce.settings.sharedConnections,
      nowMs: () => performance.now(),
    });
    const wider = new WiderBlocks({
      ...{ policy: widerPolicy(settings), judge, learned, warn, nowMs },
      pause: () => nextTurn(),
    });
    const blocker = new Blocker(settings, {
      ...{ firewall, store, nowMs, recorder, offences, delegate, judge },
      ...{ trial: parts.trial, maxBlocks: parts.maxBlocks },
      detector: parts.sources,
      troubles,
      breaker: parts.breaker,
      ends: (source) => ended.count(source),
      wider: {
        blocked: (block) => {
          if (inForce.settings.blockWider) wider.blocked(block);
        },
        lifted: (block, isByHand) => wider.lifted(block, isByHand),
      },
    });
    const { drift } = sensor;
    if (firewall !== undefined && drift !== undefined)
      this.reconciler = new Reconciler({
        ...{ firewall, drift, sensor, nowMs, blocker, recorder },
        plan: () => ({ ruleset: inForce.plan(), near: inForce.near }),
        later: (task) => setImmediate(task),
        rebuilt: parts.relearn,
      });
    this.#idleCommands = new IdleCommands(settings, {
      ...{ list: blocker.list, delegate, troubles, warn },
      takeOver: (block) => blocker.commands.takeOver(block),
      ruleGone: () => this.lookAtDelegated(true),
    });
    this.stored = new StoredState({ store, list: blocker.list, offences, firewall, nowMs, seed: hashSeed });
    this.#parts = parts;
    this.#offences = offences;
    this.delegate = delegate;
    this.#ended = ended;
    this.#wider = wider;
    this.blocker = blocker;
  }

  get counters(): Readonly<Record<string, number>> {
    return {
      ...sumCounters([this.#ended, this.#wider, this.#idleCommands, this.delegate, this.blocker.rules]),
      ...(this.#parts.firewall?.networkCounts ?? { networkBlocks: 0, networkBlocksRefused: 0 }),
      evictedOffences: this.#offences.evictions,
      repairs: this.reconciler?.repairs ?? 0,
    };
  }

  admits(verdict: Verdict, lot?: number): boolean {
    return this.blocker.claims.admits(verdict, lot);
  }

  takeChosen(): readonly Verdict[] {
    return this.blocker.claims.takeChosen();
  }

  /** Carries out the verdicts of one delivery, each with the names of its source and what a full block would end. */
  take(verdicts: readonly Verdict[]): void {
    const named = verdicts.map((verdict) => this.#parts.names.name(verdict));
    this.blocker.carryOut(this.#ended.weigh(named));
  }

  answered([w0, w1, w2, w3]: Words): void {
    const keys = possibleKeys(prefixOfWords(w0, w1, w2, w3, 128));
    this.#inBackground("KILL_ROUTE", this.#idleCommands.answered(keys));
  }

  #inBackground(what: string, work: Promise<void>): void {
    void work.catch((error: unknown) => this.#parts.recorder.warning(`${what}: ${String(error)}`));
  }

  offencesOf(source: Prefix): number {
    return this.#offences.get(source, this.#parts.clock.nowMs())?.offences ?? 0;
  }

  /** Somebody removed rules elsewhere, or it is time to look again whether the administrator's rules are there. */
  lookAtDelegated(afterChange: boolean): void {
    const { blocker, delegate } = this;
    const look = delegate.look([...blocker.list.delegated()], afterChange, (gone) => blocker.commands.rulesGone(gone));
    this.#inBackground("rules", look);
  }

  /** Blocks whom a replaced PortSentry had blocked, the spared ones apart. */
  importOld(sources: readonly OldBlock[]): void {
    const { judge, recorder } = this.#parts;
    const left = sources.filter(({ source }) => judge.sparesWithin(source) === undefined);
    const blocked = this.blocker.importOld(left);
    recorder.notice(`${blocked} of ${sources.length} sources taken over from PortSentry's BLOCKED_FILE`);
  }

  /** BLOCKED_FILE was deleted: lets go all but those blocked by hand; what commands did is undone with what has ended. */
  forgetBlocks(restored: Restored): Restored {
    const { store, recorder } = this.#parts;
    const listed = [...this.blocker.list.values()].filter(({ grade }) => grade !== "manual");
    const { delegated, ended } = restored;
    this.blocker.lift(listed, "BLOCKED_FILE was deleted");
    for (const { source } of delegated) store.deleteBlock(source);
    store.flush();
    const count = listed.length + delegated.length;
    if (count > 0)
      recorder.notice(`${plural(count, "block is", "blocks are")} forgotten, because BLOCKED_FILE was deleted`);
    return { ...restored, delegated: [], ended: [...ended, ...delegated] };
  }

  loaded(_plan: RulesetPlan, isReplaced: boolean): void {
    if (!isReplaced) return;
    this.reconciler?.restoreAll();
    this.#parts.relearn();
  }

  follow(change: Change, before: Facts): void {
    if (change.settings !== undefined) this.#followSettings(before);
    else this.#followFacts(change, before);
    if (change.listened === undefined) this.#liftExempt(before);
    // GUARD_SSH may have been switched on.
    if (change.settings !== undefined || change.host !== undefined) this.#liftGuarded();
  }

  /** At start, when blocks were restored whose sources became exempt while the daemon was away. */
  liftAllExempt(): void {
    this.#liftExempt(undefined);
  }

  /** Lets go the sources that are exempt and were not by the facts before. */
  #liftExempt(before: Pick<Facts, "settings" | "host"> | undefined): void {
    const { settings, host } = this.#parts.inForce;
    const ignored = newlyExempt(before?.settings.ignored ?? [], settings.ignored);
    const own = newlyExempt(before === undefined ? [] : ownBy(before.host), ownBy(host));
    for (const failure of [
      ...this.blocker.liftExempt(ignored, "on the allow list"),
      ...this.blocker.liftExempt(own, "an address of this host"),
    ])
      this.#parts.recorder.warning(`the source is exempt now, and cannot be let go: ${failure}`);
  }

  #followSettings(before: Facts): void {
    const { settings, enforces } = this.#parts.inForce;
    if ((before.settings.firewall !== "none") !== enforces) this.#followFirewall();
    this.#wider.setPolicy(widerPolicy(settings));
    this.blocker.setSettings(settings);
    this.delegate.setSettings(settings);
    this.#idleCommands.setSettings(settings);
  }

  /** FIREWALL="none" enforces no block of ours, so none is listed; the store keeps them for when it is on again. */
  #followFirewall(): void {
    const { list } = this.blocker;
    if (this.#parts.inForce.enforces) {
      this.stored.restoreBlocks(true);
      this.liftAllExempt();
    } else for (const block of list.values()) if (isInTable(block)) list.remove(block.source);
  }

  /** What has been loaded with new settings holds these facts already. */
  #followFacts({ host, ignored }: Change, before: Facts): void {
    const { inForce, sensor, firewall, clock } = this.#parts;
    const moved = host === undefined ? [] : movedBlocks(this.blocker.list, before.near, inForce.near);
    if (moved.length > 0) firewall?.lift(moved, clock.nowMs());
    // The spared addresses have changed: the sources that wait ask again.
    if (host !== undefined || ignored !== undefined) this.#parts.breaker.forgetWaiting();
    sensor.follow(inForce.plan(), inForce.near);
    if (moved.length > 0) this.reconciler?.restore(moved);
  }

  #liftGuarded(): void {
    const { settings, host } = this.#parts.inForce;
    const { guarded = [] } = host;
    const blocks = blocksOfGuarded(this.blocker.list, {
      ...{ onClaim: guardedBy(host), guarded, guardSsh: settings.guardSsh },
    });
    if (blocks.length > 0) this.blocker.lift(blocks, "guarded");
  }

  /** Once a second. */
  tick(): void {
    this.blocker.tick();
    if (this.blocker.endBlocks()) this.#endMore(TURNS_OF_ENDING);
    this.reconciler?.tick();
    this.#inBackground("wider blocks", this.#wider.tick(this.blocker));
  }

  /** What is over and did not fit into one turn: other work goes first each time. */
  #endMore(turns: number): void {
    setImmediate(() => {
      try {
        if (this.blocker.endBlocks() && turns > 1) this.#endMore(turns - 1);
      } catch (error) {
        this.#parts.recorder.warning(`ended blocks: ${String(error)}`);
      }
    });
  }
}

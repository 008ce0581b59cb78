// The assembled daemon: owns the rooms and what runs between packets. Built by start.ts, driven by run.ts.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../base/clock.ts";
import { type Counted, sumCounters } from "../base/counted.ts";
import { blocksByFirewall, blocksByResponse } from "../config/enforcement.ts";
import type { Settings } from "../config/settings.ts";
import type { GuardEntry, KnownClient, Status } from "../control/api.ts";
import { Crowds } from "../detect/crowds.ts";
import { Detector, type SourceEvidence } from "../detect/detector.ts";
import { Kind } from "../detect/kinds.ts";
import { Disposition, type Probe } from "../detect/probe.ts";
import { besideKey, possibleKeys, sourceKeyOf } from "../detect/source-key.ts";
import { SourceTable } from "../detect/source-table.ts";
import type { TapSource } from "../detect/tap/tap-source.ts";
import { Blocker } from "../enforce/blocker.ts";
import { Delegate } from "../enforce/delegate.ts";
import { EndedCount } from "../enforce/ended.ts";
import { IdleCommands } from "../enforce/idle-commands.ts";
import { Reconciler } from "../enforce/reconciler.ts";
import { type Restored, restoreBlocks } from "../enforce/restore.ts";
import { WiderBlocks } from "../enforce/wider-blocks.ts";
import { guardEntries } from "../host/guard.ts";
import type { HostFacts } from "../host/host.ts";
import { listKnownClients } from "../host/known-clients.ts";
import { blockLimit, readMemoryLimits } from "../host/memory-limit.ts";
import { type Block, isInTable } from "../judge/block.ts";
import { OffenceMemory } from "../judge/escalation.ts";
import { Judge } from "../judge/judge.ts";
import { Handshakes } from "../judge/proof/handshakes.ts";
import { SourceNames } from "../judge/source-names.ts";
import { ToolMemory } from "../judge/tool-memory.ts";
import type { Verdict } from "../judge/verdict.ts";
import { listConnectedFrom, visitConnections } from "../kernel/connected-from.ts";
import { type Flow, listOpenedFlows } from "../kernel/conntrack.ts";
import { listServedPorts, type ServedPort } from "../kernel/sock-diag.ts";
import { widerPolicy } from "../policy/tap-policy.ts";
import { Recorder, type RecorderPolicy } from "../record/recorder.ts";
import type { Store } from "../record/store.ts";
import { BootGrace } from "../table/boot-grace.ts";
import type { Firewall } from "../table/firewall.ts";
import { maxPeers } from "../table/learned-sets.ts";
import type { RulesetPlan } from "../table/ruleset.ts";
import { SetWatch } from "../table/set-watch.ts";
import { formatPrefix, type Prefix, prefixOfWords } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import type { Arrival } from "../wire/arrival.ts";
import { IpProtocol, type Packet } from "../wire/packet.ts";
import type { DaemonParts } from "./daemon-parts.ts";
import { Engine, type ProbeState } from "./engine.ts";
import {
  crowdPolicy,
  graceLeftMs,
  guardedBy,
  judgeContext,
  type Listened,
  nearLinks,
  nearRanges,
  planRuleset,
} from "./plan.ts";
import { describeStatus } from "./status.ts";

const FLUSH_MS = 200;
/** What one transaction of the store has left is written so much later: packets and the control socket have their turn between. */
const FLUSH_MORE_MS = 10;
/** Turns of the event loop in a second in which ended blocks are taken off the list. */
const TURNS_OF_ENDING = 10;

function orFalse(ask: () => boolean): boolean {
  try {
    return ask();
  } catch {
    return false;
  }
}

type Words = readonly [number, number, number, number];

export class Daemon {
  readonly detector: Detector;
  readonly crowds: Crowds;
  readonly judge: Judge;
  readonly recorder: Recorder;
  readonly blocker: Blocker;
  readonly delegate: Delegate;
  /** Absent where there is no table that another program could change. */
  readonly reconciler: Reconciler | undefined;
  readonly engine: Engine;
  readonly store: Store;
  readonly clock: Clock;
  readonly names: SourceNames;
  readonly #grace: BootGrace;
  readonly #handshakes: Handshakes;
  readonly #idleCommands: IdleCommands;
  readonly #wider: WiderBlocks;
  readonly #ended: EndedCount;
  readonly #sets: SetWatch | undefined;
  readonly #parts: DaemonParts;
  readonly #offences: OffenceMemory;
  readonly #startMs: number;
  #settings: Settings;
  #host: HostFacts;
  #near: AddressRanges;
  #verdicts: Verdict[] = [];
  #listened: Listened = { tcp: [], udp: [] };
  #flushTimer: NodeJS.Timeout | undefined;
  /** Parts that come later and count. */
  readonly #later: Counted[] = [];
  /** The store has been made anew since the blocks were last read from it. */
  #isStoreNew = false;
  /** For the judge. A table that is gone knows nobody, and that is said elsewhere (Reconciler). */
  readonly #known = {
    isPeer: (address: Prefix) => orFalse(() => this.#parts.learned?.isPeer(address) === true),
    isClient: (source: Prefix) => orFalse(() => this.#parts.learned?.clients?.isClient(source) === true),
    hasHandshakes: (source: Prefix) => this.#handshakes.hasEnough(source),
  };

  constructor(parts: DaemonParts) {
    const { settings, host, sensor, firewall, store, clock } = parts;
    const { nowMs, wallMs } = clock;
    this.#parts = parts;
    this.#settings = settings;
    this.#host = host;
    this.#near = this.#nearOf(host);
    this.#startMs = nowMs();
    this.store = store;
    const { troubles } = parts;
    this.#grace = new BootGrace({
      leftMs: () => this.graceLeftMs(),
      load: () => this.loadFirewall(),
      failed: (message) => {
        const text = `BOOT_GRACE: the rules cannot be loaded; the daemon tries again each second: ${message}`;
        troubles.set("BOOT_GRACE", text);
        this.recorder.warning(text);
      },
      recovered: () => {
        troubles.clear("BOOT_GRACE");
        this.recorder.notice("BOOT_GRACE: the rules are loaded again");
      },
    });
    this.clock = clock;
    const table = new SourceTable(settings.maxSources, parts.hashSeed);
    this.detector = new Detector({ table, policy: settings, near: this.#near });
    this.judge = new Judge(judgeContext(settings, host, this.#known));
    const { journal, history, names, version } = parts;
    const tools = new ToolMemory(parts.hashSeed, nowMs());
    this.names = new SourceNames(tools, settings.tap.known);
    const toolOf = (probe: Probe) => tools.toolOf(probe);
    this.crowds = new Crowds({
      policy: crowdPolicy(settings),
      near: nearLinks(host),
      seed: parts.hashSeed,
      isMarked: (probe) => toolOf(probe) !== undefined,
    });
    const isFlooded = () => this.blocker.claims.breaker.isOpen;
    // For each packet it asks the time: within a delivery that of the delivery, which costs nothing.
    let walk: Pick<Engine, "timeMs"> = { timeMs: 0 };
    const walkMs = () => walk.timeMs || nowMs();
    const recorderParts = { store, journal, history, names, version, nowMs: walkMs, wallMs, toolOf, isFlooded };
    this.recorder = new Recorder(recorderParts, this.#recorderPolicy());
    this.delegate = new Delegate(settings, { responder: parts.responder, sensor, recorder: this.recorder });
    this.#offences = new OffenceMemory({ memoryMs: settings.blockTimeMaxMs, seed: parts.hashSeed });
    this.#ended = new EndedCount({
      judge: this.judge,
      clients: parts.learned?.clients,
      visitConnections,
      connectedFrom: listConnectedFrom,
      askAgain: (source) => this.detector.letWait(source),
      servedPorts: () => this.#servedPorts(),
      sharedConnections: () => this.#settings.sharedConnections,
      nowMs: () => performance.now(),
    });
    this.blocker = new Blocker(settings, {
      firewall,
      store,
      nowMs,
      recorder: this.recorder,
      detector: {
        reset: (source) => {
          parts.tap?.forget(source);
          this.#handshakes.forget(source);
          this.crowds.forget(source);
          return this.detector.reset(source);
        },
        letWait: (source) => {
          parts.tap?.forget(source);
          this.crowds.forget(source);
          this.detector.letWait(source);
        },
        endWait: (source) => this.detector.endWait(source),
        lastSeenMs: (source) => this.detector.lastSeenMs(source) ?? this.crowds.neighbours.lastScanMs(source),
      },
      offences: this.#offences,
      delegate: this.delegate,
      trial: parts.trial,
      maxBlocks: blockLimit(readMemoryLimits()),
      ends: (source) => this.#ended.count(source),
      random: Math.random,
      wider: {
        blocked: (block) => {
          if (this.#settings.blockWider) this.#wider.blocked(block);
        },
        lifted: (block, isByHand) => this.#wider.lifted(block, isByHand),
      },
    });
    this.#wider = new WiderBlocks({
      policy: widerPolicy(settings),
      list: this.blocker.list,
      judge: this.judge,
      learned: parts.learned,
      block: (source, grade, reason) => this.blocker.blockWider(source, grade, reason),
      warn: (message) => this.recorder.warning(message),
      nowMs,
      pause: () => nextTurn(),
    });
    const { setUses: uses } = parts;
    const warn = (message: string) => this.recorder.warning(message);
    this.#sets = uses && new SetWatch({ uses, nowMs, warn, pause: () => nextTurn() });
    const { drift } = sensor;
    if (firewall !== undefined && drift !== undefined)
      this.reconciler = new Reconciler({
        firewall,
        drift,
        sensor,
        nowMs,
        blocker: this.blocker,
        recorder: this.recorder,
        plan: () => ({ ruleset: this.plan(), near: this.#near }),
        later: (task) => setImmediate(task),
        rebuilt: () => this.#relearn(),
      });
    this.#idleCommands = new IdleCommands(settings, {
      list: this.blocker.list,
      delegate: this.delegate,
      troubles: parts.troubles,
      takeOver: (block) => this.blocker.commands.takeOver(block),
      ruleGone: () => this.lookAtDelegated(true),
      warn: (message) => this.recorder.warning(message),
    });
    const listener = {
      through: (words: Words) => this.#answered(words),
      accepted: (arrival: Arrival) => this.#handshakes.accepted(arrival),
      probe: (probe: Probe, state: ProbeState) => this.#record(probe, state),
      proof: (probe: Probe, packet: Packet, hash: number) => {
        if (this.#testsSilence) this.#parts.prover?.probe(probe, packet, hash);
      },
      verdict: (claimed: Verdict, lot?: number) => {
        const verdict = this.#handshakes.upgrade(claimed);
        if (this.blocker.claims.admits(verdict, lot)) this.#verdicts.push(verdict);
      },
      // Who may just have been proven by a handshake is no mere claim.
      isFlooded: () => this.blocker.claims.breaker.isOpen && this.#handshakes.isIdle,
      drawLot: (probes: number, timeMs: number) => this.blocker.claims.breaker.draw(probes, timeMs),
      batchEnd: () => {
        this.#carryOutChosen();
        this.#flushSoon();
      },
    };
    this.#handshakes = new Handshakes({
      nowMs,
      detector: this.detector,
      judge: this.judge,
      policy: () => this.#settings,
      told: (probe) => this.recorder.probe(probe),
      isFullyBlocked: (source) => this.blocker.list.isFullyBlocked(source),
    });
    const { crowds, detector, judge } = this;
    this.engine = new Engine({ detector, crowds, judge, listener, tools, nowMs });
    walk = this.engine;
    parts.tap?.onFound((finding, words) => this.engine.tapFinding(finding, words));
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** The built-in table; undefined where none is loaded. */
  get firewall(): Firewall | undefined {
    return this.#parts.firewall;
  }

  get host(): HostFacts {
    return this.#host;
  }

  get capture(): "nflog" | "ring" {
    return this.#parts.capture.name ?? "nflog";
  }

  /** Whether anything can be blocked at all. */
  get enforces(): boolean {
    return this.#settings.firewall !== "none";
  }

  plan(): RulesetPlan {
    return planRuleset(this.#settings, this.#host, {
      listened: this.#listened,
      decoy: this.#parts.decoy?.plan(),
      grace: this.#grace.isRunning,
    });
  }

  /** Loads the rules as settings and host now say. Throws KernelError. */
  loadFirewall(): void {
    this.#parts.decoy?.follow(this.#settings);
    const plan = this.plan();
    const isReplaced = this.#parts.sensor.load(plan, this.#near);
    this.#grace.loaded(plan.grace);
    if (!isReplaced) return;
    this.reconciler?.restoreAll();
    this.#relearn();
  }

  #relearn(): void {
    this.#parts.relearn?.();
    this.learnStandingPeers();
  }

  restoreOffences(): void {
    for (const { source, offences, lastEndMs } of this.store.offences()) {
      this.#offences.restore([[source, { offences, lastEndMs }]]);
    }
  }

  /** Puts everything into a store that was made anew. */
  storeAll(): void {
    this.#isStoreNew = true;
    for (const block of this.blocker.list.values()) this.store.putBlock(block);
    for (const [source, known] of this.#offences.entries()) this.store.putOffence({ source, ...known });
  }

  /** Blocks whom a replaced PortSentry had blocked, the spared ones apart. */
  importOld(sources: readonly { readonly source: Prefix; readonly protocol: number | undefined }[]): void {
    const left = sources.filter(({ source }) => this.judge.sparesWithin(source) === undefined);
    const blocked = this.blocker.importOld(left);
    this.recorder.notice(`${blocked} of ${sources.length} sources taken over from PortSentry's BLOCKED_FILE`);
  }

  #record(probe: Probe, state: ProbeState): void {
    const isProbe = probe.disposition === Disposition.Probe || probe.disposition === Disposition.Delegated;
    if (!isProbe || state !== "repeat") {
      this.recorder.probe(probe);
      if (isProbe && state === "watched") this.recorder.untriggered(probe);
      return;
    }
    // 1.2 says "already blocked" of what a found source goes on to send. Within one delivery: first the block.
    if (this.#carryOut() && !this.detector.isFoundBy(probe)) this.recorder.probe(probe);
    else this.recorder.repeat(probe);
  }

  /** A source that a command was to shut out has been answered. */
  #answered([w0, w1, w2, w3]: Words): void {
    void this.#idleCommands
      .answered(possibleKeys(prefixOfWords(w0, w1, w2, w3, 128)))
      .catch((error: unknown) => this.recorder.warning(`KILL_ROUTE: ${String(error)}`));
  }

  /** The decoy tells who has finished a handshake with a closed port. */
  watchDecoy(): void {
    this.#parts.decoy?.watch({
      isBait: (arrival) => this.#parts.sensor.wasBaited?.(arrival) === true,
      handshake: (arrival) => {
        const verdict = this.#handshakes.arrived(arrival);
        if (verdict === undefined) return;
        this.#verdicts.push(verdict);
        // At once: the next handshake may be of the same source.
        this.#carryOut();
      },
      batchEnd: () => this.#flushSoon(),
      failed: (error) => this.recorder.warning(`decoy: ${String(error)}`),
    });
  }

  /** Whether a port is one of our own listeners', and no service. */
  isDecoys(port: number): boolean {
    return this.#parts.decoy?.isOurs(port) === true;
  }

  #servedPorts(): number[] {
    const isTcp = ({ protocol, port }: ServedPort) => protocol === IpProtocol.Tcp && !this.isDecoys(port);
    return listServedPorts()
      .filter(isTcp)
      .map(({ port }) => port);
  }

  /** The silence test needs a hold to be silent in. */
  get #testsSilence(): boolean {
    const { proof, answer, tcp } = this.#settings;
    return proof === "on" && answer === "reset" && this.enforces && tcp.block;
  }

  #takeProven(): void {
    for (const { source, counts, words, port } of this.#parts.prover?.takeProven() ?? []) {
      const probe = { kind: Kind.Syn, protocol: IpProtocol.Tcp, port, timeMs: this.clock.nowMs() };
      const finding = this.detector.findingAbout(source, probe);
      if (finding === undefined) continue;
      const [source0, source1, source2, source3] = words;
      const proven = { ...finding, ...besideKey(source, { source0, source1, source2, source3 }), proof: counts };
      this.#verdicts.push(this.judge.judgeProven(proven, "silence", words));
    }
  }

  /** Not within a delivery: all of its claims are to have the same chance. */
  #carryOutChosen(): void {
    this.#verdicts.push(...this.blocker.claims.takeChosen());
    this.#carryOut();
  }

  /** False when there was nothing to do. */
  #carryOut(): boolean {
    if (this.#parts.prover?.hasProven === true) this.#takeProven();
    if (this.#verdicts.length === 0) return false;
    const verdicts = this.#verdicts.map((verdict) => this.names.name(verdict));
    this.#verdicts = [];
    this.blocker.carryOut(this.#ended.weigh(verdicts));
    return true;
  }

  #recorderPolicy(): RecorderPolicy {
    const { proof, tcp, udp } = this.#settings;
    const canBlock = blocksByFirewall(this.#settings) || blocksByResponse(this.#settings);
    return {
      proof,
      holdsTcp: this.enforces && tcp.block,
      holdsUdp: this.enforces && udp.block,
      blocksTcp: (canBlock && tcp.block) || tcp.runOnly,
      blocksUdp: (canBlock && udp.block) || udp.runOnly,
      modeNames: { tcp: tcp.modeName, udp: udp.modeName },
    };
  }

  /** Takes new settings into every room. Throws when the kernel refuses the new rules; nothing is changed then. */
  reconfigure(settings: Settings): void {
    const before = this.#settings;
    this.#settings = settings;
    try {
      this.loadFirewall();
    } catch (error) {
      this.#settings = before;
      this.#parts.decoy?.follow(before);
      throw error;
    }
    this.#followEnforcement(before);
    this.detector.setPolicy(settings);
    this.crowds.setPolicy(crowdPolicy(settings));
    this.names.setKnown(settings.tap.known);
    this.#wider.setPolicy(widerPolicy(settings));
    this.#parts.tap?.reconfigure(settings);
    this.#near = this.#nearOf(this.#host);
    // Who was only logged until now must be found again to be blocked.
    this.#resetAll();
    this.judge.replaceContext(judgeContext(settings, this.#host, this.#known));
    this.blocker.setSettings(settings);
    this.delegate.setSettings(settings);
    this.#idleCommands.setSettings(settings);
    this.recorder.configure(this.#recorderPolicy());
    // GUARD_SSH may have been switched on.
    this.#liftGuarded();
  }

  #resetAll(): void {
    this.detector.resetAll();
    this.crowds.unflagAll();
  }

  /** FIREWALL="none" enforces no block of ours, so none is listed; the store keeps them for when it is on again. */
  #followEnforcement(before: Settings): void {
    const wasOn = before.firewall !== "none";
    if (wasOn === this.enforces) return;
    if (this.enforces) this.restoreBlocks();
    else for (const block of this.blocker.list.values()) if (isInTable(block)) this.blocker.list.remove(block.source);
  }

  /** Lists the stored blocks and makes them true in the kernel; at start, and when FIREWALL is switched on. */
  restoreBlocks(): Restored {
    const { firewall, store } = this.#parts;
    this.#isStoreNew = false;
    const restored = restoreBlocks({
      store,
      firewall: this.enforces ? firewall : undefined,
      list: this.blocker.list,
      nowMs: this.clock.nowMs(),
      seed: this.#parts.hashSeed,
    });
    // What was read of a damaged store is listed now.
    if (this.#isStoreNew) this.storeAll();
    return restored;
  }

  /**
   * Guards the other ends of connections that stand already and that this host began: from an address of its own, out of
   * ip_local_port_range, and not from a port that it serves. Those to come the rules learn.
   */
  learnStandingPeers(): void {
    const own = new AddressRanges(this.#host.own);
    const { first, last } = this.#host.ephemeral;
    try {
      const served = new Set(listServedPorts().map(({ protocol, port }) => `${protocol}:${port}`));
      const isOurs = ({ source: { w0, w1, w2, w3 }, sourcePort, protocol }: Flow) =>
        own.contains(w0, w1, w2, w3) &&
        sourcePort >= first &&
        sourcePort <= last &&
        !served.has(`${protocol}:${sourcePort}`);
      this.#parts.learned?.addPeers(listOpenedFlows(isOurs, maxPeers), this.#settings.guardMs);
    } catch {
      // No connection tracking yet, or no right to ask it: they are learned with their next answer.
    }
  }

  /** The guard as it is now, entry by entry; peers as the kernel has them. Throws KernelError. */
  guard(): Iterable<GuardEntry> {
    return guardEntries(this.#host, this.#parts.learned?.peers() ?? [], this.clock);
  }

  /** Who has finished a real connection lately, and to which port. Rejects with KernelError. */
  async knownClients(): Promise<Iterable<KnownClient>> {
    const { learned } = this.#parts;
    return learned === undefined ? [] : listKnownClients(learned, this.clock);
  }

  /**
   * Ends blocks of sources that have come into the guard since: those made on a claim (of who is known by a name only, the
   * full ones), and those of a live SSH session even
   * on proof. Who is shut out cannot log in, so he had, and was proven before the session was seen.
   */
  #liftGuarded(): void {
    const { list } = this.blocker;
    const { guarded = [] } = this.#host;
    const onClaim = guardedBy(this.#host).flatMap((source) => list.inside(source));
    const inFull = guarded.flatMap(({ source }) => list.inside(source)).filter(({ soft }) => !soft);
    const unproven = [...onClaim, ...inFull].filter(({ grade }) => grade === "direct");
    const sessions = guarded.filter(({ because }) => because === "ssh" && this.#settings.guardSsh);
    const proven = sessions
      .flatMap(({ source }) => list.inside(source))
      .filter(({ grade }) => grade === "handshake" || grade === "silence");
    // A gateway may be a resolver as well.
    const all = new Map([...unproven, ...proven].map((block) => [formatPrefix(block.source), block]));
    if (all.size > 0) this.blocker.lift([...all.values()], "guarded");
  }

  /** Takes a change of the host's addresses, routes, resolvers or guard into the rules and the keys of sources. */
  followHost(host: HostFacts): void {
    const near = this.#nearOf(host);
    const moved = this.#movedBy(near);
    if (moved.length > 0) this.#parts.firewall?.lift(moved, this.clock.nowMs());
    this.#host = host;
    this.#near = near;
    this.detector.setNear(this.#near);
    this.crowds.setNear(nearLinks(host));
    this.judge.replaceContext(judgeContext(this.#settings, host, this.#known));
    this.blocker.claims.breaker.forgetWaiting();
    this.#parts.sensor.follow(this.plan(), this.#near);
    if (moved.length > 0) this.reconciler?.restore(moved);
    this.#liftGuarded();
  }

  /** IPv6 blocks that the kernel holds in another way when a link of ours is new or gone: a /64, and its first address. */
  #movedBy(near: AddressRanges): Block[] {
    const isNew = (prefix: Prefix, ranges: AddressRanges) => !ranges.containsPrefix(prefix);
    const changed = [
      ...near.prefixes().filter((prefix) => isNew(prefix, this.#near)),
      ...this.#near.prefixes().filter((prefix) => isNew(prefix, near)),
    ];
    const isMoved = ({ source: { w0, w1, w2, w3, bits }, backend }: Block) =>
      isInTable({ backend }) &&
      bits >= 64 &&
      w2 === 0 &&
      w3 === 0 &&
      near.contains(w0, w1, w2, w3) !== this.#near.contains(w0, w1, w2, w3);
    const inside = changed.flatMap((prefix) => this.blocker.list.inside(prefix)).filter(isMoved);
    return [...new Map(inside.map((block) => [formatPrefix(block.source), block])).values()];
  }

  /** The allow list has changed: at once in the judge and in the kernel. */
  followIgnored(ignored: readonly Prefix[]): void {
    this.#settings = { ...this.#settings, ignored };
    this.judge.replaceContext(judgeContext(this.#settings, this.#host, this.#known));
    this.blocker.claims.breaker.forgetWaiting();
    this.#parts.sensor.follow(this.plan(), this.#near);
  }

  /** The ports on which our own listeners stand have changed. */
  followListened(listened: Listened): void {
    this.#listened = listened;
    this.#parts.sensor.follow(this.plan(), this.#near);
  }

  /** Somebody removed rules elsewhere, or it is time to look again whether the administrator's rules are there. */
  lookAtDelegated(afterChange: boolean): void {
    void this.delegate
      .look([...this.blocker.list.delegated()], afterChange, (gone) => this.blocker.commands.rulesGone(gone))
      .catch((error: unknown) => this.recorder.warning(`rules: ${String(error)}`));
  }

  /** How long BOOT_GRACE goes on; 0 when it is over. */
  graceLeftMs(): number {
    return graceLeftMs(this.#settings, this.#parts.uptimeMs());
  }

  /** Where IPv6 sources are counted one by one: on our links, on a mirror port in the networks that it watches. */
  #nearOf(host: HostFacts): AddressRanges {
    return this.#parts.tap?.homes ?? nearRanges(host);
  }

  /** The key that a source is counted and blocked by: itself, or the /64 of an IPv6 address beyond our links. */
  keyOf(source: Prefix): Prefix {
    return sourceKeyOf(source, this.#near);
  }

  isHeld(source: Prefix): boolean {
    return this.#parts.sensor.hold?.isHeld(source) === true;
  }

  /** Lets a source go from the hold, and forgets its probes: it starts afresh. */
  release(source: Prefix): void {
    this.#parts.sensor.hold?.release(this.keyOf(source));
    this.detector.reset(this.keyOf(source));
    this.#handshakes.forget(this.keyOf(source));
    this.crowds.forget(this.keyOf(source));
  }

  emptyKernelSets(): void {
    this.#parts.firewall?.emptyBlockSets();
  }

  offencesOf(source: Prefix): number {
    return this.#offences.get(source, this.clock.nowMs())?.offences ?? 0;
  }

  /** What a mirror port has shown of a source. */
  tapSourceOf(source: Prefix): TapSource | undefined {
    return this.#parts.tap?.sourceOf(source);
  }

  /** What is tracked of a source, as it counts now; undefined if nothing is. */
  evidenceOn(source: Prefix): SourceEvidence | undefined {
    return this.detector.evidenceOn(source, this.clock.nowMs());
  }

  /** The kinds of tolerated ports that a source has tried lately. */
  habitsOf(source: Prefix): string[] {
    return this.crowds.habitsOf(source, this.clock.nowMs());
  }

  /** Stops what runs by itself. */
  close(): void {
    clearTimeout(this.#flushTimer);
  }

  /** Once a second. */
  tick(): void {
    this.#parts.tap?.tick();
    this.blocker.tick();
    if (this.blocker.endBlocks()) this.#endMore(TURNS_OF_ENDING);
    this.reconciler?.tick();
    this.#grace.tick();
    void this.#wider.tick().catch((error: unknown) => this.recorder.warning(`wider blocks: ${String(error)}`));
    void this.#sets?.tick().catch((error: unknown) => this.recorder.warning(`sets: ${String(error)}`));
    if (this.#parts.decoy?.mustReload() === true) this.loadFirewall();
    this.#parts.journal.tick();
  }

  /** What is over and did not fit into one turn: other work goes first each time. */
  #endMore(turns: number): void {
    setImmediate(() => {
      try {
        if (this.blocker.endBlocks() && turns > 1) this.#endMore(turns - 1);
      } catch (error) {
        this.recorder.warning(`ended blocks: ${String(error)}`);
      }
    });
  }

  /** Once, FLUSH_MS after the first packet of a burst: an idle daemon has no timer but the tick. */
  #flushSoon(afterMs = FLUSH_MS): void {
    if (this.#flushTimer !== undefined) return;
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = undefined;
      try {
        this.flush();
      } catch (error) {
        this.recorder.warning(`flush: ${String(error)}`);
      }
      if (this.store.hasMore) this.#flushSoon(FLUSH_MORE_MS);
    }, afterMs);
  }

  /** Writes what is queued, and ends the windows of tests: soon after packets, and with every tick. */
  flush(): void {
    this.#parts.prover?.tick();
    this.#carryOutChosen();
    this.store.flush();
    this.#parts.history?.flush();
  }

  /** The counters of a part that is opened after the daemon are told as well. */
  countToo(part: Counted): void {
    this.#later.push(part);
  }

  /** Of all that counts, but for what describeStatus() asks by itself. */
  #counters(): Record<string, number> {
    const { guard, runner, monitor, blockedFiles } = this.#parts.counted;
    const { store, journal, prover, decoy, history, capture, responder, names } = this.#parts;
    const rooms = [this.engine, this.recorder, this.crowds, this.names.tools, this.#wider, this.#idleCommands];
    const proofs = [this.#ended, this.#handshakes, prover, decoy];
    const files = [store, journal, history, ...blockedFiles];
    const others = [responder, names, guard, runner, monitor, ...this.#later];
    return {
      ...sumCounters([...rooms, ...proofs, ...files, ...others]),
      ...capture.counters,
      ...(this.#parts.firewall?.networkCounts ?? { networkBlocks: 0, networkBlocksRefused: 0 }),
      evictedSources: this.detector.table.evictions,
      evictedOffences: this.#offences.evictions,
      repairs: this.reconciler?.repairs ?? 0,
    };
  }

  status(): Status {
    const { engine, blocker, detector, capture } = this;
    return describeStatus({
      ...this.#parts,
      settings: this.#settings,
      captureName: capture,
      setWarnings: this.#sets?.warnings() ?? [],
      enforces: this.enforces,
      startMs: this.#startMs,
      graceLeftMs: this.graceLeftMs(),
      counters: this.#counters(),
      crowdFindings: this.crowds.recent(this.clock.nowMs()),
      probes: engine.counters.probes,
      sources: detector.table.size,
      blocker,
    });
  }
}

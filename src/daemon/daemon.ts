// The assembled daemon: makes the walk, the enforcement and what is in force, each of which stands alone, and runs what time
// brings between packets. Built by start.ts, driven by running.ts.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../base/clock.ts";
import { type Counted, sumCounters } from "../base/counted.ts";
import { DeliveryClock } from "../base/delivery-clock.ts";
import type { Settings } from "../config/settings.ts";
import type { GuardEntry, KnownClient, Status } from "../control/api.ts";
import { Crowds } from "../detect/crowds.ts";
import { Detector } from "../detect/detector.ts";
import { FirstContacts } from "../detect/first-contacts.ts";
import type { Probe } from "../detect/probe.ts";
import { RepeatedProbes } from "../detect/repeated-probes.ts";
import { SourceTable } from "../detect/source-table.ts";
import { TriedPorts } from "../detect/tried-ports.ts";
import type { Blocker } from "../enforce/blocker.ts";
import { breakerLimits } from "../enforce/claims.ts";
import { guardEntries } from "../host/guard.ts";
import type { HostFacts } from "../host/host.ts";
import { listKnownClients } from "../host/known-clients.ts";
import { blockLimit, readMemoryLimits } from "../host/memory-limit.ts";
import { nearLinks } from "../host/near.ts";
import { Breaker } from "../judge/breaker.ts";
import { Judge } from "../judge/judge.ts";
import { FinishedHandshakes } from "../judge/proof/finished-handshakes.ts";
import { Handshakes } from "../judge/proof/handshakes.ts";
import { SourceNames } from "../judge/source-names.ts";
import { ToolMemory } from "../judge/tool-memory.ts";
import { listServedPorts, type ServedPort } from "../kernel/sock-diag.ts";
import { Recorder } from "../record/recorder.ts";
import { Series } from "../record/series/series.ts";
import type { Store } from "../record/store.ts";
import type { OutgoingWatch } from "../sense/outgoing-watch.ts";
import { BootGrace } from "../table/boot-grace.ts";
import type { Firewall } from "../table/firewall.ts";
import { rates } from "../table/log-rules.ts";
import { SetWatch } from "../table/set-watch.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { DaemonParts } from "./daemon-parts.ts";
import { Enforcement } from "./enforcement.ts";
import { Engine } from "./engine.ts";
import { InForce } from "./in-force.ts";
import { openOutgoing } from "./open-outgoing.ts";
import { crowdPolicy, judgeContext, knownBy, recorderPolicy, tellsSpared, testsSilence } from "./plan.ts";
import { Recall } from "./recall.ts";
import { Sources } from "./sources.ts";
import { describeStatus } from "./status.ts";
import { Walk } from "./walk.ts";

const FLUSH_MS = 200;
/** What one transaction of the store has left is written so much later: packets and the control socket have their turn between. */
const FLUSH_MORE_MS = 10;

export class Daemon {
  readonly inForce: InForce;
  readonly walk: Walk;
  readonly enforcement: Enforcement;
  readonly sources: Sources;
  readonly crowds: Crowds;
  readonly judge: Judge;
  readonly recorder: Recorder;
  readonly series: Series;
  readonly store: Store;
  readonly clock: Clock;
  readonly names: SourceNames;
  readonly recall: Recall;
  readonly #detector: Detector;
  readonly #engine: Engine;
  readonly #grace: BootGrace;
  readonly #sets: SetWatch | undefined;
  readonly #outgoing: OutgoingWatch | undefined;
  readonly #parts: DaemonParts;
  readonly #startMs: number;
  /** All that count, but for what describeStatus() asks by itself. */
  readonly #counted: (Counted | undefined)[];
  #flushTimer: NodeJS.Timeout | undefined;

  constructor(parts: DaemonParts) {
    const { settings, host, sensor, store, clock, troubles, hashSeed, learned, tap, decoy } = parts;
    const { nowMs, wallMs } = clock;
    const inForce = new InForce(parts);
    const finished = new FinishedHandshakes(() => inForce.settings, nowMs);
    const known = { ...knownBy(learned), hasHandshakes: finished.hasEnough.bind(finished) };
    const judge = new Judge(judgeContext(settings, host, known));
    const tools = new ToolMemory(hashSeed, nowMs());
    const names = new SourceNames(tools, settings.tap.known);
    const toolOf = (probe: Probe) => tools.toolOf(probe);
    const table = new SourceTable(settings.maxSources, hashSeed);
    const detector = new Detector({ table, policy: settings, near: inForce.near });
    const crowds = new Crowds({
      ...{ policy: crowdPolicy(settings), near: nearLinks(host), seed: hashSeed },
      isMarked: (probe) => toolOf(probe) !== undefined,
    });
    const repeated = new RepeatedProbes(hashSeed);
    const contacts = new FirstContacts(hashSeed);
    // A little less than the kernel tells: near its limit some packets may have gone untold.
    const tried = new TriedPorts({ burst: 0.9 * rates.blockedBurst, perSecond: rates.blocked });
    const sources = new Sources({
      inForce,
      detector,
      crowds,
      contacts,
      repeated,
      tried,
      prover: parts.prover,
      finished,
      tap,
      hold: sensor.hold,
      clock,
    });
    const breaker = new Breaker(() => breakerLimits(inForce.settings), Math.random);
    // The recorder asks for each packet what time it is.
    const delivery = new DeliveryClock(nowMs);
    const series = new Series({ store, wallNowMs: () => wallMs(nowMs()) });
    const recorder = new Recorder(
      {
        series,
        ...{ store, journal: parts.journal, history: parts.history, names: parts.names, version: parts.version },
        ...{ nowMs: () => delivery.nowMs(), wallMs, toolOf, isFlooded: () => breaker.isOpen },
      },
      recorderPolicy(settings),
    );
    const warn = (message: string) => recorder.warning(message);
    const outgoing = openOutgoing({ ...parts, inForce, recorder, judge });
    const recall = new Recall({ inForce, sources, learned, relearn: parts.relearn, outgoing, warn });
    const enforcement = new Enforcement({
      ...parts,
      ...{ inForce, sources, judge, names, breaker, recorder, maxBlocks: blockLimit(readMemoryLimits()) },
      ...{ servedPorts: () => servedPorts(decoy), relearn: () => recall.everything() },
    });
    const { list } = enforcement.blocker;
    const handshakes = new Handshakes({
      ...{ nowMs, detector, judge, finished },
      told: (probe) => recorder.probe(probe),
      isFullyBlocked: (source) => list.isFullyBlocked(source),
    });
    const engine = new Engine({
      ...{ detector, crowds, contacts, judge, repeated, tried, tools, breaker, clock: delivery, handshakes },
      tellsSpared: () => tellsSpared(inForce.settings),
      behind: () => inForce.behind,
    });
    const walk = new Walk({
      ...{
        engine,
        clock: delivery,
        recorder,
        detector,
        judge,
        handshakes,
        prover: parts.prover,
        exit: enforcement,
        contacts,
        outgoing,
      },
      testsSilence: () => testsSilence(inForce.settings),
      wasBaited: (arrival) => sensor.wasBaited?.(arrival) === true,
      delivered: () => this.#flushSoon(FLUSH_MS),
    });
    const grace = openGrace({ inForce, troubles, recorder });
    const { setUses: uses } = parts;
    this.#sets = uses && new SetWatch({ uses, nowMs, warn, pause: () => nextTurn() });
    inForce.tell(
      sources,
      { follow: () => judge.replaceContext(judgeContext(inForce.settings, inForce.host, known)) },
      {
        follow: (change) => {
          if (change.settings === undefined) return;
          names.setKnown(change.settings.tap.known);
          recorder.configure(recorderPolicy(change.settings));
        },
      },
      { loaded: (plan) => grace.loaded(plan.grace) },
      recall,
      enforcement,
      ...(outgoing === undefined ? [] : [outgoing]),
    );
    tap?.onFound((finding, words) => walk.tapFinding(finding, words));
    const { guard, runners, monitor, blockedFiles } = parts.counted;
    this.#counted = [
      ...[
        engine,
        repeated,
        tried,
        recorder,
        crowds,
        contacts,
        tools,
        enforcement,
        finished,
        handshakes,
        parts.prover,
        decoy,
        outgoing,
      ],
      ...[store, parts.journal, parts.history, ...blockedFiles, parts.responder, parts.names, guard, monitor],
      ...runners,
    ];
    this.#grace = grace;
    this.#outgoing = outgoing;
    this.#parts = parts;
    this.#startMs = nowMs();
    this.#detector = detector;
    this.#engine = engine;
    this.inForce = inForce;
    this.walk = walk;
    this.enforcement = enforcement;
    this.sources = sources;
    this.crowds = crowds;
    this.judge = judge;
    this.recorder = recorder;
    this.series = series;
    this.store = store;
    this.clock = clock;
    this.names = names;
    this.recall = recall;
  }

  get settings(): Settings {
    return this.inForce.settings;
  }

  get host(): HostFacts {
    return this.inForce.host;
  }

  get blocker(): Blocker {
    return this.enforcement.blocker;
  }

  /** The built-in table; undefined where none is loaded. */
  get firewall(): Firewall | undefined {
    return this.#parts.firewall;
  }

  get capture(): "nflog" | "ring" {
    return this.#parts.capture.name ?? "nflog";
  }

  /** Whether a port is one of our own listeners', and no service. */
  isDecoys(port: number): boolean {
    return this.#parts.decoy?.isOurs(port) === true;
  }

  /** The guard as it is now, entry by entry; peers as the kernel has them. Throws KernelError. */
  guard(): Iterable<GuardEntry> {
    return guardEntries(this.host, this.#parts.learned?.peers() ?? [], this.clock);
  }

  /** The sources that have finished a real connection lately, and the port of each. Rejects with KernelError. */
  async knownClients(): Promise<Iterable<KnownClient>> {
    const { learned } = this.#parts;
    return learned === undefined ? [] : listKnownClients(learned, this.clock);
  }

  /** The decoy tells who has finished a handshake with a closed port. */
  watchDecoy(): void {
    this.#parts.decoy?.watch(this.walk);
  }

  /** Once a second. */
  tick(): void {
    this.#parts.tap?.tick();
    this.enforcement.tick();
    this.#grace.tick();
    this.#outgoing?.tick();
    void this.#sets?.tick().catch((error: unknown) => this.recorder.warning(`sets: ${String(error)}`));
    if (this.#parts.decoy?.mustReload() === true) this.inForce.load();
    this.#parts.journal.tick();
    this.series.tick();
  }

  /** Once, so long after the first packet of a burst: an idle daemon has no timer but the tick. */
  #flushSoon(afterMs: number): void {
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
    this.walk.act();
    this.store.flush();
    this.#parts.history?.flush();
  }

  /** Stops what runs by itself. The store, which is closed later, gets the counts of the minute that runs. */
  close(): void {
    clearTimeout(this.#flushTimer);
    this.series.flush();
    this.#outgoing?.rest();
  }

  /** The counters of a part that is opened after the daemon are told as well. */
  countToo(part: Counted): void {
    this.#counted.push(part);
  }

  status(): Status {
    const { inForce, blocker, capture } = this;
    const { table } = this.#detector;
    const counters = sumCounters(this.#counted);
    return describeStatus({
      ...this.#parts,
      ...{ settings: inForce.settings, enforces: inForce.enforces, graceLeftMs: inForce.graceLeftMs() },
      ...{ blocker, captureName: capture, startMs: this.#startMs, setWarnings: this.#sets?.warnings() ?? [] },
      counters: { ...counters, ...this.#parts.capture.counters, evictedSources: table.evictions },
      crowdFindings: this.crowds.recent(this.clock.nowMs()),
      probes: this.#engine.counters.probes,
      sources: table.size,
    });
  }
}

/** TCP ports with a listener that is none of the decoy's. */
function servedPorts(decoy: DaemonParts["decoy"]): number[] {
  const isService = ({ protocol, port }: ServedPort) => protocol === IpProtocol.Tcp && decoy?.isOurs(port) !== true;
  return listServedPorts()
    .filter(isService)
    .map(({ port }) => port);
}

/** Looked at once a second (tick()); what goes wrong is said and told by `status`. */
function openGrace({
  inForce,
  troubles,
  recorder,
}: Pick<Daemon, "inForce" | "recorder"> & Pick<DaemonParts, "troubles">) {
  return new BootGrace({
    leftMs: () => inForce.graceLeftMs(),
    load: () => inForce.load(),
    failed: (message) => {
      const text = `BOOT_GRACE: the rules cannot be loaded; the daemon tries again each second: ${message}`;
      troubles.set("BOOT_GRACE", text);
      recorder.warning(text);
    },
    recovered: () => {
      troubles.clear("BOOT_GRACE");
      recorder.notice("BOOT_GRACE: the rules are loaded again");
    },
  });
}

// Takes one packet, and one delivery of packets, through the daemon. The engine returns the result of a packet; the walk
// writes the record, gives the proofs their part, and gathers verdicts. These leave by one exit, at the end of the
// delivery.
import type { DeliveryClock } from "../base/delivery-clock.ts";
import { Histogram, type HistogramFigures } from "../base/histogram.ts";
import type { DecoySink } from "../capture/listen/decoy-listener.ts";
import type { PacketSink } from "../capture/packet-source.ts";
import type { Detector } from "../detect/detector.ts";
import type { Finding } from "../detect/finding.ts";
import type { FirstContacts } from "../detect/first-contacts.ts";
import { Kind } from "../detect/kinds.ts";
import { Disposition, Probe } from "../detect/probe.ts";
import { besideKey } from "../detect/source-key.ts";
import type { Judge, Words } from "../judge/judge.ts";
import type { Handshakes } from "../judge/proof/handshakes.ts";
import type { Prover } from "../judge/proof/prover.ts";
import type { Verdict } from "../judge/verdict.ts";
import type { Recorder } from "../record/recorder.ts";
import type { OutgoingWatch } from "../sense/outgoing-watch.ts";
import { ASKS_TAG, MADE_TAG, UPSHOT_TAG } from "../table/log-tags.ts";
import type { Arrival } from "../wire/arrival.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { Engine } from "./engine.ts";
import { Outcome, type Walked } from "./walked.ts";

/** The exit for verdicts. */
export interface Exit {
  /** Whether a verdict is to be carried out now. False: a claim in a flood of them. `lot`: drawn for it already. */
  admits(verdict: Verdict, lot?: number): boolean;
  /** The claims that are acted on of those that waited. Cheap. */
  takeChosen(): readonly Verdict[];
  /** Carries out the verdicts of one delivery. */
  take(verdicts: readonly Verdict[]): void;
  /** A source that a command was to shut out has been answered. */
  answered(words: Words): void;
}

export interface WalkParts {
  readonly engine: Pick<Engine, "packet" | "arrival" | "tapFinding">;
  readonly clock: Pick<DeliveryClock, "end" | "nowMs">;
  readonly exit: Exit;
  readonly recorder: Pick<Recorder, "probe" | "repeat" | "untriggered" | "spared" | "passOver" | "warning">;
  readonly detector: Pick<Detector, "findingAbout" | "isFoundBy">;
  readonly judge: Pick<Judge, "judgeProven" | "judgeCrowd">;
  /** Absent: nobody is found by first contacts. */
  readonly contacts?: Pick<FirstContacts, "takeSingleShots">;
  readonly handshakes: Pick<Handshakes, "arrived" | "upgrade">;
  /** OUTGOING: gets what this host and its containers send. Absent where the kernel's table does not tell of it. */
  readonly outgoing?: Pick<OutgoingWatch, "packet"> | undefined;
  /** Absent where raw sockets are not to be had: then no source is proven by silence. */
  readonly prover: Pick<Prover, "probe" | "hasProven" | "takeProven"> | undefined;
  /** The silence test needs a hold to be silent in. */
  readonly testsSilence: () => boolean;
  /** Whether the kernel has sent bait for a handshake with the decoy. */
  readonly wasBaited: (arrival: Arrival) => boolean;
  /** A delivery has ended: what was queued for the files is to be written soon. */
  readonly delivered: () => void;
}

/** Repeats of one delivery that wait for its verdicts; nflog delivers at most 32 packets. Further ones get no event. */
const MAX_WAITING = 64;
const LATENCY_BOUNDS_MS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000];

export class Walk implements PacketSink, DecoySink {
  readonly #parts: WalkParts;
  /** The verdicts of the delivery that is being walked. */
  #verdicts: Verdict[] = [];
  /** Probes that are recorded when the verdicts have been carried out: copies, in records that are used again. */
  readonly #waiting: Probe[] = [];
  readonly #latency = new Histogram(LATENCY_BOUNDS_MS);
  /** When the first packet of the delivery came, by performance.now(). */
  #beganMs: number | undefined;
  #waitingCount = 0;

  constructor(parts: WalkParts) {
    this.#parts = parts;
  }

  packet(bytes: Uint8Array, at: number, end: number, tag: number, uid = -1): void {
    this.#beganMs ??= performance.now();
    if (tag === ASKS_TAG || tag === UPSHOT_TAG || tag === MADE_TAG) {
      this.#parts.outgoing?.packet(bytes, at, end, tag, uid);
      return;
    }
    const { engine, exit, prover, testsSilence } = this.#parts;
    const walked = engine.packet(bytes, at, end, tag);
    if (walked.outcome === Outcome.Through) {
      const { destination0, destination1, destination2, destination3 } = walked.packet;
      exit.answered([destination0, destination1, destination2, destination3]);
      return;
    }
    this.#note(walked);
    if (walked.isForProof && testsSilence()) prover?.probe(walked.probe, walked.packet, walked.hash);
  }

  /** What a listener of ours saw (connect mode). */
  arrival(arrival: Arrival): void {
    this.#note(this.#parts.engine.arrival(arrival));
  }

  /** What a mirror port has shown; the words are the full source address of the packet that decided. */
  tapFinding(finding: Finding, words: Words): void {
    this.#gather(this.#parts.engine.tapFinding(finding, words), undefined);
  }

  isBait(arrival: Arrival): boolean {
    return this.#parts.wasBaited(arrival);
  }

  /** A source has finished a handshake with the decoy. */
  handshake(arrival: Arrival): void {
    const verdict = this.#parts.handshakes.arrived(arrival);
    if (verdict !== undefined) this.#verdicts.push(verdict);
  }

  failed(error: unknown): void {
    this.#parts.recorder.warning(`decoy: ${String(error)}`);
  }

  batchEnd(): void {
    this.#parts.clock.end();
    this.act();
    this.#parts.delivered();
  }

  /** How long it took from the first packet of a delivery until its verdicts stood in the kernel. */
  get latency(): HistogramFigures {
    return this.#latency.figures();
  }

  /** The one way out for verdicts: after each delivery, and a few times a second for those that time alone has brought. */
  act(): void {
    const { exit } = this.#parts;
    this.#verdicts.push(...exit.takeChosen(), ...this.#takeProven());
    this.#gatherSingleShots();
    const verdicts = this.#verdicts;
    if (verdicts.length > 0) {
      this.#verdicts = [];
      exit.take(verdicts);
      if (this.#beganMs !== undefined) this.#latency.observe(performance.now() - this.#beganMs);
    }
    this.#beganMs = undefined;
    if (this.#waitingCount > 0) this.#tellWaiting();
  }

  #note(walked: Readonly<Walked>): void {
    const { outcome, verdict, crowdVerdict } = walked;
    if (outcome === Outcome.Nothing) return;
    if (outcome === Outcome.Spared) {
      this.#parts.recorder.spared(walked.probe, walked.spared ?? "own");
      return;
    }
    this.#tell(walked.probe, outcome);
    if (verdict !== undefined) this.#gather(verdict, walked.lot);
    if (crowdVerdict !== undefined) this.#gather(crowdVerdict, undefined);
  }

  #gather(claimed: Verdict, lot: number | undefined): void {
    const verdict = this.#parts.handshakes.upgrade(claimed);
    if (this.#parts.exit.admits(verdict, lot)) this.#verdicts.push(verdict);
  }

  #tell(probe: Probe, outcome: Outcome): void {
    const { recorder, prover } = this.#parts;
    const isProbe = probe.disposition === Disposition.Probe || probe.disposition === Disposition.Delegated;
    if (!isProbe || outcome !== Outcome.Repeat) {
      recorder.probe(probe);
      if (isProbe && outcome === Outcome.Watched) recorder.untriggered(probe);
      return;
    }
    // 1.2 says "already blocked" of what a found source goes on to send. Within one delivery: first the block.
    if (this.#verdicts.length > 0 || prover?.hasProven === true) this.#wait(probe);
    else recorder.repeat(probe);
  }

  #wait(probe: Probe): void {
    if (this.#waitingCount === MAX_WAITING) {
      this.#parts.recorder.passOver();
      return;
    }
    const record = this.#waiting[this.#waitingCount] ?? new Probe();
    this.#waiting[this.#waitingCount++] = Object.assign(record, probe);
  }

  #tellWaiting(): void {
    const { recorder, detector } = this.#parts;
    const count = this.#waitingCount;
    this.#waitingCount = 0;
    for (const probe of this.#waiting.slice(0, count)) {
      if (detector.isFoundBy(probe)) recorder.repeat(probe);
      else recorder.probe(probe);
    }
  }

  /** Sources of which time has shown that they repeat none of their first SYNs. */
  #gatherSingleShots(): void {
    const { contacts, judge, clock } = this.#parts;
    for (const finding of contacts?.takeSingleShots(clock.nowMs()) ?? [])
      this.#gather(judge.judgeCrowd(finding, undefined), undefined);
  }

  /** Sources that the silence test has proven since it was asked last. */
  #takeProven(): readonly Verdict[] {
    const { prover, detector, judge, clock } = this.#parts;
    if (prover?.hasProven !== true) return [];
    return prover.takeProven().flatMap(({ source, counts, words, port, host }) => {
      const probe = { kind: Kind.Syn, protocol: IpProtocol.Tcp, port, timeMs: clock.nowMs() };
      const finding = detector.findingAbout(source, probe);
      if (finding === undefined) return [];
      const [source0, source1, source2, source3] = words;
      const asked = host === undefined ? {} : { host };
      const proven = {
        ...finding,
        ...asked,
        ...besideKey(source, { source0, source1, source2, source3 }),
        proof: counts,
      };
      return [judge.judgeProven(proven, "silence", words)];
    });
  }
}

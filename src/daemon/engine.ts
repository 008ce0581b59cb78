// The packet's walk from capture to verdict: decode, classify, ask the judge, remember, score. One packet costs no
// allocation unless it makes a finding or is chosen for the record.

import type { PacketSink } from "../capture/packet-source.ts";
import type { Crowds } from "../detect/crowds.ts";
import type { Detector } from "../detect/detector.ts";
import type { Finding } from "../detect/finding.ts";
import { Kind } from "../detect/kinds.ts";
import { Disposition, Probe } from "../detect/probe.ts";
import { probeOfArrival } from "../detect/probe-of-arrival.ts";
import { besideKey } from "../detect/source-key.ts";
import type { Judge } from "../judge/judge.ts";
import type { ToolMemory } from "../judge/tool-memory.ts";
import type { Verdict } from "../judge/verdict.ts";
import { logPrefixes } from "../table/ruleset.ts";
import type { Arrival } from "../wire/arrival.ts";
import { decodePacket } from "../wire/decode.ts";
import { DecodeResult, IpProtocol, Packet } from "../wire/packet.ts";

/** What a probe's source is after it: being watched, found scanning just now, or found before. */
export type ProbeState = "watched" | "found" | "repeat";

/** What the engine hands on. The probe is the one reused record: read it at once. */
export interface EngineListener {
  probe(probe: Probe, state: ProbeState): void;
  /** A TCP connection that a listener of ours has accepted, before it is scored. */
  accepted?(arrival: Arrival): void;
  /** `lot`: what drawLot() gave for its finding. */
  verdict(verdict: Verdict, lot?: number): void;
  /** Whether a flood is on, in which not every claim can be acted on. Absent: never. */
  readonly isFlooded?: () => boolean;
  /**
   * In a flood: asked before a finding that would only be a claim is built, with the probes that its source has sent.
   * undefined: it is passed over. Then there is no finding and no verdict, and the next probe of the source asks again.
   */
  drawLot?(probes: number, timeMs: number): number | undefined;
  /**
   * A packet of a source that has been found scanning: for the proofs, to which a SYN of it to an open port goes as well, if
   * the kernel has dropped it. The packet is the one reused record; `hash` is the keyed one of the source.
   */
  proof(probe: Probe, packet: Packet, hash: number): void;
  /** An answer of ours has left for a source whose block is the administrator's own command: it blocks nothing. */
  through?(words: readonly [number, number, number, number]): void;
  /** The packets of one delivery have been walked. */
  batchEnd(): void;
}

export interface EngineParts {
  readonly detector: Detector;
  readonly judge: Judge;
  readonly listener: EngineListener;
  /** Gets the probes of sources that nothing spares. Absent: neighbours and tolerated ports make no findings. */
  readonly crowds?: Pick<Crowds, "note">;
  /** Gets the packets of probes. Absent: no tool is named. */
  readonly tools?: Pick<ToolMemory, "note">;
  readonly nowMs: () => number;
}

const UNKNOWN_TAG = 255;
/** Of no disposition: no probe, but our own answer to one. */
const THROUGH_TAG = logPrefixes.through.charCodeAt(0);

/** Log prefix letter -> disposition: the reverse of ruleset.ts. */
function dispositionsByTag(): Uint8Array {
  const byTag = new Uint8Array(256).fill(UNKNOWN_TAG);
  const pairs: readonly (readonly [string, Disposition])[] = [
    [logPrefixes.probe, Disposition.Probe],
    [logPrefixes.held, Disposition.Held],
    [logPrefixes.quiet, Disposition.Quiet],
    [logPrefixes.stray, Disposition.Stray],
    [logPrefixes.other, Disposition.Other],
    [logPrefixes.delegated, Disposition.Delegated],
    [logPrefixes.guarded, Disposition.Guarded],
  ];
  for (const [prefix, disposition] of pairs) byTag[prefix.charCodeAt(0)] = disposition;
  return byTag;
}

/** The kernel has asked all of the guard about a probe, and about nothing else. */
function hasAskedGuard({ disposition, kind }: Pick<Probe, "disposition" | "kind">): boolean {
  return disposition === Disposition.Probe && kind !== Kind.Connect;
}

export class Engine implements PacketSink {
  readonly counters = {
    /** Packets judged, without those of held sources to served ports. */
    probes: 0,
    /** Packets of held sources that the kernel dropped, as far as it logged them. */
    heldPackets: 0,
    ignored: 0,
    own: 0,
    guarded: 0,
    truncated: 0,
    malformed: 0,
    fragments: 0,
    otherProtocols: 0,
    unknownTags: 0,
    findings: 0,
    /** Answers of ours to delegated sources, as far as the kernel told of them. */
    answersThrough: 0,
  };
  readonly #packet = new Packet();
  readonly #probe = new Probe();
  readonly #byTag = dispositionsByTag();
  readonly #detector: Detector;
  readonly #judge: Judge;
  readonly #listener: EngineListener;
  readonly #crowds: Pick<Crowds, "note"> | undefined;
  readonly #tools: Pick<ToolMemory, "note"> | undefined;
  readonly #nowMs: () => number;
  /** Read once per delivery: packets of one batch need no finer clock. */
  #timeMs = 0;
  /** Of the packet that is being walked: its sender is in the guard. */
  #isGuarded = false;

  constructor(parts: EngineParts) {
    this.#detector = parts.detector;
    this.#judge = parts.judge;
    this.#listener = parts.listener;
    this.#crowds = parts.crowds;
    this.#tools = parts.tools;
    this.#nowMs = parts.nowMs;
  }

  /** The time of the delivery that is being walked, 0 when none is: the clock of whoever is called for each packet. */
  get timeMs(): number {
    return this.#timeMs;
  }

  /** What a mirror port has shown; the words are the full source address of the packet that decided. */
  tapFinding(finding: Finding, words: readonly [number, number, number, number]): void {
    this.counters.findings++;
    this.#listener.verdict(this.#judge.judge(finding, ...words));
  }

  packet(bytes: Uint8Array, at: number, end: number, tag: number): void {
    if (this.#timeMs === 0) this.#timeMs = this.#nowMs();
    if (tag === THROUGH_TAG) {
      this.#through(bytes, at, end);
      return;
    }
    const disposition = this.#dispositionOf(tag);
    const packet = this.#packet;
    const result = decodePacket(bytes, at, end, packet);
    if (result !== DecodeResult.Ok) this.#countUndecoded(result);
    if (packet.family === 0) return;
    if (disposition === Disposition.Held) this.counters.heldPackets++;
    else this.counters.probes++;
    const spared = this.#judge.spares(packet.source0, packet.source1, packet.source2, packet.source3);
    if (spared !== undefined) this.counters[spared]++;
    if (spared === "ignored" || spared === "own") return;
    const probe = this.#probe;
    this.#detector.classify(packet, disposition, this.#timeMs, probe);
    // Once for all who keep a table of sources: it is among the dearest of what a packet needs.
    const hash = this.#detector.table.hashOf(probe);
    this.#tools?.note(probe, packet, bytes, hash);
    this.#isGuarded = spared !== undefined;
    this.#weigh(probe, packet, hash);
    if (spared === undefined) this.#noteCrowd(probe, packet, hash);
  }

  #through(bytes: Uint8Array, at: number, end: number): void {
    const packet = this.#packet;
    decodePacket(bytes, at, end, packet);
    if (packet.family === 0) return;
    this.counters.answersThrough++;
    const { destination0, destination1, destination2, destination3 } = packet;
    this.#listener.through?.([destination0, destination1, destination2, destination3]);
  }

  /** What a listener of ours saw (connect mode). */
  arrival(arrival: Arrival): void {
    const { source0, source1, source2, source3 } = arrival;
    this.counters.probes++;
    const spared = this.#judge.spares(source0, source1, source2, source3);
    if (spared !== undefined) this.counters[spared]++;
    if (spared === "ignored" || spared === "own") return;
    const probe = this.#probe;
    probeOfArrival(arrival, this.#detector.near, probe);
    this.#isGuarded = spared !== undefined;
    const hash = this.#detector.table.hashOf(probe);
    if (probe.protocol === IpProtocol.Tcp) this.#listener.accepted?.(arrival);
    this.#score(probe, arrival, hash);
    if (spared === undefined) this.#noteCrowd(probe, arrival, hash);
  }

  #noteCrowd(probe: Probe, { source0, source1, source2, source3 }: Packet | Arrival, hash: number): void {
    const finding = this.#crowds?.note(probe, hash);
    if (finding === undefined) return;
    this.counters.findings++;
    this.#listener.verdict(this.#judge.judgeCrowd(finding, [source0, source1, source2, source3]));
  }

  #weigh(probe: Probe, packet: Packet, hash: number): void {
    // Neither is evidence against anybody, and both come in floods that nobody can answer for: not remembered.
    if (probe.disposition === Disposition.Held || probe.disposition === Disposition.Stray) {
      this.#listener.probe(probe, "watched");
      // A found source must not be able to tell its SYN to an open port from one to a closed port by what comes of it.
      const isHeldSyn = probe.disposition === Disposition.Held && probe.kind === Kind.Syn;
      if (isHeldSyn && this.#detector.keepIfFound(probe, hash)) this.#listener.proof(probe, packet, hash);
      return;
    }
    const state = this.#score(probe, packet, hash);
    if (state !== "watched") this.#listener.proof(probe, packet, hash);
  }

  #score(probe: Probe, from: Packet | Arrival, hash: number): ProbeState {
    const isFound = this.#detector.note(probe, hash);
    const state = isFound ? "found" : this.#detector.isRepeat ? "repeat" : "watched";
    const isDrawn = isFound && this.#listener.isFlooded?.() === true && this.#isMereClaim(probe);
    const lot = isDrawn ? this.#listener.drawLot?.(this.#detector.probesOfNoted, probe.timeMs) : undefined;
    if (isDrawn && lot === undefined) {
      this.#detector.letNotedWait();
      this.#listener.probe(probe, state);
      return state;
    }
    if (isFound) this.counters.findings++;
    // Before anybody is told of the probe, who may look at the table of sources.
    const finding = isFound ? this.#detector.findingOf(probe) : undefined;
    this.#listener.probe(probe, state);
    if (finding !== undefined) this.#found(finding, from, lot);
    return state;
  }

  #isMereClaim(probe: Probe): boolean {
    return !this.#isGuarded && hasAskedGuard(probe) && this.#judge.blocksOnClaim(probe.protocol);
  }

  #found(found: Finding, from: Packet | Arrival, lot: number | undefined): void {
    const { source0, source1, source2, source3 } = from;
    const finding = { ...found, ...besideKey(found.source, from) };
    this.#listener.verdict(this.#judge.judge(finding, source0, source1, source2, source3), lot);
  }

  #dispositionOf(tag: number): Disposition {
    const disposition = this.#byTag[tag] ?? UNKNOWN_TAG;
    switch (disposition) {
      case Disposition.Probe:
      case Disposition.Held:
      case Disposition.Quiet:
      case Disposition.Stray:
      case Disposition.Other:
      case Disposition.Delegated:
      case Disposition.Guarded:
        return disposition;
      default:
        // A rule that is not ours logs to our group: taken as weak.
        this.counters.unknownTags++;
        return Disposition.Stray;
    }
  }

  #countUndecoded(result: DecodeResult): void {
    switch (result) {
      case DecodeResult.Truncated:
        this.counters.truncated++;
        break;
      case DecodeResult.Malformed:
        this.counters.malformed++;
        break;
      case DecodeResult.Fragment:
        this.counters.fragments++;
        break;
      case DecodeResult.OtherProtocol:
        this.counters.otherProtocols++;
        break;
      case DecodeResult.Ok:
      case DecodeResult.NotIp:
        break;
    }
  }

  batchEnd(): void {
    this.#timeMs = 0;
    this.#listener.batchEnd();
  }
}

// One packet from capture to verdict: decode, ask the judge whom to spare, classify, remember, score. What it has come to is
// one result, which the walk acts on (walk.ts). A packet of a flood allocates nothing unless it makes a
// finding; what the memories for people take in (tools, ports that were asked) is a bounded part of it.
import type { DeliveryClock } from "../base/delivery-clock.ts";
import { hostOf, writeHost } from "../detect/behind.ts";
import type { Crowds } from "../detect/crowds.ts";
import { type Detector, Track } from "../detect/detector.ts";
import type { Finding } from "../detect/finding.ts";
import type { FirstContacts } from "../detect/first-contacts.ts";
import { Kind } from "../detect/kinds.ts";
import { Disposition, type Probe } from "../detect/probe.ts";
import { probeOfArrival } from "../detect/probe-of-arrival.ts";
import type { RepeatedProbes } from "../detect/repeated-probes.ts";
import { besideKey } from "../detect/source-key.ts";
import type { TriedPorts } from "../detect/tried-ports.ts";
import type { Breaker } from "../judge/breaker.ts";
import type { Judge, SparedBecause, Words } from "../judge/judge.ts";
import type { Handshakes } from "../judge/proof/handshakes.ts";
import type { ToolMemory } from "../judge/tool-memory.ts";
import type { Verdict } from "../judge/verdict.ts";
import type { Spared } from "../record/dialect.ts";
import {
  BLOCKED_TAG,
  dispositionOf,
  FIRST_CONTACT_TAG,
  isRefusal,
  REPEATED_TAG,
  THROUGH_TAG,
  WAITING_TAG,
} from "../table/log-tags.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { Arrival } from "../wire/arrival.ts";
import { decodePacket } from "../wire/decode.ts";
import { DecodeResult, IpProtocol, Packet, resetPacket } from "../wire/packet.ts";
import { decodeRefused } from "../wire/refused.ts";
import { Outcome, Walked } from "./walked.ts";

export interface EngineParts {
  readonly detector: Detector;
  readonly judge: Pick<Judge, "spares" | "judge" | "judgeCrowd" | "blocksOnClaim">;
  readonly clock: Pick<DeliveryClock, "begin">;
  /** Gets the probes of sources that nothing spares. Absent: neighbours and tolerated ports make no findings. */
  readonly crowds?: Pick<Crowds, "note">;
  /** Gets what greylisting has met with silence, and the repetitions. Absent: nobody counts them. */
  readonly contacts?: Pick<FirstContacts, "met" | "repeated" | "waiting">;
  /** Knows the probes that came lately. Absent: one that comes again counts again. */
  readonly repeated?: Pick<RepeatedProbes, "note">;
  /** Gets whatever has a port, of sources that nothing spares and of blocked ones. Absent: nobody counts ports. */
  readonly tried?: Pick<TriedPorts, "note" | "noteShutOut">;
  /** Gets the packets of probes. Absent: no tool is named. */
  readonly tools?: Pick<ToolMemory, "note">;
  /**
   * In a flood a lot is drawn before a finding that would only be a claim is built. undefined: the finding is passed over, and
   * the next probe of the source asks again. Absent: no flood is ever on.
   */
  readonly breaker?: Pick<Breaker, "isOpen" | "draw">;
  /**
   * Get the connections that a listener of ours has accepted, before these are scored. While a source may be proven by
   * handshakes, findings are no mere claims. Absent: no source is proven by handshakes.
   */
  readonly handshakes?: Pick<Handshakes, "accepted" | "isIdle">;
  /** Whether somebody wants to know of probes that are spared (2.x's -v and -d). Absent: nobody does. */
  readonly tellsSpared?: () => boolean;
  /** The networks behind this host (PROTECT). Absent or undefined: none, and only this host is asked. */
  readonly behind?: () => AddressRanges | undefined;
}

/** The kernel has asked all of the guard about a probe, and about nothing else. */
function hasAskedGuard({ disposition, kind }: Pick<Probe, "disposition" | "kind">): boolean {
  return disposition === Disposition.Probe && kind !== Kind.Connect;
}

function isToItself(packet: Packet): boolean {
  const { source0, source1, source2, source3 } = packet;
  const { destination0, destination1, destination2, destination3 } = packet;
  return source0 === destination0 && source1 === destination1 && source2 === destination2 && source3 === destination3;
}

export class Engine {
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
    /** Probes that came again while their source was only watched: they were not counted as further ones. */
    probesRepeated: 0,
    /** Packets of fully blocked sources that the kernel dropped, as far as it logged them: none is judged. */
    shutOutPackets: 0,
    /** Refusals of protected hosts (PROTECT), as far as the kernel has logged them; each is a probe. */
    refusalsBehind: 0,
    /** Answers of ours to delegated sources, as far as the kernel has logged them. */
    answersThrough: 0,
  };
  readonly #walked = new Walked();
  readonly #answer = new Packet();
  readonly #parts: EngineParts;
  readonly #detector: Detector;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#detector = parts.detector;
  }

  /** A packet that the kernel's sensor has logged. `tag` as PacketSink has it. */
  packet(bytes: Uint8Array, at: number, end: number, tag: number): Readonly<Walked> {
    const timeMs = this.#parts.clock.begin();
    const walked = this.#begin();
    const { packet, probe } = walked;
    const isAnswer = isRefusal(tag);
    const result = isAnswer ? this.#refused(bytes, at, end, packet) : decodePacket(bytes, at, end, packet);
    if (tag === THROUGH_TAG) return this.#through(walked);
    if (tag === FIRST_CONTACT_TAG || tag === REPEATED_TAG || tag === WAITING_TAG) {
      return this.#greet(walked, tag, timeMs);
    }
    if (tag === BLOCKED_TAG) return this.#shutOut(walked, timeMs);
    const disposition = dispositionOf(tag) ?? this.#unknownTag();
    if (result !== DecodeResult.Ok) this.#countUndecoded(result);
    if (packet.family === 0) return walked;
    if (disposition === Disposition.Held) this.counters.heldPackets++;
    else this.counters.probes++;
    const spared = this.#spares(packet);
    const isLeftAlone = spared === "ignored" || spared === "own";
    if (isLeftAlone && this.#parts.tellsSpared?.() !== true) return walked;
    this.#detector.classify(packet, disposition, timeMs, probe);
    writeHost(packet, this.#parts.behind?.(), probe);
    if (isLeftAlone) return this.#leaveAlone(walked, spared === "own" && isToItself(packet) ? "to itself" : spared);
    // Once for all who keep a table of sources: it is among the dearest of what a packet needs.
    walked.hash = this.#detector.table.hashOf(probe);
    // An answer shows nothing of the source's tool.
    if (!isAnswer) this.#parts.tools?.note(probe, packet, bytes, walked.hash);
    // These are told beside the ports that this host serves.
    if (spared === undefined && probe.isBehind === 0) this.#parts.tried?.note(probe);
    const track = disposition === Disposition.Probe ? this.#detector.trackOf(probe, walked.hash) : undefined;
    if (track === Track.Watched && this.#hasComeLately(walked)) {
      this.counters.probesRepeated++;
      return walked;
    }
    if (disposition === Disposition.Held || disposition === Disposition.Stray) this.#passBy(walked);
    else {
      this.#score(walked, packet, spared);
      walked.isForProof = !isAnswer && walked.outcome !== Outcome.Watched;
      if (track === Track.None && walked.outcome === Outcome.Watched) this.#hasComeLately(walked);
    }
    if (spared === undefined) this.#noteCrowd(walked);
    return walked;
  }

  /** What a listener of ours saw (connect mode). */
  arrival(arrival: Arrival): Readonly<Walked> {
    const walked = this.#begin();
    this.counters.probes++;
    const spared = this.#spares(arrival);
    const isLeftAlone = spared === "ignored" || spared === "own";
    if (isLeftAlone && this.#parts.tellsSpared?.() !== true) return walked;
    probeOfArrival(arrival, this.#detector.near, walked.probe);
    if (isLeftAlone) return this.#leaveAlone(walked, spared);
    walked.hash = this.#detector.table.hashOf(walked.probe);
    if (spared === undefined) this.#parts.tried?.note(walked.probe);
    if (arrival.protocol === IpProtocol.Tcp) this.#parts.handshakes?.accepted(arrival);
    this.#score(walked, arrival, spared);
    if (spared === undefined) this.#noteCrowd(walked);
    return walked;
  }

  /** What a mirror port has shown; the words are the full source address of the packet that decided. */
  tapFinding(finding: Finding, words: Words): Verdict {
    this.counters.findings++;
    return this.#parts.judge.judge(finding, words, this.#parts.judge.spares(...words));
  }

  #begin(): Walked {
    const walked = this.#walked;
    walked.outcome = Outcome.Nothing;
    walked.isForProof = false;
    walked.spared = undefined;
    walked.verdict = undefined;
    walked.lot = undefined;
    walked.crowdVerdict = undefined;
    return walked;
  }

  /** Greylisting: one such packet says nothing against its source. */
  #greet(walked: Walked, tag: number, timeMs: number): Walked {
    const { packet, probe } = walked;
    if (packet.family === 0) return walked;
    this.#detector.classify(packet, Disposition.Held, timeMs, probe);
    this.#parts.tried?.note(probe);
    const hash = this.#detector.table.hashOf(probe);
    if (tag === FIRST_CONTACT_TAG) this.#parts.contacts?.met(probe, hash);
    else if (tag === REPEATED_TAG) this.#parts.contacts?.repeated(probe, hash);
    else this.#parts.contacts?.waiting(probe, hash);
    return walked;
  }

  #shutOut(walked: Walked, timeMs: number): Walked {
    const { packet, probe } = walked;
    if (packet.family === 0) return walked;
    this.counters.shutOutPackets++;
    this.#detector.classify(packet, Disposition.Held, timeMs, probe);
    this.#parts.tried?.noteShutOut(probe);
    return walked;
  }

  /** The contact that a protected host has refused. */
  #refused(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
    this.counters.refusalsBehind++;
    const answer = this.#answer;
    const result = decodePacket(bytes, at, end, answer);
    if (result === DecodeResult.Ok && decodeRefused(bytes, answer, out)) return result;
    resetPacket(out);
    return result === DecodeResult.Ok ? DecodeResult.Malformed : result;
  }

  #through(walked: Walked): Walked {
    if (walked.packet.family === 0) return walked;
    this.counters.answersThrough++;
    walked.outcome = Outcome.Through;
    return walked;
  }

  /** Asked once for a packet, with its full source address; later steps get the answer. */
  #spares({ source0, source1, source2, source3 }: Packet | Arrival): SparedBecause | undefined {
    const spared = this.#parts.judge.spares(source0, source1, source2, source3);
    if (spared !== undefined) this.counters[spared]++;
    return spared;
  }

  #leaveAlone(walked: Walked, spared: Spared): Walked {
    if (walked.probe.disposition !== Disposition.Probe) return walked;
    walked.outcome = Outcome.Spared;
    walked.spared = spared;
    return walked;
  }

  /**
   * Whether the same probe has come before; remembers it. A hold must not make its own evidence: what its source sends again
   * while it is held is one probe, until the source has been found. Of found sources, as most are in a flood, nothing need be
   * remembered.
   */
  #hasComeLately({ packet, probe, hash }: Walked): boolean {
    return this.#parts.repeated?.note(packet, hash, probe.timeMs) === true;
  }

  /** Held and stray packets are no evidence, and come in floods that anybody can forge: they are not remembered. */
  #passBy(walked: Walked): void {
    const { probe, hash } = walked;
    walked.outcome = Outcome.Watched;
    // A found source must not be able to tell its SYN to an open port from one to a closed port by what comes of it.
    const isHeldSyn = probe.disposition === Disposition.Held && probe.kind === Kind.Syn;
    walked.isForProof = isHeldSyn && this.#detector.keepIfFound(probe, hash);
  }

  #score(walked: Walked, from: Packet | Arrival, spared: SparedBecause | undefined): void {
    const { probe, hash } = walked;
    const noted = this.#detector.note(probe, hash);
    if (!noted.isFound) {
      walked.outcome = noted.isRepeat ? Outcome.Repeat : Outcome.Watched;
      return;
    }
    walked.outcome = Outcome.Found;
    if (this.#isMereClaim(probe, spared)) {
      walked.lot = this.#parts.breaker?.draw(noted.probes, probe.timeMs);
      if (walked.lot === undefined) {
        this.#detector.passOver(noted);
        return;
      }
    }
    this.counters.findings++;
    walked.verdict = this.#judge({ ...this.#detector.findingOf(noted, probe), ...hostOf(probe) }, from, spared);
  }

  /** A flood is on, and nothing but packets that anybody can forge speaks against the source. */
  #isMereClaim(probe: Probe, spared: SparedBecause | undefined): boolean {
    const { breaker, handshakes, judge } = this.#parts;
    if (breaker?.isOpen !== true || spared !== undefined || handshakes?.isIdle === false) return false;
    return hasAskedGuard(probe) && judge.blocksOnClaim(probe.protocol);
  }

  #judge(found: Finding, from: Packet | Arrival, spared: SparedBecause | undefined): Verdict {
    const words = [from.source0, from.source1, from.source2, from.source3] as const;
    return this.#parts.judge.judge({ ...found, ...besideKey(found.source, from) }, words, spared);
  }

  #noteCrowd(walked: Walked): void {
    const finding = this.#parts.crowds?.note(walked.probe, walked.hash);
    if (finding === undefined) return;
    this.counters.findings++;
    walked.crowdVerdict = this.#parts.judge.judgeCrowd(finding, undefined);
  }

  /** A rule that is not ours logs to our group: taken as weak. */
  #unknownTag(): Disposition {
    this.counters.unknownTags++;
    return Disposition.Stray;
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
}

// Finds scanners where the kernel cannot be asked: on a mirror port and in a capture file. The contact table reports
// contacts and how they ended; every scorer judges. Pure: time comes with the contacts.
import { type Prefix, prefixContains } from "../../wire/address.ts";
import type { AddressRanges } from "../../wire/address-ranges.ts";
import { IpProtocol, type Packet } from "../../wire/packet.ts";
import { Detector } from "../detector.ts";
import { type HashSeed, hashSource } from "../keyed-hash.ts";
import { Kind, kinds } from "../kinds.ts";
import { Disposition, Evidence, Probe } from "../probe.ts";
import { countsByAddress, writeSourceKey } from "../source-key.ts";
import { SourceTable } from "../source-table.ts";
import type { Layout } from "../tool/header-layout.ts";
import { ToolEvidence } from "../tool/tool-evidence.ts";
import { WiderPrefixes } from "../wider-prefixes.ts";
import { Contact, type ContactSink, Outcome } from "./contact.ts";
import { isLinkQuestion, isNeverAClients, isQuietlyWide, mostHosts } from "./contact-meaning.ts";
import { CoordinatedScans } from "./coordinated.ts";
import { Decoys } from "./decoys.ts";
import { createExactBudget, DistinctHosts, DistinctPorts } from "./distinct.ts";
import { GroupFindings } from "./group-findings.ts";
import { headerSignature } from "./header-signature.ts";
import { isPeerGone, isUnheard, noteHeard } from "./outbound.ts";
import { deriveLimits, newSequentialState, type SequentialLimits, takeOutcome } from "./sequential.ts";
import { newSweepState, noteSweep, type Shape, shapeOf } from "./sweeps.ts";
import type { Step, TapListener, TapPolicy } from "./tap-rules.ts";
import { Scorer, type ScorerName, scorerNames, type TapSource } from "./tap-source.ts";
import { TapSources } from "./tap-sources.ts";
import { UnseenBurst } from "./unseen-burst.ts";

/** A mark that one source in 2^30 has by chance. */
const PROOF_BITS = 30;
/** From here on Linux, BSD and Windows take ports for their own questions: a datagram to one may be a late answer. */
const EPHEMERAL_FROM = 32_768;

/** Hosts that are spread over more time than this are a client's, who has many. */
const HOSTS_WINDOW_MS = 3_600_000;

export class TapJudge implements ContactSink {
  #ignoredCount = 0;
  readonly #policy: TapPolicy;
  readonly #listener: TapListener;
  readonly #seed: HashSeed;
  readonly #sources: TapSources;
  readonly #detector: Detector;
  readonly #limits: SequentialLimits;
  readonly #coordinated: CoordinatedScans;
  readonly #decoys: Decoys<TapSource>;
  readonly #wider: WiderPrefixes;
  readonly isForgotten: ((contact: Contact, nowMs: number) => boolean) | undefined;
  #ignored: AddressRanges;
  readonly #budget = createExactBudget();
  readonly #probe = new Probe();
  readonly #asked = new Contact();
  readonly #key = { source0: 0, source1: 0, source2: 0, source3: 0, sourceBits: 128 };
  readonly #allowed: number;
  /** What many sources together have done: for the report. */
  readonly groups = new GroupFindings();

  constructor(policy: TapPolicy, seed: HashSeed, listener: TapListener = {}) {
    this.#policy = policy;
    this.#seed = seed;
    this.#listener = listener;
    this.#ignored = policy.ignored;
    if (policy.refindAfterMs !== undefined) this.isForgotten = (contact, nowMs) => this.#isForgotten(contact, nowMs);
    const { homes, maxSources } = policy;
    this.#sources = new TapSources(maxSources, seed, (source) => source.ports.release(this.#budget));
    const near = homes ?? policy.ignored;
    this.#detector = new Detector({ table: new SourceTable(maxSources, seed), policy: policy.score, near });
    this.#limits = deriveLimits(policy.sequential);
    this.#coordinated = new CoordinatedScans({ policy: policy.coordinated, seed });
    this.#decoys = new Decoys(seed);
    this.#wider = new WiderPrefixes(policy.wider);
    this.#allowed = scorerNames.reduce((bits, name, at) => (policy.scorers.has(name) ? bits | (1 << at) : bits), 0);
  }

  /** The allow list has changed. */
  setIgnored(ignored: AddressRanges): void {
    this.#ignored = ignored;
  }

  /** Forgets a source, so that it can be found again: after its block has ended. False if it was not tracked. */
  forget(source: Prefix): boolean {
    this.#detector.reset(source);
    return this.#sources.remove(source);
  }

  /** Lets every source be found again, by its further probes: for a reload that changes how scanners are answered. */
  unflagAll(): void {
    for (const source of this.#sources.flagged()) source.foundBy = 0;
    this.#detector.resetAll();
  }

  opened(contact: Contact, packet: Packet, layout: Layout): void {
    const source = this.#sourceOf(contact);
    if (source === undefined) return;
    source.probes++;
    source.lastMs = Math.max(source.lastMs, contact.timeMs);
    if (!isLinkQuestion(contact)) source.kinds |= 1 << contact.kind;
    if (contact.port !== 0) source.ports.add(contact.protocol, contact.port, this.#budget);
    source.hosts.add(this.#hostHash(contact));
    source.tools ??= new ToolEvidence();
    source.tools.note(packet, layout);
    source.signature = headerSignature(packet);
    if (contact.kind === Kind.Syn) source.countSyn(packet);
    if (contact.protocol === IpProtocol.Tcp) this.#decoys.note(packet, source);
    this.#explain("opened", source, contact);
    if (contact.isEvidence) this.#weigh(source, contact, Evidence.Direct);
  }

  again(contact: Contact, packet: Packet, layout: Layout, timeMs: number): void {
    const source = this.#sourceOf(contact);
    if (source === undefined) return;
    source.probes++;
    source.lastMs = Math.max(source.lastMs, timeMs);
    source.kinds |= 1 << contact.kind;
    // A second tool behind the address may ask the same ports again. Returning clients are not looked at, as their number has no end.
    if (source.refused + source.unanswered + source.unknown > 0) source.tools?.note(packet, layout);
    if (contact.kind === Kind.Syn) source.countSyn(packet);
    this.#explain("again", source, contact);
  }

  idProbed(contact: Contact, packet: Packet, layout: Layout): void {
    this.opened(contact, packet, layout);
    const source = this.#sourceOf(contact);
    if (source !== undefined) this.#flag(source, Scorer.Tool, contact);
  }

  decided(contact: Contact): void {
    const source = this.#sourceOf(contact);
    if (source === undefined) return;
    noteHeard(contact, source);
    const isGone = isPeerGone(contact, source);
    if (isGone || isUnheard(contact, source)) contact.outcome = Outcome.Unknown;
    source.tally(contact);
    this.#explain("decided", source, contact);
    this.#judgeOutcome(source, contact);
    this.#judgeTool(source, contact);
    this.#judgeWalk(source, contact);
    this.#judgeSweep(source, contact);
    if (!isGone) {
      this.#judgeHosts(source, contact);
      this.#judgeBurst(source, contact);
    }
    this.#judgeTogether(source, contact);
  }

  #judgeSweep(source: TapSource, contact: Contact): void {
    // Most sources are clients of one host, and all is well with them.
    if (source.sweep === undefined && contact.outcome === Outcome.Accepted && source.hosts.count < 2) return;
    source.sweep ??= newSweepState(contact.timeMs);
    const asked = this.#asked;
    asked.protocol = contact.protocol;
    asked.port = contact.port;
    asked.kind = contact.kind;
    asked.timeMs = contact.timeMs;
    asked.outcome = isNeverAClients(contact) ? Outcome.Unanswered : contact.outcome;
    asked.isFromRouter = contact.isFromRouter;
    const hostHash = this.#hostHash(contact);
    if (noteSweep(source.sweep, asked, hostHash, this.#policy.sweep)) this.#flag(source, Scorer.Sweep, contact);
  }

  #judgeHosts(source: TapSource, contact: Contact): void {
    if (!isQuietlyWide(contact)) return;
    if (source.unsettledHosts === undefined || !(Math.abs(contact.timeMs - source.unsettledMs) <= HOSTS_WINDOW_MS)) {
      source.unsettledHosts = new DistinctHosts();
      source.unsettledMs = contact.timeMs;
    }
    source.unsettledHosts.add(this.#hostHash(contact));
    if (source.unsettledHosts.count >= mostHosts(contact, this.#policy)) this.#flag(source, Scorer.Breadth, contact);
  }

  #judgeBurst(source: TapSource, contact: Contact): void {
    if (contact.outcome !== Outcome.Unknown || contact.kind !== Kind.Syn) return;
    source.burst ??= new UnseenBurst();
    const isRaw = source.kernelSyns === 0;
    if (source.burst.note(contact, this.#hostHash(contact), isRaw)) this.#flag(source, Scorer.Breadth, contact);
  }

  /** The worth of a contact that might have been a client's, by its outcome. */
  #judgeOutcome(source: TapSource, contact: Contact): void {
    if (contact.isEvidence || contact.outcome === Outcome.Accepted) return;
    const { inVain } = kinds[contact.kind];
    // The rest has been weighed when it came.
    if (inVain === "nothing" || (contact.kind === Kind.Udp && contact.port >= EPHEMERAL_FROM)) return;
    const isDirect =
      (inVain === "direct" && contact.outcome !== Outcome.Unknown) ||
      (inVain === "refused" && contact.outcome === Outcome.Refused);
    if (isDirect) this.#weigh(source, contact, Evidence.Direct);
    else this.#countWeak(source, contact);
  }

  /** A source that asked in vain, with packets that bear a scanner's own mark, needs no further probes. */
  #judgeTool(source: TapSource, contact: Contact): void {
    if (source.tools === undefined || (source.foundBy & (1 << Scorer.Tool)) !== 0) return;
    if (contact.outcome !== Outcome.Refused && contact.outcome !== Outcome.Unanswered) return;
    if (source.tools.strongestBits() >= PROOF_BITS) this.#flag(source, Scorer.Tool, contact);
  }

  #judgeWalk(source: TapSource, contact: Contact): void {
    const { protocol, outcome } = contact;
    if (protocol !== IpProtocol.Tcp && protocol !== IpProtocol.Sctp && protocol !== IpProtocol.Udp) return;
    // Silence is no failure of a datagram.
    if (protocol === IpProtocol.Udp && outcome !== Outcome.Refused && outcome !== Outcome.Accepted) return;
    if (outcome === Outcome.Accepted && source.sequential === undefined) return;
    source.sequential ??= newSequentialState(contact.timeMs);
    if (takeOutcome(source.sequential, contact, this.#limits)) this.#flag(source, Scorer.Sequential, contact);
  }

  #judgeTogether(source: TapSource, contact: Contact): void {
    if (source.signature === 0 || (this.#allowed & (1 << Scorer.Coordinated)) === 0) return;
    const finding = this.#coordinated.note(contact, source.source, source.signature);
    if (finding === undefined) return;
    this.groups.addCoordinated(finding);
    for (const member of finding.members) {
      const known = this.#sources.find(member);
      if (known !== undefined) this.#flag(known, Scorer.Coordinated, contact);
    }
  }

  /** Gives a contact to the scorers that the live daemon has too. */
  #weigh(source: TapSource, contact: Contact, evidence: Evidence): void {
    const probe = this.#probe;
    const { source: key } = source;
    const isTolerated = !contact.isEvidence && this.#policy.isTolerated(contact.protocol, contact.port);
    probe.source0 = key.w0;
    probe.source1 = key.w1;
    probe.source2 = key.w2;
    probe.source3 = key.w3;
    probe.sourceBits = key.bits;
    // ARP has no number among the IP protocols.
    probe.protocol = contact.protocol & 0xff;
    probe.port = contact.port;
    probe.kind = contact.kind;
    probe.evidence = isTolerated ? Evidence.Weak : evidence;
    probe.disposition = isTolerated ? Disposition.Quiet : Disposition.Probe;
    probe.timeMs = contact.timeMs;
    const finding = this.#detector.see(probe);
    if (finding === undefined) return;
    this.#flag(source, finding.policy === "trigger" ? Scorer.Trigger : Scorer.Score, contact);
  }

  #countWeak(source: TapSource, contact: Contact): void {
    const { contacts, windowMs } = this.#policy.breadth;
    if (source.weak === undefined || Math.abs(contact.timeMs - source.weakMs) > windowMs) {
      source.weak = new DistinctPorts();
      source.weakMs = contact.timeMs;
    }
    source.weak.add(contact.protocol, contact.port, this.#budget);
    if (source.weak.count >= contacts) this.#flag(source, Scorer.Breadth, contact);
  }

  #flag(source: TapSource, by: Scorer, contact: Contact): void {
    if ((this.#allowed & (1 << by)) === 0 || (source.foundBy & (1 << by)) !== 0) return;
    const wasWeak = source.foundBy === 1 << Scorer.Breadth;
    const isFirst = source.flag(by, contact.timeMs);
    this.#explain("found", source, contact, scorerNames[by]);
    if (isFirst || wasWeak) this.#listener.found?.(source, scorerNames[by], contact);
    if (!isFirst) return;
    const wider = this.#wider.offend(source.source, contact.timeMs);
    if (wider !== undefined) this.groups.addWider(wider);
  }

  #explain(what: Step["what"], source: TapSource, contact: Contact, by?: ScorerName): void {
    const { explain } = this.#listener;
    if (explain === undefined || !prefixContains(source.source, explain.source)) return;
    explain.step({ what, source, contact, ...(by !== undefined && { by }) });
  }

  /** Undefined for a source that is never judged. */
  #sourceOf(contact: Contact): TapSource | undefined {
    const { source0, source1, source2, source3 } = contact;
    if (this.#ignored.contains(source0, source1, source2, source3)) {
      this.#ignoredCount++;
      return undefined;
    }
    writeSourceKey(contact, countsByAddress(contact, this.#policy.homes), this.#key);
    const known = this.#touch(contact.timeMs);
    const { refindAfterMs = Number.POSITIVE_INFINITY } = this.#policy;
    if (!known.isFlagged || contact.timeMs - known.lastMs < refindAfterMs) return known;
    this.forget(known.source);
    return this.#touch(contact.timeMs);
  }

  /** Whether the contact is older than the memory of its source. */
  #isForgotten(contact: Contact, nowMs: number): boolean {
    const sinceMs = contact.timeMs;
    contact.timeMs = nowMs;
    const source = this.#sourceOf(contact);
    contact.timeMs = sinceMs;
    return source !== undefined && sinceMs < source.firstMs;
  }

  #touch(timeMs: number): TapSource {
    const { source0, source1, source2, source3, sourceBits } = this.#key;
    return this.#sources.touch(source0, source1, source2, source3, sourceBits, timeMs);
  }

  #hostHash({ host0, host1, host2, host3 }: Contact): number {
    return hashSource(this.#seed, host0, host1, host2, host3, 128);
  }

  /** Tracked now. */
  get size(): number {
    return this.#sources.size;
  }

  /** Undefined if it is not tracked. */
  sourceOf(key: Prefix): TapSource | undefined {
    return this.#sources.find(key);
  }

  get sourceCount(): number {
    return this.#sources.seen;
  }

  /** Sources that were not remembered because the table was full, and scanners among them: missing in the report. */
  get forgotten(): { readonly sources: number; readonly scanners: number } {
    const { evictions, evictedScanners } = this.#sources;
    return { sources: evictions, scanners: evictedScanners };
  }

  /** Contacts of ignored sources, and how often a bound of the scorers was met. */
  get counters() {
    return {
      tapIgnored: this.#ignoredCount,
      tapCoordinatedUntracked: this.#coordinated.untracked,
      tapClustersEvicted: this.#coordinated.evictions,
      tapDecoysUnnamed: this.#decoys.unnamed,
      ...this.groups.counters,
      tapWiderEvicted: this.#wider.evictions,
    };
  }

  scanners(): TapSource[] {
    return this.#sources.flagged();
  }

  shapeOf({ sweep }: TapSource): Shape | undefined {
    return sweep === undefined ? undefined : shapeOf(sweep, this.#policy.sweep);
  }
}

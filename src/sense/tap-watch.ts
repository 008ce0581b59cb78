// The detectors of a mirror port over live frames: made anew when what they judge by changes, bounded, and told the time
// when no packet comes.
import type { Settings } from "../config/settings.ts";
import type { Finding } from "../detect/finding.ts";
import type { HashSeed } from "../detect/keyed-hash.ts";
import { seenNames } from "../detect/tap/contact.ts";
import { TapDetector } from "../detect/tap/tap-detector.ts";
import { DEFAULT_MAX_CONTACTS, DEFAULT_MAX_SOURCES } from "../detect/tap/tap-rules.ts";
import { type ScorerName, scorerNames, type TapSource } from "../detect/tap/tap-source.ts";
import { tapPolicy } from "../policy/tap-policy.ts";
import type { Prefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import { decodeFrame } from "../wire/link.ts";
import { DecodeResult, Packet } from "../wire/packet.ts";
import { tapFinding } from "./tap-finding.ts";

/** Packets wait so long in the ring and the queue at most: before that nobody may call a contact unanswered. */
const LAG_MS = 1_000;
/** A source that was found and then kept quiet for a day is found again. */
const REFIND_AFTER_MS = 86_400_000;

type Found = (finding: Finding, words: readonly [number, number, number, number]) => void;

export class TapWatch {
  readonly #packet = new Packet();
  readonly #seed: HashSeed;
  readonly #maxSources: number;
  #settings: Settings;
  #homes: AddressRanges;
  #detector: TapDetector;
  #found: Found = () => undefined;
  #hasFound = false;
  #undecodable = 0;

  /** `maxSources`: bounds MAX_SOURCES, as a source takes some 2 KB here. */
  constructor(settings: Settings, seed: HashSeed, maxSources: number = DEFAULT_MAX_SOURCES) {
    this.#seed = seed;
    this.#maxSources = Math.min(maxSources, DEFAULT_MAX_SOURCES);
    this.#settings = settings;
    this.#homes = new AddressRanges(settings.tap.homes);
    this.#detector = this.#makeDetector();
  }

  onFound(found: Found): void {
    this.#found = found;
  }

  frame(bytes: Uint8Array, at: number, end: number, linkType: number, timeMs: number): void {
    const packet = this.#packet;
    const result = decodeFrame(linkType, bytes, at, end, packet);
    if (result === DecodeResult.Malformed || result === DecodeResult.Truncated) this.#undecodable++;
    if (packet.family !== 0) this.#detector.see(packet, result, bytes, timeMs);
  }

  tick(nowMs: number): void {
    this.#detector.tick(nowMs - LAG_MS);
  }

  /** Whether anybody was found since it was asked last. */
  takeHasFound(): boolean {
    const had = this.#hasFound;
    this.#hasFound = false;
    return had;
  }

  /** What is remembered stays unless it was judged by other settings; every found source can be found again. */
  reconfigure(settings: Settings): void {
    const homes = settings.tap.homes.length === 0 ? this.#settings.tap.homes : settings.tap.homes;
    const next: Settings = { ...settings, tap: { ...settings.tap, homes } };
    const isSame = judgedBy(next) === judgedBy(this.#settings);
    this.#settings = next;
    this.#homes = new AddressRanges(homes);
    if (isSame) this.#detector.judge.unflagAll();
    else this.#detector = this.#makeDetector();
  }

  setIgnored(ignored: AddressRanges): void {
    this.#detector.judge.setIgnored(ignored);
  }

  forget(source: Prefix): boolean {
    return this.#detector.judge.forget(source);
  }

  sourceOf(key: Prefix): TapSource | undefined {
    return this.#detector.judge.sourceOf(key);
  }

  get homes(): AddressRanges {
    return this.#homes;
  }

  get sources(): number {
    return this.#detector.judge.size;
  }

  get probes(): number {
    const { opens, again } = this.#detector.contactCounters;
    return opens + again;
  }

  get counters(): Readonly<Record<string, number>> {
    const { contactCounters: seen, judge } = this.#detector;
    const { counters, forgotten } = judge;
    const bySeen = seenNames.map((name): [string, number] => [`tap${capitalized(name)}`, seen[name]]);
    return {
      tapPackets: bySeen.reduce((sum, [, count]) => sum + count, 0),
      tapUndecodable: this.#undecodable,
      ...Object.fromEntries(bySeen),
      ...counters,
      tapContactsForgotten: seen.evictions,
      tapContactsDecidedEarly: seen.decidedEarly,
      tapHeldForgotten: seen.heldForgotten,
      tapPairsForgotten: seen.pairsForgotten,
      tapSendersForgotten: seen.sendersForgotten,
      tapSourcesForgotten: forgotten.sources,
      tapScannersForgotten: forgotten.scanners,
    };
  }

  #makeDetector(): TapDetector {
    const settings = this.#settings;
    const limits = {
      maxContacts: DEFAULT_MAX_CONTACTS,
      maxSources: Math.min(settings.maxSources, this.#maxSources),
    };
    const policy = tapPolicy(settings, this.#homes, scorersOf(settings), limits);
    return new TapDetector({ ...policy, refindAfterMs: REFIND_AFTER_MS }, this.#seed, {
      found: (source, by, contact) => {
        this.#hasFound = true;
        const { source0, source1, source2, source3 } = contact;
        this.#found(tapFinding(source, by, contact), [source0, source1, source2, source3]);
      },
    });
  }
}

/** All but the policy that is not in force. */
function scorersOf({ policy }: Settings): ReadonlySet<ScorerName> {
  return new Set(scorerNames.filter((name) => name !== (policy === "score" ? "trigger" : "score")));
}

/** The settings that make another detector, as text. */
function judgedBy({ tap, tcp, udp, maxSources, ...more }: Settings): string {
  const { known, knownScanners, ...rest } = tap;
  const { policy, scanTrigger, scorePorts, scoreWindowMs, slowScorePorts, slowScoreWindowMs } = more;
  const score = { policy, scanTrigger, scorePorts, scoreWindowMs, slowScorePorts, slowScoreWindowMs };
  return JSON.stringify([rest, tcp.tolerated, udp.tolerated, maxSources, score]);
}

function capitalized(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

// What is remembered of a source apart from its blocks: its probes, its part in crowds, its handshakes, what a mirror
// port has shown of it, and whether the sensor holds it. One source is one key here, for every caller.
import type { Clock } from "../base/clock.ts";
import type { Crowds } from "../detect/crowds.ts";
import type { Detector, SourceEvidence } from "../detect/detector.ts";
import type { FirstContacts } from "../detect/first-contacts.ts";
import type { RepeatedProbes } from "../detect/repeated-probes.ts";
import { sourceKeyOf } from "../detect/source-key.ts";
import type { TapSource } from "../detect/tap/tap-source.ts";
import type { TriedOfSource, TriedPorts } from "../detect/tried-ports.ts";
import { nearLinks } from "../host/near.ts";
import type { FinishedHandshakes } from "../judge/proof/finished-handshakes.ts";
import type { Prover } from "../judge/proof/prover.ts";
import type { SilenceCounts } from "../judge/proof/silence-test.ts";
import type { TapHost } from "../sense/tap-host.ts";
import type { Hold } from "../table/kernel-sensor.ts";
import type { Prefix } from "../wire/address.ts";
import type { Change, Follower, InForce } from "./in-force.ts";
import { crowdPolicy } from "./plan.ts";

export interface SourcesParts {
  readonly inForce: Pick<InForce, "settings" | "host" | "near">;
  readonly detector: Detector;
  readonly crowds: Crowds;
  readonly contacts: Pick<FirstContacts, "forget" | "forgetAll">;
  readonly repeated: Pick<RepeatedProbes, "forget" | "forgetAll">;
  readonly tried: Pick<TriedPorts, "of">;
  /** Absent where nobody is proven by silence. */
  readonly prover: Pick<Prover, "counts"> | undefined;
  readonly finished: Pick<FinishedHandshakes, "forget">;
  readonly tap: Pick<TapHost, "forget" | "sourceOf" | "reconfigure"> | undefined;
  readonly hold: Pick<Hold, "isHeld" | "release" | "networksOf" | "releaseNetworks"> | undefined;
  readonly clock: Pick<Clock, "nowMs">;
}

export class Sources implements Follower {
  readonly #parts: SourcesParts;

  constructor(parts: SourcesParts) {
    this.#parts = parts;
  }

  /** The key that a source is counted and blocked by: itself, or the /64 of an IPv6 address beyond our links. */
  keyOf(source: Prefix): Prefix {
    return sourceKeyOf(source, this.#parts.inForce.near);
  }

  /** Forgets a source, so that it can be found again. False if the detector did not track it. */
  reset(source: Prefix): boolean {
    const { tap, finished, crowds, contacts, detector, repeated, clock } = this.#parts;
    tap?.forget(source);
    contacts.forget(source);
    finished.forget(source);
    repeated.forget(source, clock.nowMs());
    crowds.forget(source);
    return detector.reset(source);
  }

  /** Lets a source go from the hold as well: it starts afresh. */
  release(source: Prefix): void {
    const key = this.keyOf(source);
    this.#parts.hold?.release(key);
    this.reset(key);
  }

  /** Lets the networks around a source go from the hold, so that its packets pass until more new sources of them come. */
  releaseNetworks({ w0, w1, w2, w3, bits }: Prefix): void {
    const isOnLink = nearLinks(this.#parts.inForce.host).contains(w0, w1, w2, w3);
    this.#parts.hold?.releaseNetworks({ w0, w1, w2, w3, bits }, isOnLink);
  }

  /** The networks around a source that are held as a whole. */
  heldNetworksOf(source: Prefix): readonly Prefix[] {
    return this.#parts.hold?.networksOf(source) ?? [];
  }

  /** Nothing was done about a found source: it is found again by its next direct probe. */
  letWait(source: Prefix): void {
    const { tap, crowds, contacts, detector } = this.#parts;
    tap?.forget(source);
    contacts.forget(source);
    crowds.forget(source);
    detector.letWait(source);
  }

  /** Something is done about a source that waits. */
  endWait(source: Prefix): void {
    this.#parts.detector.endWait(source);
  }

  /** When the source last sent a probe, or a found network last scanned; undefined if neither is tracked. */
  lastSeenMs(source: Prefix): number | undefined {
    const { detector, crowds } = this.#parts;
    return detector.lastSeenMs(source) ?? crowds.neighbours.lastScanMs(source);
  }

  isHeld(source: Prefix): boolean {
    return this.#parts.hold?.isHeld(source) === true;
  }

  /** What is tracked of a source, as it counts now; undefined if nothing is. */
  evidenceOn(source: Prefix): SourceEvidence | undefined {
    const { detector, clock } = this.#parts;
    return detector.evidenceOn(source, clock.nowMs());
  }

  /** The ports that a source has tried, blocked or not. */
  triedBy(source: Prefix): TriedOfSource | undefined {
    return this.#parts.tried.of(source);
  }

  /** What the silence test has come to with a source that it tests. */
  silenceOf(source: Prefix): SilenceCounts | undefined {
    return this.#parts.prover?.counts(source);
  }

  /** The kinds of tolerated ports that a source has tried lately. */
  habitsOf(source: Prefix): string[] {
    const { crowds, clock } = this.#parts;
    return crowds.habitsOf(source, clock.nowMs());
  }

  /** What a mirror port has shown of a source. */
  tapSourceOf(source: Prefix): TapSource | undefined {
    return this.#parts.tap?.sourceOf(source);
  }

  follow({ settings, host }: Change): void {
    const { inForce, tap, detector, crowds, contacts, repeated } = this.#parts;
    if (settings !== undefined) {
      tap?.reconfigure(settings);
      detector.setPolicy(settings);
      crowds.setPolicy(crowdPolicy(settings));
      // A source that was only logged until now must be found again to be blocked.
      detector.resetAll();
      crowds.unflagAll();
      contacts.forgetAll();
      repeated.forgetAll();
    }
    if (settings === undefined && host === undefined) return;
    detector.setNear(inForce.near);
    crowds.setNear(nearLinks(inForce.host));
  }
}

// A mirror port: frames from the packet ring, through the decoders, to the detectors that learn from both sides how each
// contact ends. Nothing is asked of this host's kernel, nothing is held, and what is found is a claim. Needs CAP_NET_RAW.
import { getHeapStatistics } from "node:v8";
import type { Clock } from "../base/clock.ts";
import type { PacketSink, PacketSource } from "../capture/packet-source.ts";
import { RingSource } from "../capture/ring/ring.ts";
import type { InterfaceChoice } from "../capture/ring/ring-interfaces.ts";
import type { Settings } from "../config/settings.ts";
import type { Finding } from "../detect/finding.ts";
import { randomSeed } from "../detect/keyed-hash.ts";
import type { TapSource } from "../detect/tap/tap-source.ts";
import type { KernelSensor } from "../table/kernel-sensor.ts";
import { COPY_BYTES } from "../table/log-rules.ts";
import type { RulesetPlan } from "../table/ruleset-plan.ts";
import type { Prefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import { TapWatch } from "./tap-watch.ts";

/** No packet waits longer to be read. */
const MAX_WAIT_MS = 10_000;
/** Twice what one takes: a flood of forged sources must not end the daemon where memory is small. */
const HEAP_BYTES_A_SOURCE = 4_096;

export interface TapHostOptions {
  readonly settings: Settings;
  readonly interfaces: InterfaceChoice;
  readonly clock: Clock;
  readonly say: (message: string) => void;
}

export class TapHost implements PacketSource, KernelSensor {
  readonly name = "ring";
  readonly #source: RingSource;
  readonly #watch: TapWatch;
  readonly #clock: Clock;
  /** The time of the delivery that is being walked; 0 when none is. */
  #nowMs = 0;
  #sink: PacketSink | undefined;

  /** Throws KernelError. */
  constructor({ settings, interfaces, clock, say }: TapHostOptions) {
    this.#clock = clock;
    const maxSources = Math.floor(getHeapStatistics().heap_size_limit / HEAP_BYTES_A_SOURCE);
    this.#watch = new TapWatch(settings, randomSeed(), maxSources);
    this.#source = new RingSource({
      interfaces,
      // With data segments: without them an accepted SYN looks like a half-open scan's, and an old connection like ACKs.
      filter: { mode: "tap", passBulk: true },
      snapBytes: COPY_BYTES,
      report: {
        gone: (name) => say(`interface ${name} is not there: its packets are not seen until it is`),
        back: (name) => say(`interface ${name} is there: its packets are seen`),
      },
    });
  }

  /** Findings go to `found` of onFound(); the sink is told when there were some. */
  start(sink: PacketSink, onError: (error: unknown) => void): void {
    this.#sink = sink;
    const watch = this.#watch;
    this.#source.startTap(
      {
        frame: (bytes, at, end, linkType, timeMs) => watch.frame(bytes, at, end, linkType, this.#timeOf(timeMs)),
        batchEnd: () => {
          this.#nowMs = 0;
          this.#tellSink();
        },
      },
      onError,
    );
  }

  onFound(found: (finding: Finding, words: readonly [number, number, number, number]) => void): void {
    this.#watch.onFound(found);
  }

  /** Once a second: contacts that wait for an answer must end although no packet comes. */
  tick(): void {
    this.#watch.tick(this.#clock.nowMs());
    this.#tellSink();
  }

  /** The kernel stamps a packet with the wall clock, which may have been set before the packet is read. */
  #timeOf(wallMs: number): number {
    if (this.#nowMs === 0) this.#nowMs = this.#clock.nowMs();
    return Math.min(this.#nowMs, Math.max(this.#nowMs - MAX_WAIT_MS, this.#clock.ofWallMs(wallMs)));
  }

  #tellSink(): void {
    if (this.#watch.takeHasFound()) this.#sink?.batchEnd();
  }

  /** Takes new settings into force; HOME_NETWORKS that came or went are for the next start. */
  reconfigure(settings: Settings): void {
    this.#watch.reconfigure(settings);
  }

  get homes(): AddressRanges {
    return this.#watch.homes;
  }

  /** Probes and sources, for `status`. */
  get probes(): number {
    return this.#watch.probes;
  }

  get sources(): number {
    return this.#watch.sources;
  }

  sourceOf(key: Prefix): TapSource | undefined {
    return this.#watch.sourceOf(key);
  }

  forget(source: Prefix): boolean {
    return this.#watch.forget(source);
  }

  /** Nothing stands that would have to be replaced. */
  load(plan: RulesetPlan): boolean {
    this.follow(plan);
    return false;
  }

  follow(plan: RulesetPlan): void {
    this.#watch.setIgnored(new AddressRanges(plan.ignored));
  }

  get lost(): number {
    return this.#source.lost;
  }

  get trouble(): string {
    return this.#source.trouble;
  }

  get malformed(): number {
    return this.#source.malformed;
  }

  get counters(): Readonly<Record<string, number>> {
    return { ...this.#source.counters, ...this.#watch.counters };
  }

  close(): void {
    this.#source.close();
  }
}

// With PROTECT: contacts with hosts behind this one that got no answer at all, as connection tracking tells when it forgets them,
// go to the sequential test. Nothing is held for them. Public and tolerated ports, known customers and what this host has
// translated are left out. Looked at once a second.
import type { Troubles } from "../base/troubles.ts";
import type { Settings } from "../config/settings.ts";
import type { Finding } from "../detect/finding.ts";
import { SilentHosts } from "../detect/silent-hosts.ts";
import { besideKey, sourceKeyOf } from "../detect/source-key.ts";
import type { Flow } from "../kernel/conntrack.ts";
import { ConntrackEnds } from "../kernel/conntrack-ends.ts";
import { KernelError } from "../kernel/errors.ts";
import { sequentialPolicy } from "../policy/tap-policy.ts";
import type { Prefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { PortRange } from "../wire/port-range.ts";

/** Ends that are looked at in a second; further ones wait in the socket, and what does not fit there is not told. */
const ENDS_PER_SECOND = 2_000;
const TOPIC = "PROTECT: hosts that drop";

export interface SilentWatchParts {
  readonly settings: () => Settings;
  readonly near: () => AddressRanges;
  readonly nowMs: () => number;
  /** Whether a source has finished a real connection lately. */
  readonly isClient: (source: Prefix) => boolean;
  readonly found: (finding: Finding, words: readonly [number, number, number, number]) => void;
  readonly troubles: Pick<Troubles, "set" | "clear">;
  readonly open?: () => Pick<ConntrackEnds, "read" | "close" | "overruns">;
}

export class SilentWatch {
  readonly #parts: SilentWatchParts;
  readonly #silent = new SilentHosts();
  #ends: Pick<ConntrackEnds, "read" | "close" | "overruns"> | undefined;
  /** Of sockets that are closed. */
  #overrunsBefore = 0;
  #protects: readonly Prefix[] = [];
  #behind = new AddressRanges([]);

  constructor(parts: SilentWatchParts) {
    this.#parts = parts;
  }

  get counters() {
    return { ...this.#silent.counters, silentOverruns: this.#overrunsBefore + (this.#ends?.overruns ?? 0) };
  }

  tick(): void {
    const { protect } = this.#parts.settings();
    if (protect !== this.#protects) this.#follow(protect);
    this.#ends?.read(ENDS_PER_SECOND, (flow) => this.#note(flow));
  }

  close(): void {
    this.#overrunsBefore = this.counters.silentOverruns;
    this.#ends?.close();
    this.#ends = undefined;
  }

  #follow(protect: readonly Prefix[]): void {
    this.#protects = protect;
    this.#behind = new AddressRanges(protect);
    if (protect.length === 0) this.close();
    else if (this.#ends === undefined) this.#listen();
  }

  #listen(): void {
    const { open = () => new ConntrackEnds(), troubles } = this.#parts;
    try {
      this.#ends = open();
      troubles.clear(TOPIC);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      troubles.set(TOPIC, `PROTECT: contacts that protected hosts leave unanswered are not seen: ${error.message}`);
    }
  }

  #note({ source, destination, protocol, destinationPort: port }: Flow): void {
    if (protocol !== IpProtocol.Tcp || !this.#isBehind(destination) || this.#isBehind(source)) return;
    const { settings, near, nowMs, isClient, found } = this.#parts;
    const { tcp } = settings();
    if (isIn(tcp.publicPorts, port) || isIn(tcp.tolerated, port) || !isIn(tcp.watched, port)) return;
    const key = sourceKeyOf(source, near());
    if (isClient(key)) return;
    const finding = this.#silent.note(
      { source: key, host: destination, port, timeMs: nowMs() },
      sequentialPolicy(settings()),
    );
    if (finding === undefined) return;
    const { w0, w1, w2, w3 } = source;
    const beside = besideKey(key, { source0: w0, source1: w1, source2: w2, source3: w3 });
    found({ ...finding, ...beside }, [w0, w1, w2, w3]);
  }

  #isBehind({ w0, w1, w2, w3 }: Prefix): boolean {
    return this.#behind.contains(w0, w1, w2, w3);
  }
}

function isIn(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some(({ first, last }) => first <= port && port <= last);
}

// Which of this host's own addresses and containers scans others: many ports of one host that fail, or one port of many hosts of which
// hardly any accepts (the sequential test of tap/sequential.ts, once for each service). What must not be found asks one port of many peers,
// of whom four of five are gone (a blockchain's), any port of any peer (a torrent's), or asks ports again that it has reached before, of which
// the kernel does not tell.
import { formatPrefix, type Prefix } from "../../wire/address.ts";
import { IpProtocol } from "../../wire/packet.ts";
import { Outcome } from "../tap/contact.ts";
import { deriveLimits, newSequentialState, type SequentialState, takeOutcome } from "../tap/sequential.ts";
import type { Decided, OutgoingContact } from "./outgoing-contacts.ts";
import { TwoTiers } from "./two-tiers.ts";

/** Different failing ports of one host within PORTS_WINDOW_MS. */
export const SCAN_PORTS = 32;
const PORTS_WINDOW_MS = 300_000;
/** A tenth of them: from here on it is asked who asks. */
const SUSPECT_PORTS = 4;
/**
 * P(a first contact succeeds | peers of whom most are gone), and of a scanner. Without a success 84 failures are found; each success takes
 * off ten. Failures that come more slowly than one in 40 s take less than nothing.
 */
const limits = deriveLimits({
  ...{ theta0: 0.2, theta1: 0.03, alpha: 1e-7, beta: 0.99 },
  ...{ lambda0PerSecond: 1 / 600, lambda1PerSecond: 1 / 10, rateGain: 0 },
});
/** Hosts that have failed are told apart up to here, so that a monitor that asks the dead again finds nothing new. */
const MAX_FAILED_HOSTS = 512;
/** What has failed longer ago than this is not remembered. */
const FORGET_MS = 3_600_000;
const NEWCOMERS = 8_192;
const KEPT = 1_024;
/** This much of the way shows that a key is no newcomer any more. */
const KEEP_FROM = 3;
/** Origins and shapes that scan at a time; of further ones nothing is told. */
const MAX_SCANS = 64;
/** A scan is over when so long no contact of it has failed. */
const END_MS = 120_000;

export type ScanShape = "ports" | "hosts";

/** A scan by one of our own addresses. */
export interface OutgoingScan {
  readonly origin: Prefix;
  /** "ports": many ports of a host. "hosts": one port of many hosts. */
  readonly shape: ScanShape;
  /** Where it was found: the host whose ports are asked, or one of the hosts. */
  readonly remote: Prefix;
  readonly protocol: number;
  /** The port that many hosts are asked for, or the last one. */
  readonly port: number;
  readonly sinceMs: number;
  lastMs: number;
  /** Contacts that failed, of those that the kernel tells. */
  failures: number;
  /** Of all that were told until it was found. */
  contacts: number;
}

interface Service {
  readonly state: SequentialState;
  readonly failedHosts: Set<string>;
  /** Of the latest failure. */
  lastMs: number;
}

interface Remote {
  readonly ports: Set<number>;
  sinceMs: number;
}

export class OutgoingScans {
  readonly #counters = { outgoingScans: 0, outgoingScansUntold: 0 };
  readonly #services = new TwoTiers<Service>(NEWCOMERS, KEPT);
  readonly #remotes = new TwoTiers<Remote>(NEWCOMERS, KEPT);
  /** By origin and shape. */
  readonly #scans = new Map<string, OutgoingScan>();

  get counters() {
    return { ...this.#counters, outgoingEvicted: this.#services.evicted + this.#remotes.evicted };
  }

  /** What an outcome has brought: a scan that was not known. */
  note({ contact, outcome }: Decided): OutgoingScan | undefined {
    const isFailure = outcome === Outcome.Refused || outcome === Outcome.Unanswered;
    const isHosts = contact.protocol === IpProtocol.Tcp && this.#noteService(contact, outcome, isFailure);
    const isPorts = isFailure && this.#notePort(contact);
    const hosts = isHosts && isFailure ? this.#found("hosts", contact) : undefined;
    return (isPorts ? this.#found("ports", contact) : undefined) ?? hosts;
  }

  /** Whether it is worth to ask which process has sent this: its like have failed. */
  isSuspect(contact: OutgoingContact): boolean {
    if (this.#scans.size > 0 && this.current.some(({ origin }) => isSame(origin, contact.origin))) return true;
    const service = this.#services.get(serviceKey(contact));
    if (service !== undefined && service.state.walk >= limits.threshold / 2) return true;
    return (this.#remotes.get(remoteKey(contact))?.ports.size ?? 0) >= SUSPECT_PORTS;
  }

  /** Those that go on now. */
  get current(): readonly OutgoingScan[] {
    return [...this.#scans.values()];
  }

  /** Those that have ended since the last call. */
  takeEnded(nowMs: number): OutgoingScan[] {
    const ended = this.current.filter(({ lastMs }) => nowMs - lastMs >= END_MS);
    for (const scan of ended) this.#scans.delete(scanKey(scan.origin, scan.shape));
    return ended;
  }

  #found(shape: ScanShape, contact: OutgoingContact): OutgoingScan | undefined {
    const { origin, remote, protocol, port, timeMs } = contact;
    const key = scanKey(origin, shape);
    const known = this.#scans.get(key);
    if (known !== undefined) {
      known.failures++;
      known.lastMs = Math.max(known.lastMs, timeMs);
      return undefined;
    }
    if (this.#scans.size >= MAX_SCANS) {
      this.#counters.outgoingScansUntold++;
      return undefined;
    }
    const state = this.#services.get(serviceKey(contact))?.state;
    const ports = this.#remotes.get(remoteKey(contact))?.ports.size ?? 0;
    const isPorts = shape === "ports";
    const scan: OutgoingScan = {
      ...{ origin, shape, remote, protocol, port, sinceMs: timeMs, lastMs: timeMs },
      failures: isPorts ? ports : (state?.failures ?? 0),
      contacts: isPorts ? ports : (state?.contacts ?? 0),
    };
    this.#counters.outgoingScans++;
    this.#scans.set(key, scan);
    return scan;
  }

  /** Whether the service of the contact is asked as only a scan does. */
  #noteService(contact: OutgoingContact, outcome: Outcome, isFailure: boolean): boolean {
    const key = serviceKey(contact);
    let service = this.#services.get(key);
    if (service !== undefined && contact.timeMs - service.lastMs > (hasScanned(service) ? END_MS : FORGET_MS)) {
      this.#services.delete(key);
      service = undefined;
    }
    if (service === undefined) {
      // A success pays for failures that there were, and there are none.
      if (!isFailure) return false;
      service = { state: newSequentialState(contact.timeMs), failedHosts: new Set(), lastMs: contact.timeMs };
      this.#services.add(key, service);
    }
    if (isFailure) {
      service.lastMs = Math.max(service.lastMs, contact.timeMs);
      const host = formatPrefix(contact.remote);
      if (service.failedHosts.has(host)) return hasScanned(service);
      if (service.failedHosts.size < MAX_FAILED_HOSTS) service.failedHosts.add(host);
    }
    const isScan = takeOutcome(service.state, { ...contact, outcome }, limits);
    if (service.failedHosts.size >= KEEP_FROM) this.#services.keep(key, service);
    return isScan;
  }

  #notePort(contact: OutgoingContact): boolean {
    const key = remoteKey(contact);
    let remote = this.#remotes.get(key);
    if (remote === undefined) {
      remote = { ports: new Set(), sinceMs: contact.timeMs };
      this.#remotes.add(key, remote);
    }
    if (contact.timeMs - remote.sinceMs > PORTS_WINDOW_MS) {
      remote.ports.clear();
      remote.sinceMs = contact.timeMs;
    }
    // Beyond that nothing depends on which they are.
    if (remote.ports.size < SCAN_PORTS) remote.ports.add((contact.protocol << 16) | contact.port);
    if (remote.ports.size >= KEEP_FROM) this.#remotes.keep(key, remote);
    return remote.ports.size >= SCAN_PORTS;
  }
}

function hasScanned({ state }: Service): boolean {
  return state.walk >= limits.threshold;
}

function isSame(a: Prefix, b: Prefix): boolean {
  return a.w3 === b.w3 && a.w2 === b.w2 && a.w1 === b.w1 && a.w0 === b.w0;
}

function scanKey(origin: Prefix, shape: ScanShape): string {
  return `${shape} ${formatPrefix(origin)}`;
}

function serviceKey({ origin, protocol, port }: OutgoingContact): string {
  return `${formatPrefix(origin)} ${protocol} ${port}`;
}

function remoteKey({ origin, remote }: OutgoingContact): string {
  return `${formatPrefix(origin)} ${formatPrefix(remote)}`;
}

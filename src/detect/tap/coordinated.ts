// Coordinated scans: many sources of one fingerprint that share out the ports of a host, or the hosts of a service, with
// so little overlap that independent sources would have done so by chance only (Gates, NDSS 2009: maximal coverage,
// minimal overlap). Each of them alone may be below every other threshold.
import type { Prefix } from "../../wire/address.ts";
import { type HashSeed, hashSource } from "../keyed-hash.ts";
import {
  chanceOfRepeats,
  createPortPopularity,
  expectedHostRepeats,
  expectedPortRepeats,
  type PortPopularity,
} from "./chance-overlap.ts";
import type { Cluster } from "./cluster.ts";
import { ClusterTable } from "./cluster-table.ts";
import { type Contact, Outcome } from "./contact.ts";

export interface CoordinatedPolicy {
  readonly minMembers: number;
  /** The share of a member's probes that may repeat probes of another member. */
  readonly maxOverlap: number;
  /** False alarms of one cluster: P(independent sources overlap so little). */
  readonly alpha: number;
  /** The share of independent probes that go to just any port; the others go by popularity (Zipf). */
  readonly uniformShare: number;
  /** Addresses that independent sources choose from: those of --home, or as many as a network may have. */
  readonly homeAddresses: number;
  /** How long a cluster may take; then it begins anew. */
  readonly windowMs: number;
  /** Clusters watched at a time. */
  readonly capacity: number;
}

/** Where the numbers come from: docs/reference/detection.md, "Coordinated scans". */
export const DEFAULT_COORDINATED: CoordinatedPolicy = {
  minMembers: 3,
  maxOverlap: 0.1,
  alpha: 1e-6,
  uniformShare: 0.5,
  homeAddresses: 65_536,
  windowMs: 21_600_000,
  capacity: 1_024,
};

/** Grows with its cluster, further members included, until the cluster's time is over. */
export class CoordinatedFinding {
  readonly fingerprint: number;
  readonly space: "ports" | "hosts";
  /** The host, if ports were shared out. */
  readonly host: Prefix | undefined;
  /** The service, if hosts were: the port is 0 otherwise, the protocol that of the probe that decided. */
  readonly protocol: number;
  readonly port: number;
  /** In the order in which they came, MAX_MEMBERS at most. */
  readonly members: readonly Prefix[];
  readonly firstMs: number;
  readonly timeMs: number;
  /** Distinct ports or hosts, and probes of them; a repeated probe by the same source is none. */
  elements = 0;
  probes = 0;
  /** The share of the probes that repeat probes of another member, 0..1. */
  overlap = 0;
  /** Distinct elements among all from the lowest to the highest, 0..1. */
  coverage = 0;

  constructor(cluster: Cluster, contact: Contact, fingerprint: number, space: "ports" | "hosts") {
    const { host0, host1, host2, host3, protocol, port } = contact;
    this.fingerprint = fingerprint;
    this.space = space;
    this.host = space === "ports" ? { w0: host0, w1: host1, w2: host2, w3: host3, bits: HOST_BITS } : undefined;
    this.protocol = protocol;
    this.port = space === "ports" ? 0 : port;
    this.members = cluster.members;
    this.firstMs = cluster.startMs;
    this.timeMs = contact.timeMs;
    this.update(cluster);
  }

  update(cluster: Cluster): void {
    this.elements = cluster.elements;
    this.probes = cluster.pairs;
    this.overlap = cluster.repeats / cluster.pairs;
    this.coverage = Math.min(1, cluster.elements / (cluster.highest - cluster.lowest + 1));
  }
}

/** A cluster is judged whenever it has grown by so much: it costs some microseconds, and each look is a risk. */
const GROWTH = 1 / 32;
const HOST_BITS = 128;
/** No address has so many: keeps services and hosts apart. */
const SERVICE_BITS = 255;

export class CoordinatedScans {
  readonly #policy: CoordinatedPolicy;
  readonly #seed: HashSeed;
  readonly #popularity: PortPopularity;
  readonly #clusters: ClusterTable;
  /** Probes that a full cluster could not take. */
  untracked = 0;

  constructor(parts: { readonly policy: CoordinatedPolicy; readonly seed: HashSeed }) {
    const { alpha, capacity, homeAddresses, maxOverlap, minMembers, uniformShare, windowMs } = parts.policy;
    const isShares = alpha > 0 && alpha < 1 && maxOverlap >= 0 && maxOverlap < 1;
    if (!isShares || !(minMembers >= 2 && homeAddresses >= 2 && uniformShare >= 0 && uniformShare < 1)) {
      throw new RangeError(`coordinated scans: no such policy: ${JSON.stringify(parts.policy)}`);
    }
    this.#policy = parts.policy;
    this.#seed = parts.seed;
    this.#popularity = createPortPopularity(uniformShare);
    this.#clusters = new ClusterTable(capacity, windowMs);
  }

  /** Clusters that had to make room for another one before their time was over. */
  get evictions(): number {
    return this.#clusters.evictions;
  }

  /**
   * Takes a contact whose outcome has become known. `fingerprint` is the number that the probes of one tool have in common; give
   * none of those that operating systems share by the million. A finding once for each cluster and window.
   */
  note(contact: Contact, source: Prefix, fingerprint: number): CoordinatedFinding | undefined {
    if (contact.outcome === Outcome.Accepted || contact.outcome === Outcome.Pending) return undefined;
    const { host0, host1, host2, host3, protocol, port } = contact;
    const service = (protocol << 16) | port;
    const hostHash = hashSource(this.#seed, host0, host1, host2, host3, HOST_BITS);
    const serviceHash = hashSource(this.#seed, service, 0, 0, 0, SERVICE_BITS);
    const sourceHash = hashSource(this.#seed, source.w0, source.w1, source.w2, source.w3, source.bits);
    // One after the other: the second look-up may take the place of the first one's cluster.
    const ofHost = this.#clusters.of(hostHash, fingerprint, contact.timeMs);
    this.#take(ofHost, ofHost.add(sourceHash, source, service, port), contact.timeMs);
    const ports = this.#isShared(ofHost, "ports") ? this.#open(ofHost, contact, fingerprint, "ports") : undefined;
    const ofService = this.#clusters.of(serviceHash, fingerprint, contact.timeMs);
    this.#take(ofService, ofService.add(sourceHash, source, hostHash, host3), contact.timeMs);
    if (ports !== undefined) return ports;
    return this.#isShared(ofService, "hosts") ? this.#open(ofService, contact, fingerprint, "hosts") : undefined;
  }

  #open(cluster: Cluster, contact: Contact, fingerprint: number, space: "ports" | "hosts"): CoordinatedFinding {
    const finding = new CoordinatedFinding(cluster, contact, fingerprint, space);
    cluster.finding = finding;
    return finding;
  }

  /** Whether so few repeats are no chance. */
  #isShared(cluster: Cluster, space: "ports" | "hosts"): boolean {
    const { alpha, homeAddresses, maxOverlap, minMembers } = this.#policy;
    const { pairs, repeats, squares } = cluster;
    if (cluster.finding !== undefined || pairs < cluster.judgeAt || cluster.members.length < minMembers) return false;
    cluster.judgeAt = pairs + Math.ceil(pairs * GROWTH);
    if (repeats > maxOverlap * pairs) return false;
    // As many equal sources as have the same sum and squares: one large source and a few small ones are hardly two.
    const sources = (pairs * pairs) / squares;
    const probes = squares / pairs;
    const mean =
      space === "ports"
        ? expectedPortRepeats(this.#popularity, sources, probes)
        : expectedHostRepeats(homeAddresses, sources, probes);
    return chanceOfRepeats(repeats, mean) <= Math.log(alpha);
  }

  #take(cluster: Cluster, isTaken: boolean, timeMs: number): void {
    if (!isTaken) {
      this.untracked++;
      return;
    }
    cluster.lastMs = Math.max(cluster.lastMs, timeMs);
    cluster.finding?.update(cluster);
  }
}

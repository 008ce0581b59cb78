// What the rules have learned from packets and a restart must not lose: known pairs and whose they are, lately
// open ports, guarded peers.
// Reads these sets without stalling the event loop, and puts back what the kernel does not hold.
import { dumpElements } from "../kernel/element-dump.ts";
import type { ElementChange } from "../kernel/nf-elements.ts";
import type { NfTables } from "../kernel/nf-tables.ts";
import { isIpv4, type Prefix } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import { KnownPairs } from "./known-pairs.ts";
import { RestoredPorts } from "./restored-ports.ts";
import { TABLE } from "./ruleset-plan.ts";
import { keyBytes, sourceOfKey } from "./set-key.ts";
import { sets } from "./sets.ts";

/** The learned sets of sets.ts in the order of the file that keeps them: its numbers (learned-file.ts). */
export const learnedSetNames = [
  "known4",
  "known6",
  // Of files that were written when a port was remembered without an address.
  "everywhere",
  "client4",
  "client6",
  "knownu4",
  "knownu6",
  "lately4",
  "lately6",
  // Of hosts behind this one (PROTECT).
  "visit4",
  "visit6",
  "behind4",
  "behind6",
  "visitu4",
  "visitu6",
] as const;
export type LearnedSet = (typeof learnedSetNames)[number];

export interface LearnedElement {
  readonly set: LearnedSet;
  readonly key: Uint8Array;
  readonly untilMs: number;
}

/** A peer that the kernel guards, and until when if it does not answer us again. */
export interface GuardedPeer {
  readonly source: Prefix;
  readonly untilMs: number;
}

/**
 * The facts that a sensor learns about this host from its packets: the hosts that it asks, and the customers that it
 * serves.
 */
export interface Learning {
  /** Elements that were not taken back, as there was no room; absent where there always is. */
  readonly refused?: number;
  /**
   * Known pairs: the sources that have finished a real connection, and the port of each. Absent where they are not
   * learned.
   */
  readonly clients?: Pick<KnownPairs, keyof KnownPairs>;
  /** Everything that is to survive a restart; the key is valid during the visit only. Rejects with KernelError. */
  visit(visit: (set: LearnedSet, key: Uint8Array, untilMs: number) => void, pause: () => Promise<void>): Promise<void>;
  /**
   * Adds what is not there; what is there keeps its own, newer time. What was served at an address that is none of `own` any
   * more counts at every one. Returns how many were taken.
   */
  restore(elements: Iterable<LearnedElement>, own: AddressRanges): number;
  /**
   * Guards the other ends of connections that are older than the sensor, and lets each further answer of theirs prolong
   * that. Returns how many were taken.
   */
  addPeers(flows: readonly OpenedFlow[], guardMs: number): number;
  /** Whether this address is guarded as a peer. Throws KernelError. */
  isPeer(address: Prefix): boolean;
  /** At most 65,536 of each family. Throws KernelError. */
  peers(): GuardedPeer[];
}

/** Elements in one transaction: 40 bytes and some 2 us each. */
const BATCH = 4_000;

/** A flow that this host began, as connection tracking has it. */
export interface OpenedFlow {
  readonly destination: Prefix;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** A flow in the form in which the rules remember it. */
const FLOW_MS = 600_000;

export class LearnedSets implements Learning {
  readonly #tables: Pick<NfTables, "insert" | "lookup" | "visitElements">;
  readonly #nowMs: () => number;
  readonly #dump: typeof dumpElements;
  /** Elements that the kernel did not take back: a set that is full. */
  refused = 0;
  readonly clients: KnownPairs;

  constructor(tables: Pick<NfTables, "insert" | "lookup" | "visitElements">, nowMs: () => number, dump = dumpElements) {
    this.#tables = tables;
    this.#dump = dump;
    this.#nowMs = nowMs;
    this.clients = new KnownPairs(tables);
  }

  async visit(
    visit: (set: LearnedSet, key: Uint8Array, untilMs: number) => void,
    pause: () => Promise<void>,
  ): Promise<void> {
    for (const set of learnedSetNames) {
      const visitOne = (key: Buffer, expiresInMs: number | undefined) => {
        if (expiresInMs !== undefined) visit(set, key, this.#nowMs() + expiresInMs);
      };
      await this.#dump({ table: TABLE, set }, visitOne, pause);
    }
  }

  restore(elements: Iterable<LearnedElement>, own: AddressRanges): number {
    const nowMs = this.#nowMs();
    const served = new RestoredPorts(own);
    let taken = 0;
    let part: ElementChange[] = [];
    for (const { set, key, untilMs } of elements) {
      if (untilMs <= nowMs || served.take(set, key, untilMs)) continue;
      part.push({ set, key, timeoutMs: Math.ceil(untilMs - nowMs) });
      if (part.length < BATCH) continue;
      taken += this.#insert(part);
      part = [];
    }
    const ports = served.elements().map(({ set, key, untilMs }) => {
      return { set, key, timeoutMs: Math.ceil(untilMs - nowMs) };
    });
    return taken + this.#insert(part) + this.#insert(ports);
  }

  addPeers(flows: readonly OpenedFlow[], guardMs: number): number {
    const known = new Map(flows.map((flow) => [JSON.stringify(flow.destination), flow.destination]));
    const peers = [...known.values()].map((peer) => ({ ...placeOfPeer(peer), timeoutMs: guardMs }));
    const opened = flows.map((flow) => ({
      set: isIpv4(flow.destination) ? "flows4" : "flows6",
      key: flowKey(flow),
      timeoutMs: FLOW_MS,
    }));
    return this.#insert(peers) + this.#insert(opened);
  }

  #insert(changes: readonly ElementChange[]): number {
    let taken = 0;
    for (let at = 0; at < changes.length; at += BATCH) {
      const part = changes.slice(at, at + BATCH);
      if (this.#tables.insert(part) === "") taken += part.length;
      else this.refused += part.length;
    }
    return taken;
  }

  isPeer(address: Prefix): boolean {
    const { set, key } = placeOfPeer(address);
    return this.#tables.lookup(set, key).present;
  }

  peers(): GuardedPeer[] {
    const peers: GuardedPeer[] = [];
    for (const set of ["peer4", "peer6"]) {
      this.#tables.visitElements(set, (key, expiresInMs) => {
        const source = addressOfKey(key);
        if (source !== undefined) peers.push({ source, untilMs: this.#nowMs() + (expiresInMs ?? 0) });
      });
    }
    return peers;
  }
}

export const maxPeers = sets.peer.size;

/** Key of `flows4` and `flows6`: address . inet_proto . its port . our port, each part padded to four bytes. */
function flowKey({ destination, protocol, sourcePort, destinationPort }: OpenedFlow): Uint8Array {
  const ports = [destinationPort, sourcePort].flatMap((port) => [port >>> 8, port & 255, 0, 0]);
  return Uint8Array.from([...keyBytes(destination), protocol, 0, 0, 0, ...ports]);
}

function placeOfPeer(address: Prefix): { readonly set: string; readonly key: Uint8Array } {
  return { set: isIpv4(address) ? "peer4" : "peer6", key: keyBytes(address) };
}

/** Always a single address: a peer is never a /64. */
function addressOfKey(key: Uint8Array): Prefix | undefined {
  const source = sourceOfKey(key);
  return source === undefined ? undefined : { ...source, bits: 128 };
}

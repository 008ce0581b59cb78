// Live capture by the packet ring: the source of packets, and the sensor that judges them in this process. Needs
// CAP_NET_RAW and no other right.
import { networkInterfaces } from "node:os";
import type { PacketSink, PacketSource } from "../capture/packet-source.ts";
import { MAX_SERVED_UDP } from "../capture/ring/probe-filter.ts";
import { type RingFilter, RingSource } from "../capture/ring/ring.ts";
import type { InterfaceChoice } from "../capture/ring/ring-interfaces.ts";
import { randomSeed } from "../detect/keyed-hash.ts";
import { SocketLookup } from "../kernel/socket-lookup.ts";
import type { Delegation, KernelSensor, ServedPorts } from "../table/kernel-sensor.ts";
import { COPY_BYTES } from "../table/log-rules.ts";
import type { RulesetPlan } from "../table/ruleset-plan.ts";
import { type Prefix, parseAddress, prefixOfWords } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import { IpProtocol, Packet } from "../wire/packet.ts";
import { PortState } from "./port-state.ts";
import { RingLearning } from "./ring-learning.ts";
import { RingSensor } from "./ring-sensor.ts";

export interface RingHostOptions {
  readonly interfaces: InterfaceChoice;
  readonly ephemeral: RulesetPlan["ephemeral"];
  readonly guardMs: number;
  readonly nowMs: () => number;
  readonly say: (message: string) => void;
}

const NO_RANGE = { first: 65_536, last: 65_536 } as const;

export class RingHost implements PacketSource, KernelSensor {
  readonly name = "ring";
  readonly #source: RingSource;
  readonly #sockets = new SocketLookup();
  readonly #ports = new PortState(this.#sockets);
  readonly #sensor: RingSensor;
  readonly #nowMs: () => number;
  readonly learned: RingLearning;
  readonly delegation: Delegation;
  readonly served: ServedPorts = {
    remember: (ports, latelyOpenMs) => {
      for (const one of ports) this.#sensor.memory.served.note(one, latelyOpenMs, this.#nowMs());
      this.#refilter();
      return "";
    },
  };
  #filter: RingFilter & { readonly mode: "host" };
  #filterText = "";

  /** Throws KernelError. */
  constructor({ interfaces, ephemeral, guardMs, nowMs, say }: RingHostOptions) {
    this.#nowMs = nowMs;
    const seed = randomSeed();
    this.#sensor = new RingSensor({ ports: this.#ports, seed, nowMs });
    const { memory } = this.#sensor;
    this.learned = new RingLearning(memory, nowMs);
    this.delegation = {
      delegate: ({ source, untilMs = Number.POSITIVE_INFINITY }) => {
        memory.delegate(source, untilMs, nowMs());
        return "";
      },
      undelegate: (source) => memory.undelegate(source),
    };
    this.#filter = { mode: "host", ephemeral: ephemeral ?? NO_RANGE, servedUdp: [] };
    try {
      this.#source = new RingSource({
        interfaces,
        filter: this.#filter,
        snapBytes: COPY_BYTES,
        report: {
          gone: (name) => say(`interface ${name} is not there: its packets are not seen until it is`),
          back: (name) => say(`interface ${name} is there: its packets are seen`),
        },
      });
      this.#learnStanding(guardMs);
    } catch (error) {
      this.#sockets.close();
      throw error;
    }
  }

  start(sink: PacketSink, onError: (error: unknown) => void): void {
    this.#source.start(this.#sensor.into(sink), onError);
  }

  /** Connections that stand: their other ends are peers if we opened them; connected UDP sockets are questions. */
  #learnStanding(guardMs: number): void {
    const nowMs = this.#nowMs();
    const served = new Set<number>();
    this.#sockets.listServed(({ protocol, local }) => protocol === IpProtocol.Tcp && served.add(local.port));
    const asked = new Packet();
    const { memory } = this.#sensor;
    this.#sockets.listConnected(({ protocol, local, remote }) => {
      const { address0, address1, address2, address3 } = remote;
      if (protocol === IpProtocol.Tcp && !served.has(local.port))
        memory.addPeer(address0, address1, address2, address3, nowMs + guardMs, nowMs);
      if (protocol !== IpProtocol.Udp) return;
      asked.protocol = protocol;
      asked.sourcePort = local.port;
      asked.destinationPort = remote.port;
      [asked.destination0, asked.destination1, asked.destination2, asked.destination3] = [
        address0,
        address1,
        address2,
        address3,
      ];
      memory.noteAsked(asked, nowMs);
    });
  }

  /** Nothing stands that would have to be replaced. */
  load(plan: RulesetPlan, near: AddressRanges): boolean {
    this.follow(plan, near);
    return false;
  }

  follow(plan: RulesetPlan, near: AddressRanges): void {
    this.#sensor.follow(plan, near, ownAddresses());
    this.#filter = { ...this.#filter, ephemeral: plan.ephemeral ?? NO_RANGE, reserved: plan.reserved ?? [] };
    this.#refilter();
  }

  /** What is served needs not even come out of the kernel. */
  #refilter(): void {
    this.#ports.refresh(this.#nowMs());
    this.#filter = { ...this.#filter, servedUdp: this.#ports.udpServedEverywhere().slice(0, MAX_SERVED_UDP) };
    const text = JSON.stringify(this.#filter);
    if (text === this.#filterText) return;
    this.#source.setFilter(this.#filter);
    this.#filterText = text;
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
    return {
      ...this.#source.counters,
      ...this.#sensor.counters,
      ...this.#ports.counters,
      ...this.#sensor.memory.counters,
    };
  }

  close(): void {
    this.#source.close();
    this.#sockets.close();
  }
}

function ownAddresses(): Prefix[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .flatMap(({ address }) => parseAddress(address) ?? [])
    .map(({ w0, w1, w2, w3 }) => prefixOfWords(w0, w1, w2, w3, 128));
}

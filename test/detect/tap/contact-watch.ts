// Feeds literal packets to a ContactTable and writes down what it tells, one line an event.

import { kinds } from "../../../src/detect/kinds.ts";
import { type Contact, outcomeNames, type SeenName, seenNames } from "../../../src/detect/tap/contact.ts";
import { ContactTable } from "../../../src/detect/tap/contacts.ts";
import type { Layout } from "../../../src/detect/tool/header-layout.ts";
import { formatWords } from "../../../src/wire/address.ts";
import type { AddressRanges } from "../../../src/wire/address-ranges.ts";
import { decodeArp } from "../../../src/wire/arp.ts";
import { decodePacket } from "../../../src/wire/decode.ts";
import { Packet, TcpFlag } from "../../../src/wire/packet.ts";
import { buildTcp, buildUdp, type TcpOptions } from "../../support/build-packet.ts";
import { seed } from "../probes.ts";

const ANSWER_WAIT_MS = 3_000;

export const START_MS = 1_700_000_000_000.25;
export const A = "192.0.2.1";
export const B = "198.51.100.2";
export const A6 = "2001:db8::1";
export const B6 = "2001:db8:1::2";

export const { Fin, Syn, Rst, Psh, Ack, Urg, Ece, Cwr } = TcpFlag;

export interface Told {
  readonly what: "opened" | "again" | "decided" | "idProbed";
  readonly contact: Contact;
  /** Of the packet that came with it. */
  readonly packet: Packet | undefined;
  readonly layout: Layout | undefined;
}

export class Watch {
  readonly told: Told[] = [];
  readonly table: ContactTable;
  readonly #packet = new Packet();
  nowMs = START_MS;

  constructor(options: { capacity?: number; homes?: AddressRanges } = {}) {
    const note = (what: Told["what"], contact: Contact, packet?: Packet, layout?: Layout) => {
      const copy = packet === undefined ? undefined : Object.assign(new Packet(), packet);
      this.told.push({ what, contact: { ...contact }, packet: copy, layout });
    };
    this.table = new ContactTable({
      capacity: options.capacity ?? 4096,
      seed,
      answerWaitMs: ANSWER_WAIT_MS,
      homes: options.homes,
      sink: {
        opened: (contact, packet, layout) => note("opened", contact, packet, layout),
        again: (contact, packet, layout) => note("again", contact, packet, layout),
        decided: (contact) => note("decided", contact),
        idProbed: (contact, packet, layout) => note("idProbed", contact, packet, layout),
      },
    });
  }

  /** An IP packet, afterMs later than the one before. */
  see(bytes: Uint8Array, afterMs = 1): SeenName {
    this.nowMs += afterMs;
    const result = decodePacket(bytes, 0, bytes.length, this.#packet);
    return seenNames[this.table.see(this.#packet, result, bytes, this.nowMs)];
  }

  arp(operation: number, source: string, target: string): SeenName {
    this.nowMs += 1;
    const bytes = arpPacket(operation, source, target);
    const result = decodeArp(bytes, 0, bytes.length, this.#packet);
    return seenNames[this.table.see(this.#packet, result, bytes, this.nowMs)];
  }

  tcp(from: string, to: string, flags: number, more: Partial<TcpOptions> = {}): SeenName {
    return this.see(tcp(from, to, flags, more));
  }

  udp(from: string, to: string, payload: ArrayLike<number> = [1]): SeenName {
    return this.see(buildUdp({ ...ends(from, to), payload: Uint8Array.from(payload) }));
  }

  /** Something that is answered, so that the capture is known to show both directions. */
  bothSides(): this {
    this.tcp("203.0.113.200 55555", "203.0.113.201 7", Syn);
    this.tcp("203.0.113.201 7", "203.0.113.200 55555", Rst | Ack);
    this.told.length = 0;
    return this;
  }

  end(afterMs = ANSWER_WAIT_MS): this {
    this.nowMs += afterMs;
    this.table.end(this.nowMs);
    return this;
  }

  /** "opened syn 192.0.2.1>198.51.100.2:80/6 pending", evidence with a "!". */
  get lines(): string[] {
    return this.told.map(({ what, contact }) => `${what} ${tell(contact)}`);
  }

  /** The same without the ends: "opened syn pending". */
  get brief(): string[] {
    return this.told.map(({ what, contact }) => `${what} ${name(contact)} ${outcomeNames[contact.outcome]}`);
  }
}

function name(contact: Contact): string {
  return `${kinds[contact.kind].name}${contact.isEvidence ? "!" : ""}`;
}

function tell(contact: Contact): string {
  const source = formatWords(contact.source0, contact.source1, contact.source2, contact.source3);
  const host = formatWords(contact.host0, contact.host1, contact.host2, contact.host3);
  const what = `${contact.port}/${contact.protocol}`;
  return `${name(contact)} ${source}>${host}:${what} ${outcomeNames[contact.outcome]}`;
}

/** "192.0.2.1 50000": an address and a port. */
export function ends(from: string, to: string) {
  const [source = "", sourcePort = ""] = from.split(" ");
  const [destination = "", destinationPort = ""] = to.split(" ");
  return { source, sourcePort: Number(sourcePort), destination, destinationPort: Number(destinationPort) };
}

export function tcp(from: string, to: string, flags: number, more: Partial<TcpOptions> = {}): Uint8Array {
  return buildTcp({ ...ends(from, to), flags, ...more });
}

function arpPacket(operation: number, source: string, target: string): Uint8Array {
  const bytes = (address: string) => address.split(".").map(Number);
  const hardware = [2, 0, 0, 0, 0, 1];
  return Uint8Array.from([
    0,
    1,
    8,
    0,
    6,
    4,
    0,
    operation,
    ...hardware,
    ...bytes(source),
    0,
    0,
    0,
    0,
    0,
    0,
    ...bytes(target),
  ]);
}

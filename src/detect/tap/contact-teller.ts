// Tells the sink of contacts: the one place where rows become the reused Contact record.
import type { Packet } from "../../wire/packet.ts";
import { Kind } from "../kinds.ts";
import { type Layout, layoutOf } from "../tool/header-layout.ts";
import { Contact, type ContactSink, Outcome } from "./contact.ts";
import { portOf, protocolOf } from "./contact-key.ts";
import type { ContactRows } from "./contact-rows.ts";
import { EVIDENCE, HELD, kindOf, outcomeOf, ROUTER, TALK, TOLD, withOutcome } from "./contact-state.ts";
import { HeldPackets } from "./held-packets.ts";

export class ContactTeller {
  /** Contacts told as opened. */
  opened = 0;
  /** Held packets whose place others took before they were judged: never told. */
  heldForgotten = 0;
  readonly #rows: ContactRows;
  readonly #sink: ContactSink;
  readonly #held = new HeldPackets();
  readonly #contact = new Contact();

  constructor(rows: ContactRows, sink: ContactSink) {
    this.#rows = rows;
    this.#sink = sink;
  }

  hold(row: number, packet: Packet, bytes: Uint8Array): void {
    this.#rows.setHeld(row, this.#held.hold(row, packet, layoutOf(packet, bytes)));
  }

  /** The held packet turns out to belong to a conversation: it is never told. */
  letGo(row: number): void {
    this.#rows.setState(row, (this.#rows.state(row) & ~HELD) | TALK);
  }

  open(row: number, packet: Packet, bytes: Uint8Array): void {
    this.#open(row, packet, layoutOf(packet, bytes));
  }

  /** The contact as it was first, but kind and worth of the packet at hand. */
  again(row: number, kind: Kind, isEvidence: boolean, packet: Packet, bytes: Uint8Array, timeMs: number): void {
    const contact = this.#fill(row);
    contact.kind = kind;
    contact.isEvidence = isEvidence;
    this.#sink.again(contact, packet, layoutOf(packet, bytes), timeMs);
  }

  isForgotten(row: number, nowMs: number): boolean {
    return this.#sink.isForgotten?.(this.#fill(row), nowMs) === true;
  }

  /** A SYN+ACK of a series by which somebody asks for IP identifications. */
  idProbed(packet: Packet, bytes: Uint8Array, timeMs: number): void {
    const contact = this.#contact;
    contact.source0 = packet.source0;
    contact.source1 = packet.source1;
    contact.source2 = packet.source2;
    contact.source3 = packet.source3;
    contact.host0 = packet.destination0;
    contact.host1 = packet.destination1;
    contact.host2 = packet.destination2;
    contact.host3 = packet.destination3;
    contact.protocol = packet.protocol;
    contact.port = packet.destinationPort;
    contact.kind = Kind.IdleScan;
    contact.outcome = Outcome.Pending;
    contact.timeMs = timeMs;
    contact.probes = 1;
    contact.isEvidence = false;
    contact.isFromRouter = false;
    this.#sink.idProbed(contact, packet, layoutOf(packet, bytes));
  }

  decide(row: number): void {
    this.#rows.setState(row, this.#rows.state(row) | TOLD);
    this.#sink.decided(this.#fill(row));
  }

  /** A held packet was a probe after all: opened and decided at once. */
  openHeld(row: number, outcome: Outcome): void {
    const held = this.#held.find(row, this.#rows.held(row));
    if (held === undefined) {
      this.heldForgotten++;
      this.letGo(row);
      return;
    }
    const state = this.#rows.state(row) & ~HELD;
    this.#rows.setState(row, state);
    this.#open(row, held.packet, held.layout);
    this.#rows.setState(row, withOutcome(state, outcome));
    this.decide(row);
  }

  #open(row: number, packet: Packet, layout: Layout): void {
    this.opened++;
    this.#sink.opened(this.#fill(row), packet, layout);
  }

  #fill(row: number): Contact {
    const rows = this.#rows;
    const contact = this.#contact;
    const state = rows.state(row);
    const what = rows.what(row);
    contact.source0 = rows.sourceWord(row, 0);
    contact.source1 = rows.sourceWord(row, 1);
    contact.source2 = rows.sourceWord(row, 2);
    contact.source3 = rows.sourceWord(row, 3);
    contact.host0 = rows.hostWord(row, 0);
    contact.host1 = rows.hostWord(row, 1);
    contact.host2 = rows.hostWord(row, 2);
    contact.host3 = rows.hostWord(row, 3);
    contact.protocol = protocolOf(what);
    contact.port = portOf(what);
    contact.kind = kindOf(state);
    contact.outcome = outcomeOf(state);
    contact.timeMs = rows.firstMs(row);
    contact.probes = rows.probes(row);
    contact.isEvidence = (state & EVIDENCE) !== 0;
    contact.isFromRouter = (state & ROUTER) !== 0;
    return contact;
  }
}

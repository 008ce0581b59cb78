// What the thread that tracks contacts tells the thread that judges them, as records of a shared ring: numbers only, so that
// neither side allocates anything.
//
//   note of the record: which of the sink's methods is called
//   body, words of 32 bits: | source (4) | host (4) | protocol, port | kind, outcome, evidence, layout | probes | first, ms (2) | now, ms (2) |
//   and, but for `decided`:  | fields of the packet (36) |
import {
  type RecordFacts,
  type RecordVisitor,
  type SharedRingMemory,
  SharedRingReader,
  SharedRingWriter,
} from "../capture/shared-ring.ts";
import type { Layout } from "../detect/header-layout.ts";
import type { Kind } from "../detect/kinds.ts";
import { Contact, type ContactSink, type Outcome } from "../detect/tap/contact.ts";
import { Packet } from "../wire/packet.ts";

const Told = { Opened: 0, Again: 1, Decided: 2, IdProbed: 3 } as const;

const SOURCE = 0;
const HOST = 4;
const WHAT = 8;
const STATE = 9;
const PROBES = 10;
const FIRST_MS = 11;
const NOW_MS = 13;
const PACKET = 15;
const PACKET_WORDS = 36;
const DECIDED_BYTES = PACKET * 4;
const WHOLE_BYTES = (PACKET + PACKET_WORDS) * 4;

const PROTOCOL_AT = 16;
const OUTCOME_AT = 8;
const EVIDENCE_AT = 16;
const LAYOUT_AT = 24;

/** The note alone says something here. */
class Facts implements RecordFacts {
  note = 0;
  readonly seconds = 0;
  readonly nanoseconds = 0;
}

/** The tracking side. A contact that is written is judged some time after publish(). */
export class ContactQueueWriter implements ContactSink {
  readonly #writer: SharedRingWriter;
  readonly #body = new Int32Array(WHOLE_BYTES / 4);
  readonly #time = new Float64Array(1);
  readonly #timeWords = new Int32Array(this.#time.buffer);
  readonly #facts = new Facts();

  /** `wake` is called when the judging side sleeps and has something to read. */
  constructor(memory: SharedRingMemory, wake: () => void) {
    this.#writer = new SharedRingWriter(memory, wake);
  }

  publish(): void {
    this.#writer.publish();
  }

  opened(contact: Contact, packet: Packet, layout: Layout): void {
    this.#tellWhole(Told.Opened, contact, packet, layout, contact.timeMs);
  }

  again(contact: Contact, packet: Packet, layout: Layout, timeMs: number): void {
    this.#tellWhole(Told.Again, contact, packet, layout, timeMs);
  }

  idProbed(contact: Contact, packet: Packet, layout: Layout): void {
    this.#tellWhole(Told.IdProbed, contact, packet, layout, contact.timeMs);
  }

  decided(contact: Contact): void {
    this.#fill(contact, contact.timeMs);
    this.#write(Told.Decided, DECIDED_BYTES);
  }

  #tellWhole(told: number, contact: Contact, packet: Packet, layout: Layout, nowMs: number): void {
    this.#fill(contact, nowMs);
    this.#body[STATE] = (this.#body[STATE] ?? 0) | (layout << LAYOUT_AT);
    packetToWords(packet, this.#body, PACKET);
    this.#write(told, WHOLE_BYTES);
  }

  #write(told: number, bytes: number): void {
    this.#facts.note = told;
    this.#writer.write(this.#facts, this.#body, 0, bytes);
  }

  #fill(contact: Contact, nowMs: number): void {
    const body = this.#body;
    body[SOURCE] = contact.source0;
    body[SOURCE + 1] = contact.source1;
    body[SOURCE + 2] = contact.source2;
    body[SOURCE + 3] = contact.source3;
    body[HOST] = contact.host0;
    body[HOST + 1] = contact.host1;
    body[HOST + 2] = contact.host2;
    body[HOST + 3] = contact.host3;
    body[WHAT] = (contact.protocol << PROTOCOL_AT) | contact.port;
    body[STATE] = contact.kind | (contact.outcome << OUTCOME_AT) | (contact.isEvidence ? 1 << EVIDENCE_AT : 0);
    body[PROBES] = contact.probes;
    this.#fillTime(FIRST_MS, contact.timeMs);
    this.#fillTime(NOW_MS, nowMs);
  }

  #fillTime(at: number, timeMs: number): void {
    this.#time[0] = timeMs;
    this.#body[at] = this.#timeWords[0] ?? 0;
    this.#body[at + 1] = this.#timeWords[1] ?? 0;
  }
}

/** The judging side: calls the sink as the tracking side's was called. */
export class ContactQueueReader {
  readonly #reader: SharedRingReader;
  readonly #visitor: RecordVisitor;

  constructor(memory: SharedRingMemory, sink: ContactSink) {
    this.#reader = new SharedRingReader(memory);
    this.#visitor = new ContactVisitor(memory, sink);
  }

  /** Tells the sink of at most `limit` contacts; returns of how many. What the sink throws passes through. */
  drain(limit: number): number {
    return this.#reader.drain(this.#visitor, limit);
  }

  /** Asks to be woken; false when there is something to read already. */
  sleep(): boolean {
    return this.#reader.sleep();
  }

  stop(): void {
    this.#reader.stop();
  }
}

class ContactVisitor implements RecordVisitor {
  readonly #sink: ContactSink;
  readonly #words: Int32Array;
  readonly #contact = new Contact();
  readonly #packet = new Packet();
  readonly #time = new Float64Array(1);
  readonly #timeWords = new Int32Array(this.#time.buffer);

  constructor({ data }: SharedRingMemory, sink: ContactSink) {
    this.#sink = sink;
    this.#words = new Int32Array(data);
  }

  record(_bytes: Uint8Array, atByte: number, _end: number, { note }: RecordFacts): void {
    const at = atByte >> 2;
    const contact = this.#read(at);
    if (note === Told.Decided) {
      this.#sink.decided(contact);
      return;
    }
    const packet = this.#packet;
    wordsToPacket(this.#words, at + PACKET, packet);
    const layout = ((this.#words[at + STATE] ?? 0) >>> LAYOUT_AT) as Layout;
    if (note === Told.Opened) this.#sink.opened(contact, packet, layout);
    else if (note === Told.Again) this.#sink.again(contact, packet, layout, this.#timeAt(at + NOW_MS));
    else this.#sink.idProbed(contact, packet, layout);
  }

  #read(at: number): Contact {
    const words = this.#words;
    const contact = this.#contact;
    contact.source0 = unsigned(words, at + SOURCE);
    contact.source1 = unsigned(words, at + SOURCE + 1);
    contact.source2 = unsigned(words, at + SOURCE + 2);
    contact.source3 = unsigned(words, at + SOURCE + 3);
    contact.host0 = unsigned(words, at + HOST);
    contact.host1 = unsigned(words, at + HOST + 1);
    contact.host2 = unsigned(words, at + HOST + 2);
    contact.host3 = unsigned(words, at + HOST + 3);
    const what = words[at + WHAT] ?? 0;
    contact.protocol = what >>> PROTOCOL_AT;
    contact.port = what & 0xffff;
    const state = words[at + STATE] ?? 0;
    contact.kind = (state & 0xff) as Kind;
    contact.outcome = ((state >>> OUTCOME_AT) & 0xff) as Outcome;
    contact.isEvidence = ((state >>> EVIDENCE_AT) & 1) === 1;
    contact.probes = unsigned(words, at + PROBES);
    contact.timeMs = this.#timeAt(at + FIRST_MS);
    return contact;
  }

  #timeAt(at: number): number {
    this.#timeWords[0] = this.#words[at] ?? 0;
    this.#timeWords[1] = this.#words[at + 1] ?? 0;
    return this.#time[0] ?? 0;
  }
}

function unsigned(words: Int32Array, at: number): number {
  return (words[at] ?? 0) >>> 0;
}

/** Every field of a Packet, in PACKET_WORDS words; a test compares. */
export function packetToWords(packet: Packet, words: Int32Array, at: number): void {
  words[at] = packet.family;
  words[at + 1] = packet.source0;
  words[at + 2] = packet.source1;
  words[at + 3] = packet.source2;
  words[at + 4] = packet.source3;
  words[at + 5] = packet.destination0;
  words[at + 6] = packet.destination1;
  words[at + 7] = packet.destination2;
  words[at + 8] = packet.destination3;
  words[at + 9] = packet.hopLimit;
  words[at + 10] = packet.identification;
  words[at + 11] = packet.dontFragment;
  words[at + 12] = packet.hasIpOptions;
  words[at + 13] = packet.fragmentOffset;
  words[at + 14] = packet.moreFragments;
  words[at + 15] = packet.protocol;
  words[at + 16] = packet.sourcePort;
  words[at + 17] = packet.destinationPort;
  words[at + 18] = packet.tcpFlags;
  words[at + 19] = packet.tcpSequence;
  words[at + 20] = packet.tcpAcknowledgment;
  words[at + 21] = packet.tcpWindow;
  words[at + 22] = packet.tcpOptionsAt;
  words[at + 23] = packet.tcpOptionsBytes;
  words[at + 24] = packet.icmpType;
  words[at + 25] = packet.icmpCode;
  words[at + 26] = packet.icmpIdentifier;
  words[at + 27] = packet.icmpSequence;
  words[at + 28] = packet.neighbor0;
  words[at + 29] = packet.neighbor1;
  words[at + 30] = packet.neighbor2;
  words[at + 31] = packet.neighbor3;
  words[at + 32] = packet.sctpChunkType;
  words[at + 33] = packet.payloadBytes;
  words[at + 34] = packet.transportAt;
  words[at + 35] = packet.endAt;
}

export function wordsToPacket(words: Int32Array, at: number, packet: Packet): void {
  packet.family = words[at] ?? 0;
  packet.source0 = unsigned(words, at + 1);
  packet.source1 = unsigned(words, at + 2);
  packet.source2 = unsigned(words, at + 3);
  packet.source3 = unsigned(words, at + 4);
  packet.destination0 = unsigned(words, at + 5);
  packet.destination1 = unsigned(words, at + 6);
  packet.destination2 = unsigned(words, at + 7);
  packet.destination3 = unsigned(words, at + 8);
  packet.hopLimit = words[at + 9] ?? 0;
  packet.identification = words[at + 10] ?? 0;
  packet.dontFragment = words[at + 11] ?? 0;
  packet.hasIpOptions = words[at + 12] ?? 0;
  packet.fragmentOffset = words[at + 13] ?? 0;
  packet.moreFragments = words[at + 14] ?? 0;
  packet.protocol = words[at + 15] ?? 0;
  packet.sourcePort = words[at + 16] ?? 0;
  packet.destinationPort = words[at + 17] ?? 0;
  packet.tcpFlags = words[at + 18] ?? 0;
  packet.tcpSequence = unsigned(words, at + 19);
  packet.tcpAcknowledgment = unsigned(words, at + 20);
  packet.tcpWindow = words[at + 21] ?? 0;
  packet.tcpOptionsAt = words[at + 22] ?? 0;
  packet.tcpOptionsBytes = words[at + 23] ?? 0;
  packet.icmpType = words[at + 24] ?? 0;
  packet.icmpCode = words[at + 25] ?? 0;
  packet.icmpIdentifier = words[at + 26] ?? 0;
  packet.icmpSequence = words[at + 27] ?? 0;
  packet.neighbor0 = unsigned(words, at + 28);
  packet.neighbor1 = unsigned(words, at + 29);
  packet.neighbor2 = unsigned(words, at + 30);
  packet.neighbor3 = unsigned(words, at + 31);
  packet.sctpChunkType = words[at + 32] ?? 0;
  packet.payloadBytes = words[at + 33] ?? 0;
  packet.transportAt = words[at + 34] ?? 0;
  packet.endAt = words[at + 35] ?? 0;
}

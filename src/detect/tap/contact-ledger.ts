// The life of a contact: opened, asked again, answered or not, told once. The rules of each
// protocol decide which packet asks and which one answers; the ledger does the rest.
import type { AddressRanges } from "../../wire/address-ranges.ts";
import { Packet } from "../../wire/packet.ts";
import type { HashSeed } from "../keyed-hash.ts";
import { isSentByScansOnly, Kind, kinds } from "../kinds.ts";
import { type ContactSink, Outcome, Seen } from "./contact.ts";
import { ContactKey } from "./contact-key.ts";
import { Origin, originOf } from "./contact-origin.ts";
import { ContactRows, NONE } from "./contact-rows.ts";
import {
  DATA,
  EVIDENCE,
  GOES_ON,
  HELD,
  hasSequence,
  type KERNEL,
  kindOf,
  MUTE,
  OWN,
  outcomeOf,
  type ROUTER,
  SETTLED,
  TALK,
  TOLD,
  VAIN,
  withKind,
  withOutcome,
  withRepeat,
  withSequence,
} from "./contact-state.ts";
import { ContactTeller } from "./contact-teller.ts";
import { ContactWaits } from "./contact-waits.ts";

/** Sooner comes a packet that the mirror port shows twice; kernels wait a second. */
const MIN_REPEAT_MS = 500;

export interface ContactOptions {
  readonly capacity: number;
  readonly seed: HashSeed;
  readonly answerWaitMs: number;
  readonly sink: ContactSink;
  /** Only contacts to these hosts are told; the questions of these hosts are remembered. Absent or empty: contacts to all hosts are told. */
  readonly homes?: AddressRanges | undefined;
}

export class ContactLedger {
  /** The keys of the packet at hand; the rules write them and look them up. */
  readonly forward = new ContactKey();
  readonly reverse = new ContactKey();
  readonly rows: ContactRows;
  readonly teller: ContactTeller;
  readonly waits: ContactWaits;
  /** Rows that were given to other contacts because the table was full. */
  evictions = 0;
  readonly #homes: AddressRanges | undefined;
  #packet = new Packet();
  #bytes: Uint8Array = new Uint8Array();
  #nowMs = 0;
  /** The row of the question at hand. */
  #asked = NONE;

  constructor(options: ContactOptions) {
    this.rows = new ContactRows(options.capacity, options.seed);
    this.teller = new ContactTeller(this.rows, options.sink);
    this.waits = new ContactWaits(this.rows, this.teller, options.answerWaitMs);
    // With an empty list no contact would be ours.
    this.#homes = options.homes?.rangeCount === 0 ? undefined : options.homes;
  }

  /** Every packet comes by here first, whatever it is: waits end by its time. */
  begin(packet: Packet, bytes: Uint8Array, timeMs: number): void {
    this.#packet = packet;
    this.#bytes = bytes;
    this.#nowMs = timeMs;
    this.waits.advance(timeMs);
  }

  find(key: ContactKey): number {
    return this.rows.find(key);
  }

  /** A packet that asks; `row` is the answer of `find` for the key. */
  ask(key: ContactKey, row: number, kind: Kind): Seen {
    const isEvidence = isSentByScansOnly(kind, this.#packet.protocol, this.#packet.tcpFlags);
    this.#asked = row;
    if (row !== NONE) return this.#askAgain(row, kind, isEvidence);
    const origin = originOf(key, this.#homes);
    if (origin !== Origin.Asked) return this.#noteOther(key, origin);
    this.#asked = this.#write(key, stateOf(kind, isEvidence));
    this.teller.open(this.#asked, this.#packet, this.#bytes);
    return Seen.Opens;
  }

  /** A packet out of the middle of something that is not known: kept until its nature is clear. */
  hold(key: ContactKey, kind: Kind, flags: number): Seen {
    const origin = originOf(key, this.#homes);
    if (origin !== Origin.Asked) return this.#noteOther(key, origin);
    this.teller.hold(this.#write(key, kind | HELD | flags), this.#packet, this.#bytes);
    return Seen.Held;
  }

  /** A packet of the asking side that asks nothing new. A bare segment to a port that has refused is a probe, though. */
  goOn(row: number, kind: Kind, flags: number): Seen {
    this.rows.touch(row);
    const state = this.rows.state(row);
    if ((state & HELD) !== 0) {
      this.rows.setState(row, state | flags);
      this.rows.setProbes(row, this.rows.probes(row) + 1);
      return Seen.Held;
    }
    if ((state & (OWN | TALK)) !== 0) return Seen.Continues;
    const outcome = outcomeOf(state);
    if (outcome === Outcome.Pending) this.rows.setState(row, state | GOES_ON);
    if (outcome === Outcome.Refused) return (flags & DATA) !== 0 ? Seen.Late : this.#askAgain(row, kind, false);
    if (outcome === Outcome.Accepted && (state & TOLD) === 0) {
      // The third packet of the handshake: a scan that stops half open does not send it.
      if (kindOf(state) === Kind.Syn) this.rows.setState(row, withKind(state, Kind.Connect));
      this.teller.decide(row);
    }
    return Seen.Continues;
  }

  /** The asking side breaks off. */
  breakOff(row: number): Seen {
    this.rows.touch(row);
    const state = this.rows.state(row);
    if ((state & SETTLED) === 0 && outcomeOf(state) === Outcome.Accepted) this.teller.decide(row);
    return Seen.Continues;
  }

  /** The asked side answers: Accepted, Refused, Unknown where the question never reached it, Pending if that is open. */
  answer(row: number, outcome: Outcome): Seen {
    this.rows.touch(row);
    this.waits.hear(this.rows.what(row));
    const state = this.rows.state(row);
    if ((state & (OWN | TALK)) !== 0) return Seen.Answers;
    if ((state & HELD) !== 0) {
      if (outcome === Outcome.Refused) this.waits.refuseHeld(row);
      else this.teller.letGo(row);
      return Seen.Answers;
    }
    if (outcome === Outcome.Refused && (state & VAIN) !== 0) return this.answer(row, Outcome.Unknown);
    const before = outcomeOf(state);
    const isFirst = before === Outcome.Pending;
    if (outcome === Outcome.Pending || before === outcome || before === Outcome.Accepted) return Seen.Answers;
    if (outcome === Outcome.Unknown && !isFirst) return Seen.Answers;
    if (isFirst) this.waits.noteAnswer(row, this.#nowMs);
    this.rows.setState(row, withOutcome(state, outcome));
    const isHandshake = outcome === Outcome.Accepted && kindOf(state) === Kind.Syn;
    if (isFirst ? !isHandshake : outcome === Outcome.Accepted) this.teller.decide(row);
    return Seen.Answers;
  }

  /** Called behind `ask`: says something of the contact that the question at hand is about. */
  mark(flag: typeof MUTE | typeof VAIN | typeof ROUTER | typeof KERNEL): void {
    if (this.#asked !== NONE) this.rows.setState(this.#asked, this.rows.state(this.#asked) | flag);
  }

  /** It is asked once more, in a way in which silence does say something. */
  unmute(row: number): void {
    this.rows.setState(row, this.rows.state(row) & ~MUTE);
  }

  /** Called behind `ask` for a SYN: the same one again, not at once, is a kernel that has had no answer. */
  noteSequence(sequence: number): void {
    const row = this.#asked;
    if (row === NONE) return;
    const state = this.rows.state(row);
    if (this.rows.probes(row) === 1) this.rows.setState(row, withSequence(state, sequence));
    else if (hasSequence(state, sequence) && Math.abs(this.#nowMs - this.rows.firstMs(row)) >= MIN_REPEAT_MS) {
      this.rows.setState(row, withRepeat(state));
    }
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  isHeld(row: number): boolean {
    return (this.rows.state(row) & HELD) !== 0;
  }

  /** Its outcome is awaited, or was awaited in vain. */
  isOpen(row: number): boolean {
    const state = this.rows.state(row);
    return (state & (OWN | TALK)) === 0 && outcomeOf(state) !== Outcome.Accepted;
  }

  /** The held packet turns out to belong to a conversation. */
  letGo(row: number): void {
    if (this.isHeld(row)) this.teller.letGo(row);
  }

  /** Remembers a question so that its answers are no probes, and tells the sink nothing. */
  noteOwn(key: ContactKey): void {
    const row = this.rows.find(key);
    if (row === NONE) this.#write(key, OWN);
    else this.rows.touch(row);
  }

  /** The identifier of the ICMP question at hand, called behind `ask`: the last two are kept, as two programs may ask in turns. */
  noteIdentifier(identifier: number): void {
    if (this.#asked === NONE) return;
    const latest = this.rows.detail(this.#asked) & 0xffff;
    if (latest !== identifier) this.rows.setDetail(this.#asked, (latest << 16) | identifier);
  }

  hasIdentifier(row: number, identifier: number): boolean {
    const detail = this.rows.detail(row);
    return (detail & 0xffff) === identifier || detail >>> 16 === identifier;
  }

  #askAgain(row: number, kind: Kind, isEvidence: boolean): Seen {
    this.rows.touch(row);
    const state = this.rows.state(row);
    if ((state & OWN) !== 0) return Seen.Continues;
    const isBeginning = isEvidence || kinds[kind].begins === true;
    if ((state & (HELD | TALK)) !== 0) {
      if (!isBeginning) return Seen.Continues;
      this.#reopen(row, stateOf(kind, isEvidence));
      return Seen.Opens;
    }
    if (!isBeginning && outcomeOf(state) === Outcome.Accepted) return Seen.Continues;
    if ((state & SETTLED) !== 0 && this.teller.isForgotten(row, this.#nowMs)) {
      this.#reopen(row, stateOf(kind, isEvidence));
      return Seen.Opens;
    }
    this.rows.setProbes(row, this.rows.probes(row) + 1);
    this.teller.again(row, kind, isEvidence, this.#packet, this.#bytes, this.#nowMs);
    return Seen.Again;
  }

  /** The old contact counts no more: the two talked before we began to look, or the asking host has been forgotten meanwhile. */
  #reopen(row: number, state: number): void {
    this.rows.setState(row, state);
    this.rows.setFirstMs(row, this.#nowMs);
    this.rows.setProbes(row, 1);
    this.waits.add(row);
    this.teller.open(row, this.#packet, this.#bytes);
  }

  #noteOther(key: ContactKey, origin: Origin): Seen {
    if (origin === Origin.Outside) return Seen.NoContact;
    // Something goes out, so this capture shows both directions.
    this.waits.hear(0);
    this.#asked = this.#write(key, OWN);
    return Seen.Continues;
  }

  #write(key: ContactKey, state: number): number {
    const row = this.rows.place();
    if (this.rows.isUsed(row)) {
      this.evictions++;
      this.waits.evict(row);
    }
    this.rows.write(row, key, state, this.#nowMs);
    if ((state & OWN) === 0) this.waits.add(row);
    return row;
  }
}

function stateOf(kind: Kind, isEvidence: boolean): number {
  return isEvidence ? kind | EVIDENCE : kind;
}

// Decides how long a contact waits for its answer, and its outcome when none came. "Unanswered" needs a capture that shows both
// directions: as long as no packet has ever come the other way, the outcome is unknown.
import { IpProtocol } from "../../wire/packet.ts";
import { Kind } from "../kinds.ts";
import { Outcome } from "./contact.ts";
import { ContactKey, isLinkQuestion, portOf, protocolOf, whatOf } from "./contact-key.ts";
import { type ContactRows, NONE } from "./contact-rows.ts";
import {
  DATA,
  GOES_ON,
  HELD,
  KERNEL,
  kindOf,
  MUTE,
  outcomeOf,
  repeatsOf,
  SERVED,
  SETTLED,
  TALK,
  VAIN,
  withKind,
  withOutcome,
} from "./contact-state.ts";
import type { ContactTeller } from "./contact-teller.ts";
import { NO_ENTRY, PendingRing } from "./pending-ring.ts";

/** So long the first contacts wait for anything to come the other way, before a capture is held to be one-sided. */
const ONE_SIDED_WAIT_MS = 60_000;
/**
 * Where the capture ends before a contact's wait is over: it is unanswered if its asker has asked twice, or if it waited
 * so long, or this many times longer than the slowest answer took, but not less than the last.
 */
const END_WAIT_MS = 1_000;
const END_WAIT_ANSWERS = 4;
const END_WAIT_MIN_MS = 100;
/** Windows repeats its SYN for the second time after 9 s. */
const REPEATS_WAIT_MS = 10_000;
/** A SYN or its answer is lost now and then; three times in a row is no accident. */
const REPEATS_IN_VAIN = 2;
/** nmap sends a lone segment twice, or a few times; more than that is a conversation of which we see one side. */
const MAX_LONE_SEGMENTS = 4;

export class ContactWaits {
  /** Contacts told as Unknown before their wait was over, because the table was full. */
  decidedEarly = 0;
  readonly #rows: ContactRows;
  readonly #teller: ContactTeller;
  readonly #answerWaitMs: number;
  readonly #pending: PendingRing;
  #startMs = Number.NaN;
  /** The next wait is over when the clock is so far from that time, either way: clocks are set back. */
  #dueSinceMs = 0;
  #dueWaitMs = Number.POSITIVE_INFINITY;
  #waitsForOtherSide = false;
  #slowestAnswerMs = 0;
  #heardIp = false;
  #heardLink = false;
  #heardSegment = false;
  readonly #sibling = new ContactKey();

  constructor(rows: ContactRows, teller: ContactTeller, answerWaitMs: number) {
    this.#rows = rows;
    this.#teller = teller;
    this.#answerWaitMs = answerWaitMs;
    // More than that wait only if rows have been given to others meanwhile, whose entries mean nothing then.
    this.#pending = new PendingRing(rows.capacity);
  }

  /** The caller calls this for each packet. */
  advance(nowMs: number): void {
    if (Math.abs(nowMs - this.#dueSinceMs) < this.#dueWaitMs) return;
    this.#settleDue(nowMs);
  }

  /** The row's firstMs is when its wait begins. */
  add(row: number): void {
    const sinceMs = this.#rows.firstMs(row);
    if (Number.isNaN(this.#startMs)) this.#startMs = sinceMs;
    if (this.#pending.isFull) this.#dropFirst();
    this.#pending.push(row, sinceMs);
    if (this.#dueWaitMs === Number.POSITIVE_INFINITY) {
      this.#dueSinceMs = sinceMs;
      this.#dueWaitMs = this.#answerWaitMs;
    }
  }

  /** Something came the other way. On the link that says nothing of IP, and the other way round. */
  hear(what: number): void {
    if (isLinkQuestion(what)) {
      this.#heardLink = true;
      return;
    }
    this.#heardIp = true;
    if (!this.#waitsForOtherSide) return;
    this.#waitsForOtherSide = false;
    // The next packet finds them due.
    this.#dueWaitMs = 0;
  }

  /** A segment of a connection under way: the capture holds more than the packets that open connections. */
  hearSegment(): void {
    this.#heardSegment = true;
  }

  /** A contact's first answer. */
  noteAnswer(row: number, nowMs: number): void {
    const waitedMs = nowMs - this.#rows.firstMs(row);
    if (waitedMs > this.#slowestAnswerMs) this.#slowestAnswerMs = waitedMs;
  }

  /** A row is about to be given to another contact. */
  evict(row: number): void {
    const state = this.#rows.state(row);
    if ((state & SETTLED) !== 0) return;
    if ((state & HELD) !== 0) {
      this.#teller.heldForgotten++;
      this.#teller.letGo(row);
      return;
    }
    if (outcomeOf(state) === Outcome.Pending) {
      this.decidedEarly++;
      this.#rows.setState(row, withOutcome(state, Outcome.Unknown));
    }
    this.#teller.decide(row);
  }

  /** A held packet's host refused it. */
  refuseHeld(row: number): void {
    if (!this.#couldBeProbe(row)) {
      this.#teller.letGo(row);
      return;
    }
    // What looks like a connection's is refused by few: many of the sort are counted by their number.
    const isMute = (this.#rows.state(row) & MUTE) !== 0;
    this.#teller.openHeld(row, isMute ? Outcome.Unknown : Outcome.Refused);
  }

  /** Tells all that waits. */
  end(nowMs: number): void {
    const enoughMs = Math.max(END_WAIT_MIN_MS, this.#slowestAnswerMs * END_WAIT_ANSWERS);
    const endWaitMs = Math.min(this.#answerWaitMs, END_WAIT_MS, enoughMs);
    for (let row = this.#pending.headRow; row !== NO_ENTRY; row = this.#pending.headRow) {
      const waitedMs = Math.abs(nowMs - this.#pending.headSinceMs);
      const isWaiting = this.#isWaiting(row);
      this.#pending.drop();
      const hasWaited = waitedMs >= endWaitMs || this.#rows.probes(row) > 1;
      if (isWaiting) this.#expire(row, hasWaited);
    }
    this.#dueWaitMs = Number.POSITIVE_INFINITY;
  }

  #settleDue(nowMs: number): void {
    this.#waitsForOtherSide = false;
    for (let row = this.#pending.headRow; row !== NO_ENTRY; row = this.#pending.headRow) {
      if (!this.#isWaiting(row)) {
        this.#pending.drop();
        continue;
      }
      this.#dueSinceMs = this.#pending.headSinceMs;
      this.#dueWaitMs = this.#waitMsOf(row);
      if (Math.abs(nowMs - this.#dueSinceMs) < this.#dueWaitMs) return;
      if (this.#mayBeOneSided(row, nowMs)) {
        this.#waitsForOtherSide = true;
        this.#dueSinceMs = this.#startMs;
        this.#dueWaitMs = ONE_SIDED_WAIT_MS;
        return;
      }
      this.#pending.drop();
      this.#expire(row, true);
    }
    this.#dueWaitMs = Number.POSITIVE_INFINITY;
  }

  /** The ring is full: its first entry waits no longer. */
  #dropFirst(): void {
    const row = this.#pending.headRow;
    const isWaiting = this.#isWaiting(row);
    this.#pending.drop();
    if (isWaiting) this.evict(row);
  }

  /** Whether the ring's first entry is still about the contact that it was written for, and that one not settled. */
  #isWaiting(row: number): boolean {
    if ((this.#rows.state(row) & SETTLED) !== 0) return false;
    return this.#rows.firstMs(row) === this.#pending.headSinceMs;
  }

  /** Whether it is too early to say that nothing comes the other way. */
  /** Where no answers are seen the wait is for the question asked again: Windows does so after 3 s, and 6 s later. */
  #waitMsOf(row: number): number {
    const isSeen = this.#heardIp || isLinkQuestion(this.#rows.what(row));
    return isSeen ? this.#answerWaitMs : Math.max(this.#answerWaitMs, REPEATS_WAIT_MS);
  }

  #mayBeOneSided(row: number, nowMs: number): boolean {
    if (this.#heardIp || isLinkQuestion(this.#rows.what(row))) return false;
    return Math.abs(nowMs - this.#startMs) < ONE_SIDED_WAIT_MS;
  }

  #expire(row: number, hasWaited: boolean): void {
    const state = this.#rows.state(row);
    const isSeen = isLinkQuestion(this.#rows.what(row)) ? this.#heardLink : this.#heardIp;
    const isUnanswered = hasWaited && (isSeen || isAskedInVain(state)) && (state & (MUTE | VAIN)) === 0;
    if ((state & HELD) !== 0) {
      // One side alone shows segments like these all the time.
      if (isUnanswered && this.#couldBeProbe(row)) this.#teller.openHeld(row, Outcome.Unanswered);
      else this.#teller.letGo(row);
      return;
    }
    if (outcomeOf(state) === Outcome.Pending) {
      const isTelling = isUnanswered && !this.#isAcceptedOverTcp(row);
      this.#rows.setState(row, withOutcome(state, isTelling ? Outcome.Unanswered : Outcome.Unknown));
    }
    // A filter for SYNs does not let the third packet of a handshake pass either.
    const isHalfOpen = outcomeOf(state) === Outcome.Accepted && kindOf(state) === Kind.Syn && (state & KERNEL) !== 0;
    if (isHalfOpen && !this.#heardSegment) this.#rows.setState(row, withKind(state, Kind.Connect));
    this.#teller.decide(row);
  }

  /** A host that speaks TCP on the port of a datagram is alive: what swallows the datagrams (of QUIC) is a firewall. */
  #isAcceptedOverTcp(row: number): boolean {
    const what = this.#rows.what(row);
    const port = portOf(what);
    if (protocolOf(what) !== IpProtocol.Udp || port === 0) return false;
    const sibling = this.#rows.findSibling(row, whatOf(IpProtocol.Tcp, port), this.#sibling);
    if (sibling === NONE) return false;
    const state = this.#rows.state(sibling);
    return (state & TALK) !== 0 || outcomeOf(state) === Outcome.Accepted;
  }

  #couldBeProbe(row: number): boolean {
    return (this.#rows.state(row) & (DATA | SERVED)) === 0 && this.#rows.probes(row) <= MAX_LONE_SEGMENTS;
  }
}

/** Its asker's kernel has repeated the question, and not gone on: there was no answer, whether we see answers or not. */
function isAskedInVain(state: number): boolean {
  return repeatsOf(state) >= REPEATS_IN_VAIN && (state & GOES_ON) === 0;
}

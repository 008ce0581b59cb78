// The detectors where the kernel cannot be asked, packets in and scanners out: the contact table and its judge in one thread.
import type { DecodeResult, Packet } from "../../wire/packet.ts";
import type { HashSeed } from "../keyed-hash.ts";
import { type ContactCounters, ContactTable } from "./contacts.ts";
import { TapJudge } from "./tap-judge.ts";
import type { TapListener, TapPolicy } from "./tap-rules.ts";

export class TapDetector {
  readonly judge: TapJudge;
  readonly #contacts: ContactTable;

  constructor(policy: TapPolicy, seed: HashSeed, listener: TapListener = {}) {
    const { maxContacts: capacity, answerWaitMs, homes } = policy;
    this.judge = new TapJudge(policy, seed, listener);
    this.#contacts = new ContactTable({ capacity, seed, answerWaitMs, sink: this.judge, homes });
  }

  /** A decoded packet; `bytes` are those it was decoded from. */
  see(packet: Packet, result: DecodeResult, bytes: Uint8Array, timeMs: number): void {
    this.#contacts.see(packet, result, bytes, timeMs);
  }

  /** Live, between packets: contacts whose wait is over by then are decided. */
  tick(timeMs: number): void {
    this.#contacts.tick(timeMs);
  }

  /** Counts of the parts that packets play, and of the contact table. */
  get contactCounters(): ContactCounters {
    return this.#contacts.counters;
  }
}

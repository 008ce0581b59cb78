// From a capture file to its contacts: reads the frames, takes them apart, and tells a sink which contacts were begun and
// how they ended.
import { readCapture } from "../capture/file/capture-file.ts";
import type { CaptureReport } from "../capture/file/capture-report.ts";
import type { HashSeed } from "../detect/keyed-hash.ts";
import type { ContactSink } from "../detect/tap/contact.ts";
import { type ContactCounters, ContactTable } from "../detect/tap/contacts.ts";
import type { Prefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import { decodeFrame } from "../wire/link.ts";
import { DecodeResult, Packet } from "../wire/packet.ts";

export interface Tracking {
  /** A path, or "-" for standard input. */
  readonly file: string;
  readonly seed: HashSeed;
  /** Empty: contacts to every host count. */
  readonly homes: readonly Prefix[];
  readonly maxContacts: number;
  readonly answerWaitMs: number;
}

export interface Tracked {
  readonly report: CaptureReport;
  /** Frames that were no IP packets of any use. */
  readonly undecodable: number;
  /** The times of the packets; the first is later than the last if there were none. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly counters: ContactCounters;
}

export type OnProgress = (readBytes: number, totalBytes: number | undefined) => void;

/** Throws CaptureError; errors of the sink pass through. */
export async function trackContacts(of: Tracking, sink: ContactSink, onProgress: OnProgress): Promise<Tracked> {
  const { maxContacts: capacity, seed, answerWaitMs } = of;
  const homes = new AddressRanges(of.homes);
  const frames = new FrameDecoder(new ContactTable({ capacity, seed, answerWaitMs, sink, homes }));
  const report = await readCapture(of.file, frames, { onProgress });
  const { contacts, undecodable, firstMs, lastMs } = frames;
  contacts.end(lastMs);
  return { report, undecodable, firstMs, lastMs, counters: contacts.counters };
}

class FrameDecoder {
  readonly contacts: ContactTable;
  readonly #packet = new Packet();
  undecodable = 0;
  firstMs = Number.POSITIVE_INFINITY;
  lastMs = Number.NEGATIVE_INFINITY;

  constructor(contacts: ContactTable) {
    this.contacts = contacts;
  }

  frame(bytes: Uint8Array, at: number, end: number, linkType: number, timeMs: number): void {
    if (timeMs < this.firstMs) this.firstMs = timeMs;
    if (timeMs > this.lastMs) this.lastMs = timeMs;
    const packet = this.#packet;
    const result = decodeFrame(linkType, bytes, at, end, packet);
    if (result === DecodeResult.Malformed || result === DecodeResult.Truncated) this.undecodable++;
    if (packet.family !== 0) this.contacts.see(packet, result, bytes, timeMs);
  }
}

// Outgoing scans, from the packets that the kernel tells of to what people are told, and to the limit (OUTGOING).
import type { Clock } from "../base/clock.ts";
import type { Troubles } from "../base/troubles.ts";
import type { Settings } from "../config/settings.ts";
import { type Decided, OutgoingContacts } from "../detect/outgoing/outgoing-contacts.ts";
import { type OutgoingScan, OutgoingScans } from "../detect/outgoing/outgoing-scans.ts";
import type { AskersHost } from "../host/askers.ts";
import type { SocketOwners } from "../kernel/socket-owner.ts";
import type { Recorder } from "../record/recorder.ts";
import { ASKS_TAG, MADE_TAG } from "../table/log-tags.ts";
import type { Link, OutgoingFrames } from "../table/outgoing-frames.ts";
import type { OutgoingLimits } from "../table/outgoing-limits.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { decodePacket } from "../wire/decode.ts";
import { decodeFrame, LinkType } from "../wire/link.ts";
import { IpProtocol, Packet } from "../wire/packet.ts";
import { decodeQuoted } from "../wire/quoted.ts";
import { OutgoingSenders } from "./outgoing-senders.ts";
import { describeEnd, describeScan, type Sender } from "./outgoing-text.ts";

export interface OutgoingParts {
  readonly owners: Pick<SocketOwners, "ownerOf">;
  readonly limits: OutgoingLimits;
  readonly frames: Pick<OutgoingFrames, "watch" | "remove" | "isRefused">;
  /** Links that lead to others. */
  readonly links: () => readonly Link[];
  readonly host: AskersHost;
}

export interface OutgoingWatchParts extends OutgoingParts {
  readonly settings: () => Pick<Settings, "outgoing" | "firewall">;
  readonly clock: Pick<Clock, "nowMs">;
  readonly recorder: Pick<Recorder, "outgoing" | "notice">;
  readonly troubles: Troubles;
  /** Packets that the kernel could not tell of. */
  readonly lost: () => number;
  readonly isOwn: (address: Prefix) => boolean;
  readonly isContainer: (address: Prefix) => boolean;
  /** On the allow list, or guarded. */
  readonly isLeftOut: (w0: number, w1: number, w2: number, w3: number) => boolean;
}

/** What is known of a scan that goes on, beside its figures. */
interface Told {
  readonly isOwn: boolean;
  /** The process had no name yet when the scan was told. */
  isUnnamed: boolean;
  sender: Sender;
  /** "" while the origin is not limited. */
  limit: string;
  limitedMs: number;
}

export class OutgoingWatch {
  readonly #parts: OutgoingWatchParts;
  readonly #contacts = new OutgoingContacts();
  readonly #scans = new OutgoingScans();
  readonly #senders: OutgoingSenders;
  readonly #told = new Map<OutgoingScan, Told>();
  readonly #packet = new Packet();
  readonly #quoted = new Packet();
  #hasToldRefusal = false;

  constructor(parts: OutgoingWatchParts) {
    this.#parts = parts;
    this.#senders = new OutgoingSenders(parts.owners, parts.host);
  }

  get counters() {
    return { ...this.#contacts.counters, ...this.#scans.counters, ...this.#parts.limits.counters };
  }

  /** `tag`, `uid` as PacketSink has them: a SYN of ours or a container's, or what came of it. */
  packet(bytes: Uint8Array, at: number, end: number, tag: number, uid: number): void {
    const packet = this.#packet;
    const nowMs = this.#parts.clock.nowMs();
    if (tag === MADE_TAG) {
      this.#emitted(bytes, at, end, uid, nowMs);
      return;
    }
    decodePacket(bytes, at, end, packet);
    if (tag === ASKS_TAG) this.#asked(packet, uid, nowMs);
    else if (packet.protocol === IpProtocol.Tcp) this.#decided(this.#contacts.answered(packet, nowMs));
    else {
      decodeQuoted(bytes, packet, this.#quoted);
      this.#decided(this.#contacts.refused(this.#quoted, nowMs));
    }
  }

  /** Once a second. */
  tick(): void {
    const nowMs = this.#parts.clock.nowMs();
    for (const decided of this.#contacts.tick(nowMs, this.#parts.lost())) this.#decided(decided);
    for (const scan of this.#scans.takeEnded(nowMs)) this.#end(scan);
    for (const [scan, told] of this.#told) {
      if (told.isUnnamed && this.#senders.knowsProcessOf(scan.origin)) this.#name(scan, told);
      if (scan.lastMs > told.limitedMs) this.#limit(scan, told);
      if (told.limit !== "" && this.#parts.settings().outgoing !== "limit") this.#unlimit(scan, told);
    }
  }

  /** The plan is in force, and may have been put back after another program's flush. */
  loaded(): void {
    this.#watchLinks(true);
  }

  /** Settings or links may be others. */
  follow(): void {
    this.#watchLinks(false);
  }

  #watchLinks(isAnew: boolean): void {
    const { frames, links, settings, recorder } = this.#parts;
    frames.watch(settings().outgoing === "off" ? [] : links(), isAnew);
    if (!frames.isRefused || this.#hasToldRefusal) return;
    this.#hasToldRefusal = true;
    recorder.notice(
      "OUTGOING: this kernel shows no frames of programs (egress hook): masscan and ZMap on this host are not found",
    );
  }

  /** The daemon stops. */
  rest(): void {
    this.#parts.frames.remove();
  }

  #asked(packet: Packet, uid: number, nowMs: number): void {
    const contact = this.#contacts.asked(packet, uid, nowMs);
    if (contact === undefined || !this.#isOwn(contact.origin, uid)) return;
    if (this.#scans.isSuspect(contact)) this.#senders.look(contact);
  }

  /** A frame; on a link without link headers it begins with the IP header. The rules have not asked the lists about it. */
  #emitted(bytes: Uint8Array, at: number, end: number, uid: number, nowMs: number): void {
    const packet = this.#packet;
    decodeFrame(LinkType.Ethernet, bytes, at, end, packet);
    if (packet.family === 0) decodePacket(bytes, at, end, packet);
    const { destination0, destination1, destination2, destination3 } = packet;
    if (this.#parts.isLeftOut(destination0, destination1, destination2, destination3)) return;
    this.#asked(packet, uid, nowMs);
  }

  #decided(decided: Decided | undefined): void {
    if (decided === undefined) return;
    const scan = this.#scans.note(decided);
    if (scan === undefined) return;
    const isOwn = this.#isOwn(scan.origin, decided.contact.uid);
    if (isOwn) this.#senders.noteUser(decided.contact);
    this.#begin(scan, isOwn);
  }

  /** A raw socket may send in any name. */
  #isOwn(origin: Prefix, uid: number): boolean {
    return uid >= 0 || this.#parts.isOwn(origin);
  }

  #begin(scan: OutgoingScan, isOwn: boolean): void {
    const sender = isOwn ? this.#senders.senderOf(scan.origin) : { isContainer: this.#parts.isContainer(scan.origin) };
    const isUnnamed = isOwn && !this.#senders.knowsProcessOf(scan.origin);
    const told: Told = { isOwn, isUnnamed, sender, limit: "", limitedMs: Number.NEGATIVE_INFINITY };
    this.#told.set(scan, told);
    this.#limit(scan, told);
    this.#tell(scan, told);
  }

  #name(scan: OutgoingScan, told: Told): void {
    told.isUnnamed = false;
    told.sender = this.#senders.senderOf(scan.origin);
    this.#tell(scan, told);
  }

  /** For `status`, while it lasts. */
  #warnOf(scan: OutgoingScan, { sender, limit }: Told): string {
    const message = `${describeScan(scan, sender)}${limit}`;
    this.#parts.troubles.set(topicOf(scan), `outgoing scan: ${message}`);
    return message;
  }

  #tell(scan: OutgoingScan, told: Told): void {
    const message = this.#warnOf(scan, told);
    this.#parts.recorder.outgoing({ ...aboutOf(scan), action: "found", message });
  }

  #end(scan: OutgoingScan): void {
    const sender = this.#told.get(scan)?.sender ?? {};
    this.#told.delete(scan);
    this.#parts.troubles.clear(topicOf(scan));
    this.#parts.recorder.outgoing({ ...aboutOf(scan), action: "ended", message: describeEnd(scan, sender) });
    if (this.#scans.current.every(({ origin }) => formatPrefix(origin) !== formatPrefix(scan.origin)))
      this.#senders.forget(scan.origin);
  }

  /** The settings are others now, and so are the rules. */
  #unlimit(scan: OutgoingScan, told: Told): void {
    told.limit = "";
    this.#warnOf(scan, told);
  }

  #limit(scan: OutgoingScan, told: Told): void {
    const { outgoing, firewall } = this.#parts.settings();
    if (outgoing !== "limit" || firewall === "none") return;
    told.limitedMs = scan.lastMs;
    const { limits } = this.#parts;
    const uid = this.#senders.uidOf(scan.origin);
    if (told.isOwn && uid < 0) {
      told.limit = "; nothing is limited, as it is not known as which user this is sent";
      return;
    }
    const refusal = told.isOwn ? limits.limitUser(uid) : limits.limitAddress(scan.origin);
    const who = told.isOwn ? "that user's" : "its";
    told.limit =
      refusal === ""
        ? `; ${who} new TCP connections to destinations that were never reached are limited`
        : `; its new connections cannot be limited: ${refusal}`;
  }
}

function topicOf({ shape, origin }: OutgoingScan): string {
  return `OUTGOING ${shape} ${formatPrefix(origin)}`;
}

function aboutOf({ origin, protocol, port }: OutgoingScan) {
  return { source: origin, protocol, port };
}

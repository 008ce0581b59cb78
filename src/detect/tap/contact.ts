// The vocabulary of outcome tracking: the two ends of a contact, its outcome, and what each packet was taken for.
// The scorers judge by these outcomes where the kernel cannot be asked which port is closed.
import type { Packet } from "../../wire/packet.ts";
import { Kind } from "../kinds.ts";
import type { Layout } from "../tool/header-layout.ts";

export const Outcome = {
  Pending: 0,
  Accepted: 1,
  /** RST, ABORT or an ICMP error that says unreachable. */
  Refused: 2,
  Unanswered: 3,
  /** The outcome cannot be known: the capture holds one direction only, it ended too early, or the table was full. */
  Unknown: 4,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];
export const outcomeNames = ["pending", "accepted", "refused", "unanswered", "unknown"] as const;

/** The part that a packet plays. */
export const Seen = {
  /** It begins a contact. */
  Opens: 0,
  /** It asks once more what was asked before: a repeated probe, or a further connection to the same port. */
  Again: 1,
  /** From the asking side of what is known, or of a host of ours that asks others. */
  Continues: 2,
  /** From the asked side. */
  Answers: 3,
  /** A segment, fragment or datagram out of the middle of something: judged when the other side answers, or does not. */
  Held: 4,
  /** The rest of a conversation that has ended or that began before we looked. */
  Late: 5,
  /** An answer that nobody asked for: somebody forges the address it is sent to. */
  Backscatter: 6,
  /** The same from a service that amplifiers abuse: the flood itself. */
  Amplified: 7,
  /** SYN+ACKs that ask a host for its IP identifications (an idle scan through it, or the search for such a host). */
  IdProbe: 8,
  /** Nothing that concerns a contact: broken, not unicast, not ours, or of no protocol that asks. */
  NoContact: 9,
} as const;
export type Seen = (typeof Seen)[keyof typeof Seen];
export const seenNames = [
  "opens",
  "again",
  "continues",
  "answers",
  "held",
  "late",
  "backscatter",
  "amplified",
  "idProbe",
  "noContact",
] as const;
export type SeenName = (typeof seenNames)[number];

/** The first contact of (source, host, port, protocol); ONE reused record that the sink reads at once. */
export class Contact {
  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  host0 = 0;
  host1 = 0;
  host2 = 0;
  host3 = 0;
  protocol = 0;
  /** 0 for protocols without ports. */
  port = 0;
  /** The kind of the first packet; in `again` that of the packet at hand. A Syn is Connect at `decided` if the handshake completed. */
  kind: Kind = Kind.Unknown;
  outcome: Outcome = Outcome.Pending;
  /** When the first packet came. */
  timeMs = 0;
  /** The source's packets that asked, this one included. */
  probes = 0;
  /** Only a scan sends such packets. In `again` of the packet at hand. */
  isEvidence = false;
  /** Its asker sends for others too, as a router does. */
  isFromRouter = false;
}

export interface ContactSink {
  /**
   * A packet that begins something, seen for the first time. `packet` is valid now, except its places: its bytes
   * may be gone. For a packet that was held back (Seen.Held) this comes late, with a copy, and `decided` follows at once.
   */
  opened(contact: Contact, packet: Packet, layout: Layout): void;
  /** Asked before `again` of a settled contact: whether its source is remembered no more. Then it is opened anew. */
  readonly isForgotten?: ((contact: Contact, nowMs: number) => boolean) | undefined;
  /** The same question asked again, at `timeMs`, while the outcome is known or pending. */
  again(contact: Contact, packet: Packet, layout: Layout, timeMs: number): void;
  /**
   * The outcome is known now. This comes once a contact, except that Accepted may follow any other outcome. An accepted SYN is told when its
   * handshake has completed, was broken off, or the wait is over, so that its kind is right.
   */
  decided(contact: Contact): void;
  /** One of a series of SYN+ACKs that nobody asked for (Seen.IdProbe); the contact is in no table and never decided. */
  idProbed(contact: Contact, packet: Packet, layout: Layout): void;
}

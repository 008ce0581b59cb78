// The meaning of a contact's kind and outcome together, for every source.
import { Kind } from "../kinds.ts";
import { type Contact, Outcome } from "./contact.ts";

/** A switch hides the answers to questions to the link, and every host asks them: it takes so many times as many hosts. */
const LINK_TIMES = 2;

/** Every host asks its link for those that it speaks to. */
export function isLinkQuestion({ kind }: Contact): boolean {
  return kind === Kind.Arp || kind === Kind.Neighbor;
}

/** Evidence whatever the outcome: a handshake broken off, a question for the clock or the netmask. */
export function isNeverAClients({ kind, outcome }: Contact): boolean {
  if (kind === Kind.Syn) return outcome === Outcome.Accepted;
  return kind === Kind.IcmpTimestamp || kind === Kind.IcmpNetmask;
}

/** The number of hosts says something, whatever the outcome: it is not known, or they were pinged. */
export function isQuietlyWide({ kind, outcome }: Contact): boolean {
  return outcome === Outcome.Unknown || kind === Kind.IcmpEcho;
}

/** How many hosts one source may ask in that way before it scans. */
export function mostHosts(contact: Contact, { breadth, sweep }: HostBounds): number {
  if (contact.kind === Kind.IcmpEcho) return breadth.pingedHosts;
  if (!isLinkQuestion(contact)) return breadth.unknownHosts;
  return contact.isFromRouter ? sweep.routerSweepHosts : breadth.unknownHosts * LINK_TIMES;
}

interface HostBounds {
  readonly breadth: { readonly pingedHosts: number; readonly unknownHosts: number };
  readonly sweep: { readonly routerSweepHosts: number };
}

// The meaning of a contact's kind and outcome together, for every source.
import { Kind } from "../kinds.ts";
import { type Contact, Outcome } from "./contact.ts";

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

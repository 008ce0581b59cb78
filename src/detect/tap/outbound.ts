// Contacts by which a host of a private network asks another network, and the few of them whose silence says nothing about
// the asker: there is no way to that network, a firewall drops the service, or the peers of a program have gone.
import { IPV4_MAPPED_WORD } from "../../wire/address.ts";
import { IpProtocol } from "../../wire/packet.ts";
import { Kind } from "../kinds.ts";
import { type Contact, Outcome } from "./contact.ts";
import type { TapSource } from "./tap-source.ts";

const NTP = 123;
/** Services that nobody offers to strangers, and that worms try: no device without an uplink calls them all day. */
export const wormPorts: ReadonlySet<number> = new Set([
  21, 22, 23, 25, 135, 137, 138, 139, 445, 1433, 1434, 2222, 2323, 3306, 3389, 5432, 5555, 5900, 6379, 7547, 8291,
]);
/** Kazaa, eDonkey, Gnutella, BitTorrent, PPStream: a list of peers is of those who were there yesterday. */
const peerPorts: ReadonlySet<number> = new Set([
  1214, 4662, 4672, 6346, 6347, 6881, 6882, 6883, 6884, 6885, 6886, 6887, 6888, 6889, 17788,
]);

/** Private address space, block by block (RFC 1918, 3927, 4193, 6598), and all the rest, which is one. */
const Realm = { Public: 0, Ten: 1, OneSevenTwo: 2, OneNineTwo: 3, Other: 4 } as const;
type Realm = (typeof Realm)[keyof typeof Realm];
/** In a source's heardRealms, beside a bit a realm: its questions for the time were answered. */
const HEARD_TIME = 1 << 8;

/** An answer has come from another network than the source's own. */
export function noteHeard(contact: Contact, source: TapSource): void {
  if (contact.outcome !== Outcome.Accepted && contact.outcome !== Outcome.Refused) return;
  const isTime = contact.protocol === IpProtocol.Udp && contact.port === NTP;
  source.heardRealms |= (1 << hostRealm(contact)) | (isTime ? HEARD_TIME : 0);
}

/**
 * Whether an unanswered contact says nothing: from a private network to another one, from which nothing has ever answered
 * the source (or, for NTP, not its questions for the time); sent as a client's kernel does, and not for what worms look for.
 */
export function isUnheard(contact: Contact, source: TapSource): boolean {
  if (contact.outcome !== Outcome.Unanswered || !isToOtherNetwork(contact)) return false;
  const isDatagram = contact.protocol === IpProtocol.Udp;
  if (isDatagram && contact.port === NTP) return (source.heardRealms & HEARD_TIME) === 0;
  if ((source.heardRealms & (1 << hostRealm(contact))) !== 0 || wormPorts.has(contact.port)) return false;
  if (isDatagram) return contact.probes > 1;
  return contact.kind === Kind.Syn && source.rawSyns === 0 && !bearsMark(source);
}

/** Whether it is about a peer of a program that shares files, who has gone. */
export function isPeerGone(contact: Contact, source: TapSource): boolean {
  if (contact.outcome === Outcome.Accepted || !peerPorts.has(contact.port)) return false;
  if (contact.kind !== Kind.Syn && contact.kind !== Kind.Udp) return false;
  return isToOtherNetwork(contact) && hostRealm(contact) === Realm.Public && !bearsMark(source);
}

function bearsMark(source: TapSource): boolean {
  return (source.tools?.tools().length ?? 0) > 0;
}

function isToOtherNetwork(contact: Contact): boolean {
  const { source0, source1, source2, source3 } = contact;
  const own = realmOf(source0, source1, source2, source3);
  return own !== Realm.Public && own !== hostRealm(contact);
}

function hostRealm({ host0, host1, host2, host3 }: Contact): Realm {
  return realmOf(host0, host1, host2, host3);
}

function realmOf(word0: number, word1: number, word2: number, word3: number): Realm {
  if (word0 !== 0 || word1 !== 0 || word2 !== IPV4_MAPPED_WORD) {
    // fc00::/7 and fe80::/10.
    return word0 >>> 25 === 0x7e || word0 >>> 22 === 0x3fa ? Realm.Other : Realm.Public;
  }
  const first = word3 >>> 24;
  const two = word3 >>> 16;
  if (first === 10) return Realm.Ten;
  if (two >>> 4 === 0xac1) return Realm.OneSevenTwo;
  if (two === 0xc0a8) return Realm.OneNineTwo;
  return first === 127 || two === 0xa9fe || two >>> 6 === 0x191 ? Realm.Other : Realm.Public;
}

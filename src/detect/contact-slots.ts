// The last six contacts of a source, exactly; a contact is a (protocol, port). Protocols without ports are told apart by
// their number alone.
import { IpProtocol } from "../wire/packet.ts";
import { CONTACT_SLOTS, type SourceRows } from "./source-rows.ts";

/** Set in a contact that is weak evidence: `protocol << 16 | port`, and this bit. */
export const WEAK_CONTACT = 1 << 24;

export interface KnownContact {
  readonly protocol: number;
  readonly port: number;
  readonly isWeak: boolean;
}

/** A contact's kind, four bits: 0 = no contact, else the protocol's number here + 1; 8 is added when it is weak. */
const CONTACT_PROTOCOLS: readonly number[] = [
  IpProtocol.Tcp,
  IpProtocol.Udp,
  IpProtocol.Sctp,
  IpProtocol.Dccp,
  IpProtocol.UdpLite,
];
/** Any other protocol: it has no port, and its number is kept in the port's place. */
const KIND_WITHOUT_PORT = CONTACT_PROTOCOLS.length + 1;
const kindByProtocol = Uint8Array.from({ length: 256 }, (_, protocol) => {
  const at = CONTACT_PROTOCOLS.indexOf(protocol);
  return at < 0 ? KIND_WITHOUT_PORT : at + 1;
});
const KIND_BITS = 4;
const ANY_KIND = 0xf;
const ALL_KINDS = (1 << (KIND_BITS * CONTACT_SLOTS)) - 1;
export const KIND_WEAK = 8;
export const NO_SLOT = -1;

/** Without KIND_WEAK. */
export function kindOf(contact: number): number {
  return kindByProtocol[(contact >>> 16) & 0xff] ?? KIND_WITHOUT_PORT;
}

/** The number in the port's place. */
export function portOf(contact: number): number {
  return kindOf(contact) === KIND_WITHOUT_PORT ? (contact >>> 16) & 0xff : contact & 0xffff;
}

export function slotOf(rows: SourceRows, row: number, kind: number, port: number): number {
  const kinds = rows.kinds(row);
  for (let slot = 0; slot < CONTACT_SLOTS; slot++) {
    const known = (kinds >>> (slot * KIND_BITS)) & ANY_KIND;
    if (known === 0) return NO_SLOT;
    if ((known & ~KIND_WEAK) === kind && rows.port(row, slot) === port) return slot;
  }
  return NO_SLOT;
}

export function isWeakSlot(rows: SourceRows, row: number, slot: number): boolean {
  return ((rows.kinds(row) >>> (slot * KIND_BITS)) & KIND_WEAK) !== 0;
}

/** Direct once, direct for good. */
export function makeDirect(rows: SourceRows, row: number, slot: number): void {
  rows.setKinds(row, rows.kinds(row) & ~(KIND_WEAK << (slot * KIND_BITS)));
}

/** For a contact that has no slot. When all are full the oldest weak contact goes, or else the oldest. */
export function remember(rows: SourceRows, row: number, kind: number, port: number): void {
  let slot = countSlots(rows, row);
  if (slot === CONTACT_SLOTS) {
    slot--;
    dropSlot(rows, row, oldestWeakSlot(rows, row));
  }
  rows.setPort(row, slot, port);
  rows.setKinds(row, rows.kinds(row) | (kind << (slot * KIND_BITS)));
}

export function countSlots(rows: SourceRows, row: number): number {
  const kinds = rows.kinds(row);
  let count = 0;
  while (count < CONTACT_SLOTS && ((kinds >>> (count * KIND_BITS)) & ANY_KIND) !== 0) count++;
  return count;
}

/** The oldest first. */
export function listContacts(rows: SourceRows, row: number): KnownContact[] {
  return Array.from({ length: countSlots(rows, row) }, (_, slot) => {
    const known = (rows.kinds(row) >>> (slot * KIND_BITS)) & ANY_KIND;
    const protocol = CONTACT_PROTOCOLS[(known & ~KIND_WEAK) - 1];
    const port = rows.port(row, slot);
    const isWeak = (known & KIND_WEAK) !== 0;
    return protocol === undefined ? { protocol: port, port: 0, isWeak } : { protocol, port, isWeak };
  });
}

/** Without any weak one, slot 0. */
function oldestWeakSlot(rows: SourceRows, row: number): number {
  for (let slot = 0; slot < CONTACT_SLOTS; slot++) if (isWeakSlot(rows, row, slot)) return slot;
  return 0;
}

/** Those behind it move up, so that the last slot is free. */
function dropSlot(rows: SourceRows, row: number, slot: number): void {
  const kinds = rows.kinds(row);
  for (let to = slot; to < CONTACT_SLOTS - 1; to++) rows.setPort(row, to, rows.port(row, to + 1));
  const before = (1 << (slot * KIND_BITS)) - 1;
  rows.setKinds(row, (kinds & before) | ((kinds >>> KIND_BITS) & ~before & ALL_KINDS));
}

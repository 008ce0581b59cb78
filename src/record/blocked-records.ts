// PortSentry 2.x's list of blocked sources: a record for each, without a mark between them.
//
//   +-----------------+----------------------------+
//   | family (LE)     | 4 or 16 bytes of address   |
//   +-----------------+----------------------------+
import { isIpv4, type Prefix } from "../wire/address.ts";

/** Linux's numbers of the families; little-endian, as on every platform we run on. */
export const AF_INET = 2;
export const AF_INET6 = 10;

/** The record of one source. 2.x knows no networks: the /64 of an IPv6 source is its first address. */
export function blockedRecord(source: Prefix): Buffer {
  if (isIpv4(source)) {
    const record = Buffer.alloc(6);
    record.writeUInt16LE(AF_INET);
    record.writeUInt32BE(source.w3, 2);
    return record;
  }
  const record = Buffer.alloc(18);
  record.writeUInt16LE(AF_INET6);
  for (const [index, word] of [source.w0, source.w1, source.w2, source.w3].entries())
    record.writeUInt32BE(word, 2 + index * 4);
  return record;
}

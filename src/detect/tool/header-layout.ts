// Gives the layout behind the fixed header as one small number: the few layouts by which fingerprints.ts tells tools apart.
// Pure; reads only bytes that the decoder has found captured.
import { readU8, readU16, readU32 } from "../../wire/big-endian.ts";
import { IpProtocol, type Packet } from "../../wire/packet.ts";

export const Layout = {
  /** Not TCP or SCTP, or cut short by the capture. */
  Unknown: 0,
  /** TCP without options. */
  None: 1,
  /** MSS 1460 and nothing else: packet builders copy this from each other. */
  OnlyMss1460: 2,
  /** MSS 1460, NOP, window scale 8, NOP, NOP, SACK permitted: Windows since Vista. */
  Windows: 3,
  /** A time stamp of ffffffff that echoes 0. */
  LastTimestamp: 4,
  /** nmap's SCTP INIT: 20 bytes, receiver window 32768, 10 streams out, 2048 in, no parameters. */
  NmapInit: 5,
  Other: 6,
} as const;
export type Layout = (typeof Layout)[keyof typeof Layout];

const TCP_HEADER_BYTES = 20;
const DATA_OFFSET_AT = 12;
const MSS_1460 = 0x020405b4;
/** TCP options (RFC 9293 section 3.1, RFC 7323 section 3.2). */
const END_OF_LIST = 0;
const NO_OPERATION = 1;
const TIMESTAMP = 8;
const TIMESTAMP_BYTES = 10;

/** SCTP: common header of 12 bytes, then the INIT chunk (RFC 9260 section 3.3.2). */
const INIT = 1;
const CHUNK_AT = 12;
const INIT_BYTES = 20;
const RECEIVER_WINDOW_AT = CHUNK_AT + 8;
const STREAMS_AT = CHUNK_AT + 12;

export function layoutOf(packet: Packet, bytes: Uint8Array): Layout {
  if (packet.protocol === IpProtocol.Tcp) return tcpLayout(packet, bytes);
  if (packet.protocol === IpProtocol.Sctp && packet.sctpChunkType === INIT) return sctpLayout(packet, bytes);
  return Layout.Unknown;
}

function tcpLayout(packet: Packet, bytes: Uint8Array): Layout {
  const at = packet.tcpOptionsAt;
  // 0: the fixed header itself was cut, by the capture or by a fragment.
  if (at === 0) return Layout.Unknown;
  const optionBytes = (readU8(bytes, packet.transportAt + DATA_OFFSET_AT) >> 4) * 4 - TCP_HEADER_BYTES;
  if (optionBytes !== packet.tcpOptionsBytes) return Layout.Unknown;
  if (optionBytes === 0) return Layout.None;
  if (readU32(bytes, at) === MSS_1460) {
    if (optionBytes === 4) return Layout.OnlyMss1460;
    if (optionBytes === 12 && readU32(bytes, at + 4) === 0x01030308 && readU32(bytes, at + 8) === 0x01010402) {
      return Layout.Windows;
    }
  }
  return hasLastTimestamp(bytes, at, at + optionBytes) ? Layout.LastTimestamp : Layout.Other;
}

function hasLastTimestamp(bytes: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end; ) {
    const kind = readU8(bytes, at);
    if (kind === END_OF_LIST) return false;
    if (kind === NO_OPERATION) {
      at++;
      continue;
    }
    const length = at + 1 < end ? readU8(bytes, at + 1) : 0;
    if (length < 2 || at + length > end) return false;
    if (kind === TIMESTAMP && length === TIMESTAMP_BYTES) {
      return readU32(bytes, at + 2) === 0xffffffff && readU32(bytes, at + 6) === 0;
    }
    at += length;
  }
  return false;
}

function sctpLayout(packet: Packet, bytes: Uint8Array): Layout {
  const at = packet.transportAt;
  if (packet.payloadBytes !== INIT_BYTES || at + CHUNK_AT + INIT_BYTES > bytes.length) return Layout.Unknown;
  const isNmap =
    readU16(bytes, at + CHUNK_AT + 2) === INIT_BYTES &&
    readU32(bytes, at + RECEIVER_WINDOW_AT) === 32_768 &&
    readU32(bytes, at + STREAMS_AT) === (10 << 16) + 2048;
  return isNmap ? Layout.NmapInit : Layout.Other;
}

// Makes a number of the header fields that one tool's probes have in common: it shows that several sources use the same tool.
// Operating systems' own SYNs are left out: millions of hosts share them.
import { readU8 } from "../../wire/big-endian.ts";
import { IpProtocol, type Packet, TcpFlag } from "../../wire/packet.ts";

/** A kernel's SYN has at least MSS and window scale or SACK; scanners that write their own send none or MSS alone. */
const KERNEL_OPTIONS_BYTES = 8;
const TCP_HEADER_BYTES = 20;
const DATA_OFFSET_AT = 12;
/** Initial values of the hop limit lie above what arrives (RFC 1700 and practice: 64, 128, 255). */
const HOP_STEPS = [64, 128, 255] as const;

export function isKernelSyn(packet: Packet): boolean {
  return packet.tcpOptionsBytes >= KERNEL_OPTIONS_BYTES;
}

/** The same by the length that the header says, where a capture has cut the options off; `bytes` are the packet's. */
export function hasKernelOptions({ transportAt }: Packet, bytes: Uint8Array): boolean {
  return (readU8(bytes, transportAt + DATA_OFFSET_AT) >> 4) * 4 - TCP_HEADER_BYTES >= KERNEL_OPTIONS_BYTES;
}

/** 0: none that tells. */
export function headerSignature(packet: Packet): number {
  if (packet.protocol !== IpProtocol.Tcp) return 0;
  const isSyn = (packet.tcpFlags & (TcpFlag.Syn | TcpFlag.Ack)) === TcpFlag.Syn;
  if (isSyn && isKernelSyn(packet)) return 0;
  const hops = HOP_STEPS.findIndex((start) => packet.hopLimit <= start);
  const shape = (hops << 16) | (packet.dontFragment << 14) | (packet.tcpOptionsBytes << 8) | packet.tcpFlags;
  // Never 0: some flag, option or window is set in all that is told apart.
  return (Math.imul(shape + 1, 0x9e3779b1) ^ Math.imul(packet.tcpWindow + 1, 0x85ebca6b)) | 1;
}

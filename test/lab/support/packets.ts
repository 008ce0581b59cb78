// The few packets that a forger sends in the lab, in the words of the tests; test/support/build-packet.ts builds them.
import { buildTcp, buildUdp } from "../../support/build-packet.ts";

/** RFC 8200 section 4.6: the shortest legal header: length 0 (= 8 bytes), one PadN option of 4 zero bytes. */
const EIGHT_BYTES_OF_OPTIONS = [0, 0x00, 0x01, 0x04, 0, 0, 0, 0];
const DESTINATION_OPTIONS = 60;
const FRAGMENT = 44;
const MAXIMUM_SEGMENT_SIZE_AND_PADDING = [2, 4, 0x05, 0xb4, 1, 1, 1, 1, 1, 1, 1, 1];
const IPV6_HEADER_BYTES = 40;

export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly fromPort?: number;
}

export function syn(packet: Packet): Uint8Array {
  return buildTcp(endpoints(packet));
}

/** An IPv6 SYN behind the legal 8-byte destination-options header. */
export function synBehindOptions(packet: Packet): Uint8Array {
  const extensionHeaders = [{ type: DESTINATION_OPTIONS, bytes: EIGHT_BYTES_OF_OPTIONS }];
  return buildTcp({ ...endpoints(packet), extensionHeaders });
}

/**
 * An IPv6 SYN whose TCP options are cut off into a second fragment (RFC 8200 section 4.5). Its fixed header stays whole
 * in the first: the kernel throws away what is cut earlier, so nobody can scan with that.
 */
export function synInFragments(packet: Packet): readonly Uint8Array[] {
  const whole = buildTcp({ ...endpoints(packet), tcpOptions: MAXIMUM_SEGMENT_SIZE_AND_PADDING });
  const header = whole.subarray(0, IPV6_HEADER_BYTES);
  const piece = (from: number, to: number, more: number): Uint8Array => {
    const transport = whole.subarray(IPV6_HEADER_BYTES + from, IPV6_HEADER_BYTES + to);
    const fragment = [header[6] ?? 0, 0, 0, from | more, 0, 0, packet.port >> 8, packet.port & 255];
    const bytes = Uint8Array.from([...header, ...fragment, ...transport]);
    new DataView(bytes.buffer).setUint16(4, fragment.length + transport.length);
    bytes[6] = FRAGMENT;
    return bytes;
  };
  return [piece(0, 24, 1), piece(24, 32, 0)];
}

export function udp(packet: Packet): Uint8Array {
  return buildUdp({ ...endpoints(packet), payload: Uint8Array.of(0x68, 0x69) });
}

function endpoints(packet: Packet) {
  const { from, to, port, fromPort = 40_000 } = packet;
  return { source: from, destination: to, sourcePort: fromPort, destinationPort: port };
}

// The few packets that a forger sends in the lab, in the words of the tests; test/support/build-packet.ts builds them.
import { buildTcp, buildUdp } from "../../support/build-packet.ts";

/** RFC 8200 section 4.6: the shortest legal header: length 0 (= 8 bytes), one PadN option of 4 zero bytes. */
const EIGHT_BYTES_OF_OPTIONS = [0, 0x00, 0x01, 0x04, 0, 0, 0, 0];
const DESTINATION_OPTIONS = 60;

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

export function udp(packet: Packet): Uint8Array {
  return buildUdp({ ...endpoints(packet), payload: Uint8Array.of(0x68, 0x69) });
}

function endpoints(packet: Packet) {
  const { from, to, port, fromPort = 40_000 } = packet;
  return { source: from, destination: to, sourcePort: fromPort, destinationPort: port };
}

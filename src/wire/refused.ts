// What a refusal answers: the first packet of a contact, from the reset or the ICMP error with which its host has refused it.
import { DecodeResult, IpProtocol, type Packet, resetPacket, TcpFlag } from "./packet.ts";
import { decodeQuoted } from "./quoted.ts";

/**
 * Writes into `out` the packet that a refusal answers, as far as the refusal tells: addresses, ports, sequence number. Of TCP that
 * was a SYN. `refusal` was decoded from these bytes. False where they tell nothing of it; `out` is reset then.
 */
export function decodeRefused(bytes: Uint8Array, refusal: Packet, out: Packet): boolean {
  if (refusal.protocol === IpProtocol.Tcp) turn(refusal, out);
  else {
    const result = decodeQuoted(bytes, refusal, out);
    // Eight bytes of what was sent are enough, and often there are no more.
    if (result !== DecodeResult.Ok && result !== DecodeResult.Truncated) resetPacket(out);
  }
  if (out.protocol === IpProtocol.Tcp) out.tcpFlags = TcpFlag.Syn;
  // The quoted options are none that were sent to this host.
  out.tcpOptionsBytes = 0;
  return out.family !== 0 && out.destinationPort !== 0;
}

function turn(reset: Packet, out: Packet): void {
  resetPacket(out);
  out.family = reset.family;
  out.source0 = reset.destination0;
  out.source1 = reset.destination1;
  out.source2 = reset.destination2;
  out.source3 = reset.destination3;
  out.destination0 = reset.source0;
  out.destination1 = reset.source1;
  out.destination2 = reset.source2;
  out.destination3 = reset.source3;
  out.protocol = reset.protocol;
  out.sourcePort = reset.destinationPort;
  out.destinationPort = reset.sourcePort;
  out.tcpSequence = (reset.tcpAcknowledgment - 1) >>> 0;
}

// From what a listener saw to a probe: connect mode's way into Detector.see. Who connects to a port that serves
// nothing is as much a scanner as who sends a SYN to a closed one. 1.2 says "Connect from" of datagrams as well.
import { isIpv4Words } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { Arrival } from "../wire/arrival.ts";
import { Kind } from "./kinds.ts";
import { Disposition, Evidence, type Probe } from "./probe.ts";

/** Writes every field of `out`; `near` as for classify(): on-link IPv6 sources count one by one, others by /64. */
export function probeOfArrival(arrival: Arrival, near: AddressRanges, out: Probe): void {
  const { source0, source1, source2, source3 } = arrival;
  const byAddress = isIpv4Words(source0, source1, source2) || near.contains(source0, source1, source2, source3);
  out.source0 = source0;
  out.source1 = source1;
  out.source2 = byAddress ? source2 : 0;
  out.source3 = byAddress ? source3 : 0;
  out.sourceBits = byAddress ? 128 : 64;
  out.protocol = arrival.protocol;
  out.port = arrival.port;
  out.kind = Kind.Connect;
  out.evidence = Evidence.Direct;
  out.disposition = Disposition.Probe;
  // Neither reaches a socket.
  out.tcpFlags = 0;
  out.hasIpOptions = 0;
  out.timeMs = arrival.timeMs;
}

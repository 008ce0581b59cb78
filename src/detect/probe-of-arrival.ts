// Makes a probe of an arrival at a listener: connect mode's way into Detector.see. A source that connects to a port that serves
// nothing is as much a scanner as one that sends a SYN to a closed port. 1.2 says "Connect from" of datagrams as well.
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { Arrival } from "../wire/arrival.ts";
import { Kind } from "./kinds.ts";
import { Disposition, Evidence, type Probe } from "./probe.ts";
import { countsByAddress, writeSourceKey } from "./source-key.ts";

/** Writes every field of `out` but the host's words; `near` is for source-key.ts. */
export function probeOfArrival(arrival: Arrival, near: AddressRanges, out: Probe): void {
  writeSourceKey(arrival, countsByAddress(arrival, near), out);
  out.protocol = arrival.protocol;
  out.port = arrival.port;
  out.kind = Kind.Connect;
  out.evidence = Evidence.Direct;
  out.disposition = Disposition.Probe;
  // Neither reaches a socket.
  out.tcpFlags = 0;
  out.hasIpOptions = 0;
  out.sourcePort = arrival.sourcePort;
  out.target0 = arrival.local0;
  out.target1 = arrival.local1;
  out.target2 = arrival.local2;
  out.target3 = arrival.local3;
  out.timeMs = arrival.timeMs;
  out.isBehind = 0;
}

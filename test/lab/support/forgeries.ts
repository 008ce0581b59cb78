// What a blind forger sends in somebody's name: one packet of a kind, the `index`-th of many. Ports vary, most of them
// closed; every eighth packet goes to the port that is served.
import { buildTcp, buildUdp } from "../../support/build-packet.ts";

const SYN = 0x02;
const FIN = 0x01;
const RST = 0x04;
const ACK = 0x10;
const FIRST_CLOSED = 2_000;
const CLOSED_PORTS = 20_000;

export interface Forgery {
  readonly from: string;
  readonly to: string;
  /** The port of the target that is served. */
  readonly served: number;
}

export type ForgeryKind = "SYN" | "FIN" | "UDP" | "RST" | "SYN+ACK";
export const forgeryKinds: readonly ForgeryKind[] = ["SYN", "FIN", "UDP", "RST", "SYN+ACK"];
/** RST and SYN+ACK without a connection are backscatter, as every victim of a flood sends it: they cost nobody anything. */
export const isEvidence = (kind: ForgeryKind): boolean => kind === "SYN" || kind === "FIN" || kind === "UDP";

const flagsOf: Readonly<Record<Exclude<ForgeryKind, "UDP">, number>> = {
  SYN,
  FIN,
  RST,
  "SYN+ACK": SYN | ACK,
};

export function forge(kind: ForgeryKind, { from, to, served }: Forgery, index: number): Uint8Array {
  const destinationPort = index % 8 === 7 ? served : FIRST_CLOSED + (index % CLOSED_PORTS);
  const sourcePort = index % 4 === 0 ? 53 : 1_024 + ((index * 7_919) % 60_000);
  const ends = { source: from, destination: to, sourcePort, destinationPort };
  if (kind === "UDP") return buildUdp({ ...ends, payload: Uint8Array.of(0x68, 0x69) });
  return buildTcp({ ...ends, flags: flagsOf[kind], sequence: Math.imul(index, 0x9e3779b1) >>> 0 });
}

/** Into an open connection, by one who knows its ports but not its sequence numbers. */
export function forgeInto(
  kind: ForgeryKind,
  forgery: Forgery & { readonly fromPort: number },
  index: number,
): Uint8Array {
  const { from, to, served, fromPort } = forgery;
  const ends = { source: from, destination: to, sourcePort: fromPort, destinationPort: served };
  if (kind === "UDP") return buildUdp({ ...ends, payload: Uint8Array.of(0x68, 0x69) });
  return buildTcp({ ...ends, flags: flagsOf[kind], sequence: Math.imul(index + 1, 0x9e3779b1) >>> 0 });
}

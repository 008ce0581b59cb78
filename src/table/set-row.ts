// What a row of the table of sets is (sets.ts), and what rows are made of.
import { type Part, widths } from "./neighbours.ts";

export interface SetRow {
  /** Absent: that of the row. */
  readonly name?: string;
  /** For each part a set of its own, named by the row and the part's suffix. */
  readonly parts: readonly Part[];
  /** What a key is, in nft's words; `address` is that of the part. */
  readonly key: (address: string) => string;
  /** "fixed": whole ranges, until the daemon writes others. "timed": each element has its own end. "dynamic": rules add to it. */
  readonly kind: "fixed" | "timed" | "timed ranges" | "dynamic";
  /** Elements at most. A full set takes no more: the packet is still logged and dropped. */
  readonly size?: number;
  /** How long an element stays of which nothing else is said. */
  readonly seconds?: number;
  /** The sets that a block is in: another program that changes one is corrected. */
  readonly holdsBlocks?: true;
  /** Kept in STATE_DIR over a restart of the host (learned-sets.ts). */
  readonly isLearned?: true;
  readonly members: string;
  readonly filledBy: string;
  /** What happens at `size`, or what bounds a set without one. */
  readonly atBound: string;
}

export const families: readonly Part[] = [
  { suffix: "4", address: "ipv4_addr" },
  { suffix: "6", address: "ipv6_addr" },
];
export const protocols: readonly Part[] = [
  { suffix: "_tcp", address: "" },
  { suffix: "_udp", address: "" },
];
export const one: readonly Part[] = [{ suffix: "", address: "" }];
export const counted: readonly Part[] = [...widths, { suffix: "mac", address: "ether_addr" }];
export const address = (of: string) => of;
export const addressAndPort = (of: string) => `${of} . inet_service`;
/** A source, the address that it asked, and the port. */
export const contact = (of: string) => `${of} . ${of} . inet_service`;
export const port = () => "inet_service";
export const protocolAndPort = () => "inet_proto . inet_service";

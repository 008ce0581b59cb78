// The kinds of scan, each a number and a row. All other parts read the rows: the sensor's and the taps' evidence, the names in
// JSON (design section 7), PortSentry's words and the backtest.
import { IpProtocol, TcpFlag } from "../wire/packet.ts";

/** Stand in tables, in bit masks of 32 bits (hence at most MAX_KINDS) and on the packet path. */
export const Kind = {
  Syn: 0,
  Connect: 1,
  Null: 2,
  Fin: 3,
  Xmas: 4,
  SynFin: 5,
  Ack: 6,
  Maimon: 7,
  Udp: 8,
  Unknown: 9,
  /** SCTP: the first chunk is an INIT, or a COOKIE-ECHO that no INIT preceded. */
  SctpInit: 10,
  SctpCookieEcho: 11,
  /** A packet of an IP protocol that the host does not speak. */
  IpProtocol: 12,
  IcmpEcho: 13,
  IcmpTimestamp: 14,
  IcmpNetmask: 15,
  /** A source that asks the link for one address after the other. */
  Arp: 16,
  Neighbor: 17,
  /** A first fragment too short to hold the ports or flags, or a later one alone. */
  Fragment: 18,
  /** The packets by which nmap -O tells operating systems apart. */
  OsDetection: 19,
  /** SYN+ACKs by which an idle scan reads the IP identifications of the host it works through. */
  IdleScan: 20,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];
export const MAX_KINDS = 31;

export interface KindRow {
  readonly name: string;
  /**
   * Where only a scan sends such a packet. "closed": to a closed port; clients send it to open ones. "bare": to any port
   * if it is TCP without ACK and RST, which may be late segments or the backscatter of a forger.
   */
  readonly scansOnly: "nowhere" | "closed" | "everywhere" | "bare";
  /**
   * The worth of a contact that was not accepted on a mirror port, which cannot ask whether a port is closed. "direct" and
   * "refused" are direct evidence, the latter if refused only (a datagram without an answer may have been heard); else weak.
   */
  readonly inVain: "direct" | "refused" | "weak" | "nothing";
  /** Begins a new contact even where two have talked before. */
  readonly begins?: true;
  readonly hasPort?: false;
  /** PortSentry 1.2's words before "from host:"; without them those are made of the protocol and the TCP flags. */
  readonly portsentry?: string;
}

const rows = {
  [Kind.Syn]: { name: "syn", scansOnly: "closed", inVain: "direct", begins: true, portsentry: "TCP SYN/Normal scan" },
  [Kind.Connect]: { name: "connect", scansOnly: "closed", inVain: "direct", portsentry: "Connect" },
  [Kind.Null]: { name: "null", scansOnly: "everywhere", inVain: "nothing", portsentry: " TCP NULL scan" },
  [Kind.Fin]: { name: "fin", scansOnly: "everywhere", inVain: "nothing", portsentry: "TCP FIN scan" },
  [Kind.Xmas]: { name: "xmas", scansOnly: "everywhere", inVain: "nothing", portsentry: "TCP XMAS scan" },
  [Kind.SynFin]: { name: "synfin", scansOnly: "everywhere", inVain: "nothing" },
  [Kind.Ack]: { name: "ack", scansOnly: "nowhere", inVain: "weak" },
  [Kind.Maimon]: { name: "maimon", scansOnly: "nowhere", inVain: "weak" },
  [Kind.Udp]: { name: "udp", scansOnly: "closed", inVain: "refused" },
  [Kind.Unknown]: { name: "unknown", scansOnly: "bare", inVain: "weak" },
  // The kernel's sensor cannot ask the socket table for SCTP.
  [Kind.SctpInit]: { name: "sctp-init", scansOnly: "nowhere", inVain: "direct", begins: true },
  [Kind.SctpCookieEcho]: { name: "sctp-cookie-echo", scansOnly: "nowhere", inVain: "nothing" },
  [Kind.IpProtocol]: { name: "ip-protocol", scansOnly: "nowhere", inVain: "direct", hasPort: false },
  // Pings, ARP and neighbour questions are evidence only as sweeps.
  [Kind.IcmpEcho]: { name: "icmp-echo", scansOnly: "nowhere", inVain: "nothing", hasPort: false },
  [Kind.IcmpTimestamp]: { name: "icmp-timestamp", scansOnly: "nowhere", inVain: "nothing", hasPort: false },
  [Kind.IcmpNetmask]: { name: "icmp-netmask", scansOnly: "nowhere", inVain: "nothing", hasPort: false },
  [Kind.Arp]: { name: "arp", scansOnly: "nowhere", inVain: "nothing", hasPort: false },
  [Kind.Neighbor]: { name: "neighbor", scansOnly: "nowhere", inVain: "nothing", hasPort: false },
  [Kind.Fragment]: { name: "fragment", scansOnly: "everywhere", inVain: "nothing" },
  [Kind.OsDetection]: { name: "os-detection", scansOnly: "everywhere", inVain: "nothing" },
  [Kind.IdleScan]: { name: "idle-scan", scansOnly: "nowhere", inVain: "nothing" },
} as const satisfies Readonly<Record<Kind, KindRow>>;

export type KindName = (typeof rows)[Kind]["name"];
export const kinds: Readonly<Record<Kind, KindRow & { readonly name: KindName }>> = rows;
const inOrder = Object.values(Kind);
/** At the index of each kind's number. */
export const kindNames: readonly KindName[] = inOrder.map((kind) => rows[kind].name);

/** The kind with this number, as tables hold it. */
export function kindAt(number: number): Kind | undefined {
  return inOrder[number];
}

/** Whether only a scan sends such a packet, to whatever port. */
export function isSentByScansOnly(kind: Kind, protocol: number, tcpFlags: number): boolean {
  const { scansOnly } = kinds[kind];
  if (scansOnly !== "bare") return scansOnly === "everywhere";
  return protocol === IpProtocol.Tcp && (tcpFlags & (TcpFlag.Ack | TcpFlag.Rst)) === 0;
}

/** The same for a packet to a closed port. */
export function isSentToClosedByScansOnly(kind: Kind, protocol: number, tcpFlags: number): boolean {
  return kinds[kind].scansOnly === "closed" || isSentByScansOnly(kind, protocol, tcpFlags);
}

// The scanners that can be told by their packets' headers, one row a tool and variant, as data; tool-evidence.ts reads
// it. `seenIn` says what each row was checked against: a capture of the real tool in test/corpus, or the tool's source.
//
// Some scans leave no such trace: tools that let the kernel connect (nmap -sT, RustScan, nc), UDP and ICMP of masscan and of
// nmap, and nmap -f, whose fragments hide the header.
import { IpProtocol, TcpFlag } from "../../wire/packet.ts";
import { Layout } from "./header-layout.ts";

export const toolNames = ["zmap", "masscan", "mirai", "nmap", "naabu", "hping3", "unicornscan"] as const;
export type ToolName = (typeof toolNames)[number];

/** A value that the tool computes for each packet; by chance it is right in one packet of 2^bits. */
export const Cookie = {
  None: 0,
  /** masscan (templ-pkt.c): identification = destination ^ port ^ sequence number, low 16 bits. */
  IdOfTarget: 1,
  /** Mirai (bot/scanner.c): sequence number = destination. */
  SequenceIsTarget: 2,
} as const;
export type Cookie = (typeof Cookie)[keyof typeof Cookie];
export const cookieBits: Readonly<Record<Cookie, number>> = { 0: 0, 1: 16, 2: 32 };

/** A value that stays the same from one target to the next; counts from the second packet on. */
export const Constant = {
  None: 0,
  /** masscan behind a router that changes the destination: the part of its cookie that the change leaves. */
  MasscanKey: 1,
  Sequence: 2,
  /** nmap (scan_engine_raw.cc): one number a scan, with the number of the try XORed into both halves. */
  NmapKey: 3,
  /** unicornscan (TCPHASHTRACK): key ^ destination in host order ^ (port << 16 | source port); x86 as sender. */
  UnicornKey: 4,
  SourcePort: 5,
} as const;
export type Constant = (typeof Constant)[keyof typeof Constant];
/** Source ports are drawn from 16 bits, but a router may give a client the same one again: judged at 10. */
export const constantBits: Readonly<Record<Constant, number>> = { 0: 0, 1: 16, 2: 32, 3: 16, 4: 32, 5: 10 };

/**
 * What a header says by habit, and what each is worth in bits. These are judged, and low: not log2 of the field's width
 * but of how many of the stacks in use would have to share the habit. A sender has its habits in every packet, so they
 * count once a source. Only `identification` counts with each packet: other senders draw it anew.
 */
export interface Habits {
  /** Exactly these of FIN, SYN, RST, PSH, ACK and URG; any when absent. Worth nothing. */
  readonly flags?: number;
  /** Any value but these. */
  readonly flagsExcept?: readonly number[];
  /** TCP; worth nothing, as all scanners try the same ports. */
  readonly ports?: readonly number[];
  readonly window?: { readonly of: readonly number[]; readonly bits: number };
  readonly layout?: { readonly of: readonly Layout[]; readonly bits: number };
  /** Hop limits of packets as they arrive, so that 30 routers and more fit between. A family that is absent is not matched. */
  readonly hops4?: readonly [number, number];
  readonly hops6?: readonly [number, number];
  readonly hopBits?: number;
  /** IPv4 only. Every stack of today sets the flag in a SYN; a router may clear it. */
  readonly dontFragment?: { readonly is: 0 | 1; readonly bits: number };
  readonly identification?: { readonly is: number; readonly bits: number };
  /** The acknowledgment number is not 0 though there is no ACK flag. */
  readonly strayAcknowledgmentBits?: number;
}

export interface Fingerprint {
  readonly tool: ToolName;
  readonly variant: string;
  readonly seenIn: string;
  readonly protocol: number;
  readonly habits: Habits;
  readonly cookie?: Cookie;
  readonly constant?: Constant;
}

const { Fin, Syn, Psh, Ack, Urg } = TcpFlag;
const { Tcp, Udp, Icmp, Sctp } = IpProtocol;

/** A start of 255, of 64, and of nmap's random 37 to 59 (IPv6: 255). */
const FROM_255 = [129, 255] as const;
const UP_TO_64 = [1, 64] as const;
const UP_TO_59 = [1, 59] as const;

const mayFragment = { is: 0, bits: 3 } as const;
const builderWindow = { of: [1024], bits: 6 };
const bareOrMss = { of: [Layout.None, Layout.OnlyMss1460], bits: 4 };
const bare = { of: [Layout.None], bits: 4 };
const onlyMss = { of: [Layout.OnlyMss1460], bits: 4 };
/** Since 2012 nmap's window is 1024; Debian's sensors still meet the three older ones. */
const nmapWindow = { of: [1024, 2048, 3072, 4096], bits: 6 };
const fromNmap = { window: nmapWindow, hops4: UP_TO_59, hops6: FROM_255, hopBits: 1, dontFragment: mayFragment };
const zmapId = { is: 54_321, bits: 16 };

const fromNaabu = { flags: Syn, window: builderWindow, layout: onlyMss };
const nmapFlags = [Syn, 0, Fin, Fin | Psh | Urg, Fin | Ack, Ack];

function nmapRow(variant: string, flags: number | undefined, capture: string): Fingerprint {
  const layout = flags === undefined ? bareOrMss : flags === Syn ? onlyMss : bare;
  const habits = { ...fromNmap, layout, ...(flags === undefined ? { flagsExcept: nmapFlags } : { flags }) };
  const seenIn = `nmap 7.93, test/corpus/nmap/${capture}`;
  return { tool: "nmap", variant, seenIn, protocol: Tcp, habits, constant: Constant.NmapKey };
}

function zmapRow(what: string, protocol: number, capture: string): Fingerprint {
  const habits = { identification: zmapId, hops4: FROM_255, hopBits: 1, dontFragment: mayFragment };
  const seenIn = `zmap 2.1.1, test/corpus/tools/${capture}`;
  return { tool: "zmap", variant: `before 4.1, ${what}`, seenIn, protocol, habits };
}

const masscanSyn: Habits = {
  flags: Syn,
  window: builderWindow,
  layout: bareOrMss,
  hops4: FROM_255,
  hopBits: 1,
  dontFragment: mayFragment,
};

/** In the order of trust: a packet belongs to the first row that it fits. */
export const fingerprints: readonly Fingerprint[] = [
  {
    tool: "mirai",
    variant: "telnet scanner",
    seenIn: "bot/scanner.c, built as test/corpus/tools/mirai",
    protocol: Tcp,
    habits: { flags: Syn, layout: bare, hops4: UP_TO_64, dontFragment: mayFragment },
    cookie: Cookie.SequenceIsTarget,
  },
  {
    tool: "masscan",
    variant: "SYN",
    seenIn: "masscan 1.3.2, test/corpus/tools/masscan",
    protocol: Tcp,
    habits: masscanSyn,
    cookie: Cookie.IdOfTarget,
  },
  {
    ...zmapRow("SYN", Tcp, "zmap"),
    habits: { ...zmapRow("", Tcp, "").habits, flags: Syn, window: { of: [65_535], bits: 2 }, layout: bareOrMss },
  },
  zmapRow("UDP", Udp, "zmap-udp"),
  zmapRow("ICMP", Icmp, "zmap-ping"),
  {
    tool: "zmap",
    variant: "since 4.1",
    seenIn: "zmap 4.2 module_tcp_synscan.c, built as test/corpus/tools/zmap-4",
    protocol: Tcp,
    habits: {
      flags: Syn,
      window: { of: [65_535], bits: 2 },
      // Windows starts at 128: with 64 or less left this layout would have crossed 64 routers.
      layout: { of: [Layout.Windows], bits: 3 },
      hops4: UP_TO_64,
      hopBits: 10,
      dontFragment: { is: 0, bits: 6 },
    },
  },
  {
    tool: "nmap",
    variant: "-O",
    seenIn: "nmap 7.93, test/corpus/nmap/os-detection and os-detection6",
    protocol: Tcp,
    // A clock's last tick before it starts again.
    habits: { layout: { of: [Layout.LastTimestamp], bits: 32 }, hops4: UP_TO_59, hops6: UP_TO_59 },
  },
  {
    tool: "masscan",
    variant: "SYN behind destination NAT",
    seenIn: "masscan 1.3.2, test/corpus/tools/masscan-behind-dnat",
    protocol: Tcp,
    habits: masscanSyn,
    constant: Constant.MasscanKey,
  },
  {
    tool: "unicornscan",
    variant: "SYN",
    seenIn: "unicornscan 0.4.7 send_packet.c, built as test/corpus/tools/unicornscan",
    protocol: Tcp,
    habits: {
      flags: Syn,
      window: { of: [4128], bits: 6 },
      layout: onlyMss,
      hops4: FROM_255,
      hopBits: 1,
      dontFragment: mayFragment,
    },
    constant: Constant.UnicornKey,
  },
  nmapRow("-sS", Syn, "syn"),
  nmapRow("-sN", 0, "null"),
  nmapRow("-sF", Fin, "fin"),
  nmapRow("-sX", Fin | Psh | Urg, "xmas"),
  nmapRow("-sM", Fin | Ack, "maimon"),
  nmapRow("-sA or -sW", Ack, "ack and window"),
  nmapRow("--scanflags", undefined, "synfin, psh-urg and all-flags"),
  {
    tool: "nmap",
    variant: "-sY",
    seenIn: "nmap 7.93, test/corpus/nmap/sctp-init",
    protocol: Sctp,
    habits: { layout: { of: [Layout.NmapInit], bits: 16 }, hops4: UP_TO_59, hops6: FROM_255 },
    constant: Constant.SourcePort,
  },
  {
    tool: "mirai",
    variant: "telnet scanner behind destination NAT",
    seenIn: "bot/scanner.c, built as test/corpus/tools/mirai-behind-dnat",
    protocol: Tcp,
    habits: { flags: Syn, ports: [23, 2323], layout: bare, hops4: UP_TO_64, dontFragment: mayFragment },
    constant: Constant.Sequence,
  },
  {
    tool: "naabu",
    variant: "SYN",
    seenIn: "naabu pkg/scan/scan_raw.go, built as test/corpus/tools/naabu",
    protocol: Tcp,
    // A raw socket: the IP header is the kernel's, as nmap's is not.
    habits: { ...fromNaabu, hops4: UP_TO_64, hops6: UP_TO_64, dontFragment: { is: 1, bits: 0 } },
    constant: Constant.SourcePort,
  },
  {
    tool: "naabu",
    variant: "SYN with a source address given",
    seenIn: "naabu pkg/scan/scan_raw.go, built as test/corpus/tools/naabu-ethernet",
    protocol: Tcp,
    habits: {
      ...fromNaabu,
      hops4: FROM_255,
      hopBits: 1,
      identification: { is: 0, bits: 2 },
      dontFragment: mayFragment,
    },
    constant: Constant.SourcePort,
  },
  {
    tool: "masscan",
    variant: "SYN over IPv6",
    seenIn: "masscan 1.3.2, test/corpus/tools/masscan6",
    protocol: Tcp,
    habits: { flags: Syn, window: builderWindow, layout: bare, hops6: FROM_255, hopBits: 1 },
    constant: Constant.SourcePort,
  },
  {
    tool: "hping3",
    variant: "TCP",
    seenIn: "hping3 3.a2, test/corpus/tools/hping3-syn, hping3-scan, hping3-fin and hping3-xmas",
    protocol: Tcp,
    habits: {
      window: { of: [512], bits: 6 },
      layout: bare,
      hops4: UP_TO_64,
      dontFragment: mayFragment,
      strayAcknowledgmentBits: 10,
    },
  },
];

// nmap in every mode against home: each capture has one scanner, whose address tells it from those of the others.
import { homeHost, LINK, scannerAddress, scannerAddress6, WORLD } from "./lab.mjs";
import { openTcpPorts, openUdpPorts } from "./services.mjs";

// 30 ports, seven of them open; in no order that matters, as nmap mixes them anyway.
export const TCP_PORTS = [
  21, 22, 23, 25, 53, 80, 81, 110, 111, 135, 139, 143, 389, 443, 445, 993, 995, 1433, 1521, 2049, 3306, 3389, 5432,
  5900, 6379, 8000, 8443, 9200, 11211, 27017,
];
const UDP_PORTS = [7, 19, 53, 69, 111, 123, 137, 161, 500, 514, 520, 1434, 1900, 5353, 11211, 33333];
const OFTEN = ["-n", "-Pn", "-T4", "--max-retries", "1", "--send-ip", "-e", LINK];

/** One capture: `name`, how nmap is called, and what is true about it. */
const tcp = (name, flags, kinds, more = {}) => ({ name, flags, kinds, ports: TCP_PORTS, ...more });
const udp = (name, flags, more = {}) => ({ name, flags, kinds: ["udp"], ports: UDP_PORTS, protocol: "udp", ...more });

const scans = [
  tcp("syn", ["-sS"], ["syn"]),
  tcp("syn-all-silent", ["-sS"], ["syn"], { firewalled: true }),
  tcp("syn-one-sided", ["-sS"], ["syn"], { oneSided: true }),
  tcp("syn-sweep", ["-sS"], ["syn"], { ports: [23], targets: range(1, 24) }),
  tcp("syn-sweep-open", ["-sS"], ["syn"], { ports: [443], targets: range(1, 24) }),
  tcp("syn-strobe", ["-sS"], ["syn"], { ports: [22, 23, 3389], targets: range(1, 12) }),
  tcp("syn-data", ["-sS", "--data-length", "16"], ["syn"]),
  tcp("syn-source-port-53", ["-sS", "-g", "53"], ["syn"]),
  tcp("syn-badsum", ["-sS", "--badsum"], ["syn"], { unanswered: true }),
  tcp("connect", ["-sT"], ["connect"], { tool: null }),
  tcp("version", ["-sV", "--version-intensity", "2"], ["syn", "connect"], { ports: [21, 22, 25, 80, 81, 8443] }),
  tcp("fin", ["-sF"], ["fin"]),
  tcp("null", ["-sN"], ["null"]),
  tcp("xmas", ["-sX"], ["xmas"]),
  tcp("maimon", ["-sM"], ["maimon"]),
  tcp("ack", ["-sA"], ["ack"]),
  tcp("window", ["-sW"], ["ack"]),
  tcp("synfin", ["-sS", "--scanflags", "SYNFIN"], ["synfin"]),
  tcp("all-flags", ["-sS", "--scanflags", "URGACKPSHRSTSYNFIN"], ["unknown"], { unanswered: true }),
  tcp("psh-urg", ["-sS", "--scanflags", "PSHURG"], ["unknown"]),
  udp("udp", ["-sU"]),
  udp("udp-rate-limited", ["-sU"], { limitedIcmp: true }),
  udp("udp-empty", ["-sU", "--data-length", "0"]),
  udp("udp-data", ["-sU", "--data-length", "24"]),
  {
    name: "protocols",
    flags: ["-sO"],
    // Where a protocol is known, nmap sends a proper packet of it.
    kinds: ["ip-protocol", "ack", "udp", "sctp-init", "icmp-echo"],
    protocols: "1,2,4,6,17,33,41,47,50,51,89,103,112,132,136,253",
  },
  {
    name: "sctp-init",
    flags: ["-sY"],
    kinds: ["sctp-init"],
    ports: [36412, 38412, 2905, 3868, 5060, 9899],
    protocol: "sctp",
  },
  {
    name: "sctp-cookie",
    flags: ["-sZ"],
    kinds: ["sctp-cookie-echo"],
    ports: [36412, 38412, 2905, 3868, 5060, 9899],
    protocol: "sctp",
  },
  { name: "echo-sweep", flags: ["-sn", "-PE"], kinds: ["icmp-echo"], targets: range(1, 24), hasNoPorts: true },
  {
    name: "timestamp-sweep",
    flags: ["-sn", "-PP"],
    kinds: ["icmp-timestamp"],
    targets: range(1, 24),
    hasNoPorts: true,
  },
  {
    name: "netmask-sweep",
    flags: ["-sn", "-PM"],
    kinds: ["icmp-netmask"],
    targets: range(1, 24),
    hasNoPorts: true,
    unanswered: true,
  },
  {
    name: "default-ping",
    flags: ["-sn"],
    kinds: ["icmp-echo", "syn", "ack", "icmp-timestamp"],
    targets: range(1, 12),
    hasNoPorts: true,
  },
  { name: "arp-sweep", flags: ["-sn", "-PR"], kinds: ["arp"], targets: range(1, 32), isOnLink: true, hasNoPorts: true },
  tcp("os-detection", ["-sS", "-O"], ["syn", "ack", "os-detection"], { ports: [22, 80, 81, 443, 8443] }),
  tcp("fragments", ["-sS", "-f"], ["fragment"], { tool: null }),
  tcp("fragments-16", ["-sS", "-f", "-f"], ["fragment"], { tool: null }),
  tcp(
    "decoys",
    ["-sS", "-D", [101, 102, 103, "ME"].map((one) => (one === "ME" ? one : scannerAddress(one))).join(",")],
    ["syn"],
    {
      decoys: [101, 102, 103].map(scannerAddress),
    },
  ),
  tcp("syn6", ["-6", "-sS"], ["syn"], { family: 6 }),
  tcp("connect6", ["-6", "-sT"], ["connect"], { family: 6, tool: null }),
  tcp("fin6", ["-6", "-sF"], ["fin"], { family: 6 }),
  tcp("xmas6", ["-6", "-sX"], ["xmas"], { family: 6 }),
  tcp("null6", ["-6", "-sN"], ["null"], { family: 6 }),
  tcp("maimon6", ["-6", "-sM"], ["maimon"], { family: 6 }),
  tcp("ack6", ["-6", "-sA"], ["ack"], { family: 6 }),
  tcp("syn-sweep6", ["-6", "-sS"], ["syn"], { family: 6, ports: [23], targets: range(1, 24) }),
  udp("udp6", ["-6", "-sU"], { family: 6 }),
  {
    name: "echo-sweep6",
    flags: ["-6", "-sn", "-PE"],
    kinds: ["icmp-echo"],
    family: 6,
    targets: range(1, 24),
    hasNoPorts: true,
  },
  {
    name: "neighbor-sweep",
    // world's kernel makes sure, from its own address, that the hosts it knows are still there.
    innocent: ["fe80::ff:fe00:2"],
    flags: ["-6", "-sn"],
    kinds: ["neighbor"],
    family: 6,
    targets: range(1, 32),
    isOnLink: true,
    hasNoPorts: true,
  },
  tcp("os-detection6", ["-6", "-sS", "-O"], ["syn", "ack", "os-detection"], {
    family: 6,
    ports: [22, 80, 81, 443, 8443],
  }),
];

/** nmap builds these packets' headers itself, and in its own way; those of the other kinds are as anybody's. */
const NAMING_KINDS = new Set([
  ...["syn", "null", "fin", "xmas", "synfin", "ack", "maimon", "unknown"],
  ...["sctp-init", "os-detection"],
]);

function makeCase(scan, number) {
  const family = scan.family ?? 4;
  const own = family === 4 ? scannerAddress(number) : scannerAddress6(number);
  const source = scan.isOnLink ? (family === 4 ? WORLD.ipv4 : WORLD.ipv6) : own;
  const targets = (scan.targets ?? [1]).map((host) =>
    family === 4 ? homeHost(host) : `2001:db8:a::${host.toString(16)}`,
  );
  const often = scan.isOnLink ? ["-n", "-T4", "-e", LINK] : [...OFTEN, "-S", source];
  if (scan.flags.includes("-sn")) often.splice(0, often.length, ...often.filter((one) => one !== "-Pn"));
  const ports = scan.hasNoPorts ? [] : ["-p", scan.protocols ?? scan.ports.join(",")];
  const argv = ["nmap", ...scan.flags, ...often, ...ports, ...targets];
  const tool = scan.tool === undefined && scan.kinds.some((kind) => NAMING_KINDS.has(kind)) ? "nmap" : null;
  const oneSided = scan.oneSided === true ? { filter: `src ${source}` } : {};
  return {
    name: scan.name,
    capture: scan.isOnLink ? { filter: "arp or icmp6" } : oneSided,
    around: scan.firewalled === true ? firewall : scan.limitedIcmp === true ? limitIcmp : undefined,
    run: (lab) => lab.run(lab.world, argv),
    expected: {
      how: argv.join(" "),
      oneSided: scan.oneSided === true,
      unanswered: scan.unanswered === true,
      scanners: [{ source, kinds: scan.kinds, tool, targets, ...portsOf(scan) }],
      decoys: scan.decoys ?? [],
      innocent: scan.innocent ?? [],
    },
  };
}

function portsOf(scan) {
  if (scan.ports === undefined) return {};
  const open = scan.protocol === "udp" ? openUdpPorts : scan.protocol === "sctp" ? [] : openTcpPorts;
  return { ports: scan.ports, openPorts: scan.ports.filter((port) => open.includes(port)) };
}

export function range(first, last) {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** home drops what is not for a served port: nothing is refused. */
const firewall = {
  begin: (lab) =>
    lab.run(lab.home, [
      "nft",
      "add table inet wall; add chain inet wall in { type filter hook input priority 0; policy drop; }; add rule inet wall in tcp dport { 22, 80 } accept",
    ]),
  end: (lab) => lab.run(lab.home, ["nft", "delete table inet wall"]),
};
/** Linux's default: one ICMP error a second to one host. */
const limitIcmp = {
  begin: (lab) => lab.set(lab.home, "net.ipv4.icmp_ratelimit=1000"),
  end: (lab) => lab.set(lab.home, "net.ipv4.icmp_ratelimit=0"),
};

export const nmapCases = scans.map((scan, index) => makeCase(scan, index + 1));

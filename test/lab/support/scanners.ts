// Scanners as their users run them, with their own repetitions, each from one source against one server.
import { type Family, families, LINK, type Source, TARGET } from "./addresses.ts";
import type { Lab } from "./lab.ts";
import { masscan, popularPorts, startNmap } from "./scan.ts";
import { addressesOf, type ServerName, secretPortsOf } from "./servers.ts";
import { program } from "./traffic.ts";

export interface Scanning {
  readonly lab: Lab;
  readonly server: ServerName;
  readonly family: Family;
  readonly source: Source;
  /** A scan of a host that is silent goes on for very long: it is cut short. */
  readonly seconds: number;
}

export interface Scanner {
  readonly name: string;
  readonly families: readonly Family[];
  readonly protocol: "tcp" | "udp";
  /** It sends each SYN once. */
  readonly isSingleShot?: true;
  /** It asks like a customer, and is answered like one: its figures are stated and promise nothing. */
  readonly isPatient?: true;
  readonly run: (how: Scanning) => Promise<unknown>;
}

/** "@" is for the ports that the server serves and that are not public. */
export function nmapScanner(name: string): Scanner {
  const protocol = name.startsWith("-sU") ? "udp" : "tcp";
  const run = ({ lab, server, family, source, seconds }: Scanning) => {
    const options = name.replace("@", secretPortsOf(server, protocol).join(",")).split(" ");
    const to = addressesOf(server, family);
    return startNmap(lab, { family, source, options, timeoutSeconds: seconds, to }).waitForEnd();
  };
  return { name: `nmap ${name}`, families, protocol, run };
}

const POPULAR = popularPorts(20).join(",");
/** So many SYNs a second ask all ports before the time is over. */
const ALL_PORTS_RATE = 10_000;

function masscanScanner(name: string, ports: string, rate?: number): Scanner {
  const run = ({ lab, server, family, source }: Scanning) =>
    masscan(lab, { family, source, to: addressesOf(server, family) }, ports, rate);
  return { name: `masscan ${name}`, families, protocol: "tcp", isSingleShot: true, run };
}

export const masscanPopular = masscanScanner("of the 20 popular ports", POPULAR);

/** Debian's ZMap has IPv4 alone. */
export const zmap: Scanner = {
  ...{ name: "zmap -p 22", families: ["ipv4"], protocol: "tcp", isSingleShot: true },
  run: async ({ lab, server, source }) => {
    const where = ["-i", LINK, "-G", TARGET.mac, "-S", source.ipv4, "-b", "/dev/null", "-o", "/dev/null"];
    await lab.scanner.mustRun([
      "zmap",
      "-q",
      "-p",
      "22",
      "-r",
      "1000",
      "-c",
      "1",
      ...where,
      ...addressesOf(server, "ipv4"),
    ]);
  },
};

/** One of programs/scan-like.ts. */
function imitated(name: string, like: string, ports: string | "@", more: { readonly shuffle?: true } = {}): Scanner {
  const run = ({ lab, server, family, source, seconds }: Scanning) => {
    const which = ports === "@" ? secretPortsOf(server, "tcp").join(",") : ports;
    const link = { dev: LINK, mac: TARGET.mac, from: source[family] };
    const scans = addressesOf(server, family).map((to) =>
      lab.spawn(lab.scanner, program("scan-like", { like, ...link, to, ports: which, seconds, ...more })).waitForEnd(),
    );
    return Promise.all(scans);
  };
  return { name, families, protocol: "tcp", run };
}

const top = (count: number) => popularPorts(count).join(",");
const speeds = ["-T2", "-T3", "-T4", "-T5"];
const lists = ["--top-ports 20", "-F", "--top-ports 1000", "-p-"];

export const scanners: readonly Scanner[] = [
  ...["-sS", "-sT"].flatMap((kind) => [
    ...lists.flatMap((list) => speeds.map((speed) => `${kind} ${speed} ${list}`)),
    ...["-T3 -p @", "-T4 -p @", "-T4 -sV -p @", "-T4 -p 22,3306"].map((what) => `${kind} ${what}`),
  ]),
  ...["-O -T4 -F", "-O -T4 -p @", "-sU -T3 -F", "-sU -T4 -F", "-sU -T4 -p @"],
]
  .map(nmapScanner)
  .concat([
    masscanScanner("of all ports", "1-65535", ALL_PORTS_RATE),
    masscanPopular,
    masscanScanner("of port 22", "22"),
    zmap,
    imitated("naabu of 100 ports", "naabu", top(100)),
    imitated("naabu of all ports", "naabu", "1-65535"),
    imitated("naabu, connect mode, of 100 ports", "naabu-connect", top(100)),
    imitated("RustScan of all ports", "rustscan", "1-65535"),
    imitated("RustScan of 1000 ports", "rustscan", top(1000), { shuffle: true }),
    { ...imitated("a patient one of the ports served", "patient", "@"), isPatient: true },
  ]);

// What scanners learn, as their users run them, with their own repetitions: open ports that are not public by nature and that
// answered them, of all of these. Each scan has a server of its own: kinds of servers times scanners, over IPv4 and IPv6, with us, with
// nothing, and with Debian's PortSentry 1.2 that blocks by iptables. Printed; asserted for scanners that ask each port once: they learn
// none of ours.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Family, families, LINK, source, TARGET } from "../lab/support/addresses.ts";
import { Capture, portsThatAnswered } from "../lab/support/capture.ts";
import { Daemon } from "../lab/support/daemon.ts";
import { Lab } from "../lab/support/lab.ts";
import { masscan, popularPorts, startNmap } from "../lab/support/scan.ts";
import { PUBLIC, shipped } from "../lab/support/settings.ts";
import { serve } from "../lab/support/traffic.ts";
import { startBlockingPortsentry } from "./blocking-portsentry.ts";

const POPULAR = popularPorts(20);
const servers: Readonly<Record<string, readonly number[]>> = {
  web: [22, 80, 443],
  mail: [22, 25, 80, 110, 143, 443, 465, 587, 993, 995, 4190],
  database: [22, 3306, 5432, 6379, 9200, 27017],
  popular: POPULAR,
};
const secretsOf = (server: string) => (servers[server] ?? []).filter((port) => !PUBLIC.includes(port));

const settings = { ...shipped, PROOF: "on", GREYLIST: "on" };
/** A scan of a host that is silent goes on for very long: what it has not learned by then it does not learn. */
const TIMEOUT_SECONDS = 30;
/** Scans at a time; they mostly wait. */
const LANES = 6;

interface Scanner {
  readonly name: string;
  readonly families: readonly Family[];
  /** It sends each SYN once. */
  readonly isSingleShot?: true;
  readonly run: (lab: Lab, family: Family, server: string) => Promise<unknown>;
}

/** "@" is for the ports that the server serves and that are not public. */
function nmap(name: string): Scanner {
  const run = (lab: Lab, family: Family, server: string) => {
    const options = name.replace("@", secretsOf(server).join(",")).split(" ");
    return startNmap(lab, { family, source: source(1), options, timeoutSeconds: TIMEOUT_SECONDS }).waitForEnd();
  };
  return { name: `nmap ${name}`, families, run };
}

const scanners: readonly Scanner[] = [
  ...["-sS", "-sT"].flatMap((kind) => [
    ...["-T2", "-T3", "-T4", "-T5"].map((speed) => `${kind} ${speed} --top-ports 20`),
    ...["-T3 -F", "-T4 -F", "-T4 --top-ports 1000", "-T4 -p-"].map((what) => `${kind} ${what}`),
    ...["-T3 -p @", "-T4 -p @", "-T4 -sV -p @", "-T4 -p 22,3306"].map((what) => `${kind} ${what}`),
  ]),
].map(nmap);

const singleShots: readonly Scanner[] = [
  ...["1-10000", POPULAR.join(","), "22"].map((ports): Scanner => {
    const run = (lab: Lab, family: Family) => masscan(lab, { family, source: source(1) }, ports);
    return { name: `masscan -p ${ports}`, families: ["ipv4"], isSingleShot: true, run };
  }),
  {
    ...{ name: "zmap -p 22", families: ["ipv4"], isSingleShot: true },
    run: async (lab) => {
      const where = ["-i", LINK, "-G", TARGET.mac, "-S", source(1).ipv4, "-b", "/dev/null", "-o", "/dev/null"];
      await lab.scanner.mustRun(["zmap", "-q", "-p", "22", "-r", "1000", "-c", "1", ...where, TARGET.ipv4]);
    },
  },
];

/** PortSentry 1.2 knows IPv4 alone. */
const defences = {
  none: { families, start: async () => undefined },
  "PortSentry 1.2": { families: ["ipv4"], start: startBlockingPortsentry },
  Portreeve: { families, start: (lab: Lab) => Daemon.start(lab, settings) },
} as const satisfies Readonly<
  Record<string, { readonly families: readonly Family[]; readonly start: (lab: Lab) => Promise<unknown> }>
>;
type Defence = keyof typeof defences;
const allDefences: readonly Defence[] = ["Portreeve", "none", "PortSentry 1.2"];

/** How many ports are learned over each family. */
async function measure(server: string, scanner: Scanner, defence: Defence): Promise<readonly number[]> {
  const over = scanner.families.filter((family) => defences[defence].families.some((each) => each === family));
  const lab = await Lab.open();
  try {
    await serve(lab, lab.target, { tcp: servers[server] ?? [] });
    await defences[defence].start(lab);
    const capture = await Capture.start(lab);
    await Promise.all(over.map((family) => scanner.run(lab, family, server)));
    const segments = await capture.stop();
    const secrets = secretsOf(server);
    return over.map(
      (family) => portsThatAnswered(segments, source(1)[family]).filter((port) => secrets.includes(port)).length,
    );
  } finally {
    await lab.close();
  }
}

function meanAndLargest(counts: readonly number[]): string {
  const sum = counts.reduce((total, count) => total + count, 0);
  return `mean ${(sum / counts.length).toFixed(2)}, largest ${Math.max(...counts)} of ${counts.length} scans`;
}

for (const server of Object.keys(servers)) {
  test(`${server}: ports disclosed, of ${secretsOf(server).length} that are not public`, async (t) => {
    const rows = [...scanners, ...singleShots].map((scanner) => ({
      scanner,
      learned: new Map<Defence, readonly number[]>(),
    }));
    // A host that answers from every port fills any capture.
    const waiting = allDefences.flatMap((defence) =>
      rows
        .filter(({ scanner }) => defence === "Portreeve" || !scanner.name.endsWith("-p-"))
        .map((row) => ({ row, defence })),
    );
    const lane = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { row, defence } = next;
        row.learned.set(defence, await measure(server, row.scanner, defence));
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    for (const { scanner, learned } of rows) {
      const text = allDefences.map((defence) => `${defence}: ${learned.get(defence)?.join(" and ") ?? "not tried"}`);
      t.diagnostic(`${scanner.name}: ${text.join("; ")}`);
      if (scanner.isSingleShot) assert.deepEqual(learned.get("Portreeve"), [0], scanner.name);
    }
    for (const defence of allDefences) {
      const counts = rows.flatMap(({ learned }) => learned.get(defence) ?? []);
      t.diagnostic(`${defence}: ${meanAndLargest(counts)}`);
    }
  });
}

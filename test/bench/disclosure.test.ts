// What scanners learn, as their users run them, with their own repetitions: open ports that are not public by nature and that
// answered them, of all of these. Each scan has a server of its own: kinds of servers times scanners, over IPv4 and IPv6. Printed as a
// table, without us and with us (IPv4 and IPv6); asserted for scanners that ask each port once: they learn none.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Family, families, LINK, source, TARGET } from "../lab/support/addresses.ts";
import { Capture, portsThatAnswered } from "../lab/support/capture.ts";
import { Daemon } from "../lab/support/daemon.ts";
import { Lab } from "../lab/support/lab.ts";
import { masscan, popularPorts, startNmap } from "../lab/support/scan.ts";
import { PUBLIC, shipped } from "../lab/support/settings.ts";
import { serve } from "../lab/support/traffic.ts";

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

interface Cell {
  readonly server: string;
  readonly scanner: Scanner;
  readonly isDefended: boolean;
}

/** How many ports were learned over each family, with which time. */
async function measure({ server, scanner, isDefended }: Cell): Promise<readonly number[]> {
  const lab = await Lab.open();
  try {
    await serve(lab, lab.target, { tcp: servers[server] ?? [] });
    if (isDefended) await Daemon.start(lab, settings);
    const capture = await Capture.start(lab);
    await Promise.all(scanner.families.map((family) => scanner.run(lab, family, server)));
    const segments = await capture.stop();
    const secrets = secretsOf(server);
    return scanner.families.map(
      (family) => portsThatAnswered(segments, source(1)[family]).filter((port) => secrets.includes(port)).length,
    );
  } finally {
    await lab.close();
  }
}

for (const server of Object.keys(servers)) {
  test(`${server}: ports disclosed, of ${secretsOf(server).length} that are not public`, async (t) => {
    const rows = [...scanners, ...singleShots].map((scanner) => ({
      scanner,
      learned: new Map<boolean, readonly number[]>(),
    }));
    const waiting = [true, false].flatMap((isDefended) =>
      rows.filter(({ scanner }) => isDefended || !scanner.name.endsWith("-p-")).map((row) => ({ row, isDefended })),
    );
    const lane = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { row, isDefended } = next;
        row.learned.set(isDefended, await measure({ server, scanner: row.scanner, isDefended }));
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    const defended: number[] = [];
    for (const { scanner, learned } of rows) {
      const text = (isDefended: boolean) => learned.get(isDefended)?.join(" and ") ?? "not tried";
      t.diagnostic(`| ${scanner.name} | ${text(false)} | ${text(true)} |`);
      defended.push(...(learned.get(true) ?? []));
      if (scanner.isSingleShot) assert.deepEqual(learned.get(true), [0], scanner.name);
    }
    const sum = defended.reduce((total, count) => total + count, 0);
    t.diagnostic(
      `mean ${(sum / defended.length).toFixed(2)}, largest ${Math.max(...defended)} of ${defended.length} scans`,
    );
  });
}

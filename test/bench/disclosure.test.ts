// What scanners learn, as their users run them, with their own repetitions: open ports that are not public by nature and that
// answered them, of all of these. Each scan has a server of its own: kinds of servers times scanners, over IPv4 and IPv6, with us, with
// nothing, with Debian's PortSentry 1.2 that blocks by iptables, and with psad that does. Printed; asserted for scanners that ask each
// port once: they learn none of ours.
//   npm run bench -- disclosure [--runs=5] [--profiles=web,mail] [--scanners=REGEXP] [--defences=Portreeve,none] [--lanes=N] ...
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Family, families, source } from "../lab/support/addresses.ts";
import { Daemon } from "../lab/support/daemon.ts";
import { disclosed } from "../lab/support/disclosed.ts";
import type { Lab } from "../lab/support/lab.ts";
import { type Scanner, scanners } from "../lab/support/scanners.ts";
import { openServer, type ServerName, secretsOf, servers, settingsOf } from "../lab/support/servers.ts";
import { startBlockingPortsentry } from "./blocking-portsentry.ts";
import { startBlockingPsad } from "./blocking-psad.ts";
import { readOptions } from "./options.ts";

/** PortSentry 1.2 knows IPv4 alone, and psad blocks nothing else. */
const defences = {
  Portreeve: { families, start: (lab: Lab, server: ServerName) => Daemon.start(lab, settingsOf(server)) },
  none: { families, start: async () => undefined },
  "PortSentry 1.2": { families: ["ipv4"], start: startBlockingPortsentry },
  psad: { families: ["ipv4"], start: startBlockingPsad },
} as const satisfies Readonly<
  Record<
    string,
    { readonly families: readonly Family[]; readonly start: (lab: Lab, server: ServerName) => Promise<unknown> }
  >
>;
type Defence = keyof typeof defences;

const options = readOptions({
  /** Of ours; the others are asked `others` times. */
  runs: "5",
  others: "1",
  profiles: Object.keys(servers).join(","),
  scanners: ".",
  defences: Object.keys(defences).join(","),
  /** What a scan has not learned by then it does not learn. */
  seconds: "30",
  /** Scans at a time; they mostly wait. */
  lanes: "10",
});
const wantedDefences = Object.keys(defences).filter((name): name is Defence =>
  options.defences.split(",").includes(name),
);
const wantedScanners = scanners.filter(({ name }) => new RegExp(options.scanners).test(name));
const profiles = Object.keys(servers).filter((name): name is ServerName => options.profiles.split(",").includes(name));
/** The promise: the mean and the worst of each cell. */
const PROMISED = { mean: 0.1, worst: 1 } as const;

interface Row {
  readonly scanner: Scanner;
  /** The ports of each scan. */
  readonly learned: Map<Defence, (readonly string[])[]>;
}

/** The ports that are learned over each family. */
async function measure(
  server: ServerName,
  scanner: Scanner,
  defence: Defence,
): Promise<readonly (readonly string[])[]> {
  const over = scanner.families.filter((family) => defences[defence].families.some((each) => each === family));
  const lab = await openServer(server);
  try {
    await defences[defence].start(lab, server);
    const askers = over.map((family) => ({ scanner, family, source: source(1) }));
    return (await disclosed(lab, server, askers, Number(options.seconds))).map(({ secrets }) => secrets);
  } finally {
    await lab.close();
  }
}

function meanAndWorst(scans: readonly (readonly string[])[]) {
  const counts = scans.map((ports) => ports.length);
  return { mean: counts.reduce((total, count) => total + count, 0) / counts.length, worst: Math.max(...counts) };
}

function tell(scans: readonly (readonly string[])[] | undefined): string {
  if (scans === undefined || scans.length === 0) return "";
  const { mean, worst } = meanAndWorst(scans);
  return `${mean.toFixed(2)}, ${worst}`;
}

for (const server of profiles) {
  const [tcp, udp] = [secretsOf(server, "ipv4", "tcp"), secretsOf(server, "ipv4", "udp")];
  test(`${server}: ports disclosed, of ${tcp.length} of TCP and ${udp.length} of UDP that are not public`, async (t) => {
    const rows = wantedScanners
      .filter(({ protocol }) => protocol === "tcp" || udp.length > 0)
      .map((scanner): Row => ({ scanner, learned: new Map() }));
    // The runs of one cell lie apart in time.
    const runs = Array.from({ length: Math.max(Number(options.runs), Number(options.others)) }, (_, run) => run);
    const waiting = runs.flatMap((run) =>
      wantedDefences
        .filter((defence) => run < Number(defence === "Portreeve" ? options.runs : options.others))
        .flatMap((defence) => rows.map((row) => ({ row, defence }))),
    );
    const all = waiting.length;
    const failures: string[] = [];
    const lane = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { row, defence } = next;
        try {
          const learned = await measure(server, row.scanner, defence);
          row.learned.set(defence, [...(row.learned.get(defence) ?? []), ...learned]);
        } catch (error) {
          // One of thousands is no reason to lose the others.
          failures.push(`${defence}, ${row.scanner.name}: ${String(error)}`);
        }
        if (waiting.length % 50 === 0) process.stderr.write(`${server}: ${all - waiting.length} of ${all} scans\n`);
      }
    };
    await Promise.all(Array.from({ length: Number(options.lanes) }, lane));

    t.diagnostic(`| mean, worst of each cell | ${wantedDefences.join(" | ")} | what Portreeve disclosed |`);
    for (const { scanner, learned } of rows) {
      const ours = learned.get("Portreeve") ?? [];
      const which = [...new Set(ours.flat().map((secret) => secret.split(".").at(-1)))].join(" ");
      t.diagnostic(
        `| ${scanner.name} | ${wantedDefences.map((defence) => tell(learned.get(defence))).join(" | ")} | ${which} |`,
      );
      if (scanner.isSingleShot) assert.deepEqual(ours.flat(), [], scanner.name);
    }
    const judged = rows.filter(({ scanner }) => scanner.isPatient !== true);
    for (const defence of wantedDefences) {
      const scans = judged.flatMap(({ learned }) => learned.get(defence) ?? []);
      t.diagnostic(`${defence}: ${tell(scans)} of ${scans.length} scans, without the patient one`);
    }
    const missed = judged.filter(({ learned }) => {
      const scans = learned.get("Portreeve") ?? [];
      const { mean, worst } = scans.length === 0 ? { mean: 0, worst: 0 } : meanAndWorst(scans);
      return mean > PROMISED.mean || worst > PROMISED.worst;
    });
    t.diagnostic(
      `cells above a mean of ${PROMISED.mean} or a worst of ${PROMISED.worst}: ${missed.length} of ${judged.length}`,
    );
    for (const failure of failures) t.diagnostic(`not measured: ${failure}`);
    for (const { scanner, learned } of missed) t.diagnostic(`  ${scanner.name}: ${tell(learned.get("Portreeve"))}`);
    assert.ok(failures.length <= all / 100, `${failures.length} of ${all} scans were not measured`);
  });
}

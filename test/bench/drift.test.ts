// How long another program's change to our rules stands, during a scan: until all that is listed is enforced again, the rules
// are there, or the deletion is accepted as an unblock. Printed, not asserted: the issue wants it within 2 s.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { families, source, TARGET } from "../lab/support/addresses.ts";
import { Daemon } from "../lab/support/daemon.ts";
import { NFTABLES_CONF, type Repair, timeRepair } from "../lab/support/drift.ts";
import { blockedInKernel } from "../lab/support/kernel.ts";
import { Lab } from "../lab/support/lab.ts";
import { syn } from "../lab/support/packets.ts";
import { keepSending, sendPackets } from "../lab/support/raw.ts";
import { harsh } from "../lab/support/settings.ts";
import { waitUntil } from "../lab/support/wait.ts";
import { tellQuantiles } from "./support.ts";

const TIMES = 20;
const SCANNERS = 40;
const DELETED_FROM = 101;

const cases: readonly {
  readonly name: string;
  readonly command: (round: number, confFile: string) => readonly string[];
  /** Blocks that each round ends. */
  readonly lifts: number;
}[] = [
  { name: "nft flush ruleset", command: () => ["nft", "flush", "ruleset"], lifts: 0 },
  { name: "nft delete table", command: () => ["nft", "delete", "table", "inet", "portreeve"], lifts: 0 },
  { name: "nft -f /etc/nftables.conf", command: (_, file) => ["nft", "-f", file], lifts: 0 },
  {
    name: "nft delete element, one",
    command: (round) => ["nft", `delete element inet portreeve blocked4 { ${source(DELETED_FROM + round).ipv4} }`],
    lifts: 1,
  },
  {
    name: "nft delete element, ten",
    command: () => {
      const ten = Array.from({ length: 10 }, (_, index) => source(1 + index).ipv4);
      return ["nft", `delete element inet portreeve blocked4 { ${ten.join(", ")} }`];
    },
    lifts: 0,
  },
];

for (const { name, command, lifts } of cases) {
  test(`${name}, ${TIMES} times during a scan`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const confFile = join(lab.folder, "nftables.conf");
    writeFileSync(confFile, NFTABLES_CONF);
    const daemon = await Daemon.start(lab, harsh);
    const probes = (first: number, count: number) =>
      Array.from({ length: count }, (_, index) =>
        families.map((family) => syn({ from: source(first + index)[family], to: TARGET[family], port: 2000 })),
      ).flat();
    await sendPackets(lab, probes(DELETED_FROM, TIMES), { perSecond: 300 });
    keepSending(lab, probes(1, SCANNERS), { perSecond: 300 });
    const all = 2 * (SCANNERS + TIMES);
    await waitUntil("all are blocked", async () => (await blockedInKernel(lab)).length === all, 60_000);
    const repairs: Repair[] = [];
    for (let round = 0; round < TIMES; round++) {
      repairs.push(await timeRepair(lab, daemon, command(round, confFile), lifts));
    }
    const said = daemon.lines.filter((line) =>
      /table inet portreeve, which is loaded again|from the kernel/.test(line),
    );
    assert.equal(said.length, TIMES, said.join("\n"));
    assert.equal((await blockedInKernel(lab)).length, all - lifts * TIMES);
    const milliseconds = (key: "commandMs" | "repairedMs") => repairs.map((repair) => repair[key]);
    t.diagnostic(tellQuantiles("true again after", milliseconds("repairedMs"), "ms"));
    t.diagnostic(tellQuantiles("of which the command itself", milliseconds("commandMs"), "ms"));
  });
}

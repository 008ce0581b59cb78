// How long a start with 100,000 blocks takes: the kernel's part alone (each added and read back), the whole restore into
// an empty kernel, as after a reboot, and the one of a daemon that was restarted. The design wants 2 s on a quiet machine.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { BlockList } from "../../src/enforce/block-list.ts";
import { restoreBlocks } from "../../src/enforce/restore.ts";
import { Libnftables } from "../../src/kernel/libnftables.ts";
import { NfTables } from "../../src/kernel/nf-tables.ts";
import { openStore } from "../../src/record/sqlite-store.ts";
import { Firewall } from "../../src/table/firewall.ts";
import { NftSensor } from "../../src/table/nft-sensor.ts";
import { TABLE } from "../../src/table/ruleset-plan.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { block } from "../judge/blocks.ts";
import { enterOwnNamespace } from "../lab/support/own-namespace.ts";
import { nthIpv4 } from "../support/prefix.ts";
import { ordinaryPlan } from "../table/plan.ts";

enterOwnNamespace(import.meta.filename);

const COUNT = 100_000;
const RUNS = 5;
const seed = { k0: 1, k1: 2 };
const storeListener = { onTrouble: (message: string) => assert.fail(message), onRecovered: () => undefined };

test(`a start with ${COUNT.toLocaleString("en")} blocks`, (t) => {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-restore-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const savedMs = Date.now();
  const blocks = Array.from({ length: COUNT }, (_, index) =>
    block(nthIpv4(index), { sinceMs: savedMs, untilMs: savedMs + 3_600_000 + index, soft: index % 10 === 0 }),
  );
  const store = openStore(join(folder, "portreeve.db"), Date.now, { maxEvents: 1_000 }, storeListener);
  t.after(() => store.close());
  for (const one of blocks) store.putBlock(one);
  const nft = new Libnftables();
  const tables = new NfTables(TABLE);
  const near = new AddressRanges([]);
  const sensor = new NftSensor(nft, tables, near);
  const firewall = new Firewall(nft, tables, () => sensor.near);
  sensor.load(ordinaryPlan, near);
  t.after(() => {
    tables.close();
    nft.close();
  });
  const start = () => {
    const list = new BlockList(1_000_000);
    assert.equal(restoreBlocks({ store, firewall, list, nowMs: Date.now(), seed }).restored, COUNT);
  };
  const told: string[] = [];
  for (let run = 0; run < RUNS; run++) {
    firewall.emptyBlockSets();
    const kernel = timed(() => assert.ok(firewall.enforce(blocks, Date.now()).every(({ failure }) => failure === "")));
    firewall.emptyBlockSets();
    told.push(`kernel alone ${kernel}; empty kernel ${timed(start)}; kernel as it was ${timed(start)}`);
  }
  const load = loadavg().map((value) => value.toFixed(1));
  t.diagnostic(`seconds (of CPU), ${RUNS} runs, load ${load.join(", ")}: ${told.join(" | ")}`);
});

function timed(work: () => void): string {
  const before = process.cpuUsage();
  const startMs = performance.now();
  work();
  const seconds = (performance.now() - startMs) / 1_000;
  const { user, system } = process.cpuUsage(before);
  return `${seconds.toFixed(2)} (${((user + system) / 1e6).toFixed(2)})`;
}

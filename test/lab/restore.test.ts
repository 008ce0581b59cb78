// A restart with 100,000 blocks, the kernel empty as after a reboot: every one is in force again for the time it had left.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
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
import { formatPrefix } from "../../src/wire/address.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { block } from "../judge/blocks.ts";
import { nthIpv4 } from "../support/prefix.ts";
import { ordinaryPlan } from "../table/plan.ts";
import { enterOwnNamespace } from "./support/own-namespace.ts";

enterOwnNamespace(import.meta.filename);

const seed = { k0: 1, k1: 2 };
const COUNT = 100_000;
const HOUR = 3_600_000;
const storeListener = { onTrouble: (message: string) => assert.fail(message), onRecovered: () => undefined };

test(`${COUNT.toLocaleString("en")} stored blocks are in force after a start, each until its own time`, (t) => {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-restore-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const open = () => openStore(join(folder, "portreeve.db"), Date.now, { maxEvents: 1_000 }, storeListener);
  const filled = open();
  const savedMs = Date.now();
  const untilMs = (index: number) => savedMs + HOUR + index * 1_000;
  for (let index = 0; index < COUNT; index++) {
    filled.putBlock(block(nthIpv4(index), { sinceMs: savedMs, untilMs: untilMs(index), soft: index % 10 === 0 }));
  }
  filled.close();

  const nft = new Libnftables();
  const tables = new NfTables(TABLE);
  t.after(() => {
    tables.close();
    nft.close();
  });
  const near = new AddressRanges([]);
  const sensor = new NftSensor(nft, tables, near);
  const firewall = new Firewall(nft, tables, () => sensor.near);
  sensor.load(ordinaryPlan, near);
  const list = new BlockList(1_000_000);
  const startMs = Date.now();
  const store = open();
  const { restored, adopted, failures } = restoreBlocks({ store, firewall, list, nowMs: startMs, seed });
  const endMs = Date.now();
  t.diagnostic(`restored ${restored} blocks in ${((endMs - startMs) / 1_000).toFixed(2)} s`);
  assert.deepEqual({ restored, adopted, failures }, { restored: COUNT, adopted: 0, failures: [] });
  assert.equal(list.size, COUNT);

  const seen = new Set<string>();
  for (const { source, soft, expiresInMs } of firewall.held.read()) {
    const known = source === undefined ? undefined : list.get(source);
    assert.ok(known?.enforced === true && known.soft === soft);
    const endsAtMs = Date.now() + (expiresInMs ?? Number.NaN);
    assert.ok(
      Math.abs(endsAtMs - (known.untilMs ?? 0)) < 5_000,
      `${formatPrefix(known.source)} ends ${endsAtMs - (known.untilMs ?? 0)} ms late`,
    );
    seen.add(formatPrefix(known.source));
  }
  assert.equal(seen.size, COUNT);

  const again = new BlockList(1_000_000);
  const secondMs = Date.now();
  const second = restoreBlocks({ store, firewall, list: again, nowMs: secondMs, seed });
  t.diagnostic(`a second start, the kernel's sets as they were: ${((Date.now() - secondMs) / 1_000).toFixed(2)} s`);
  assert.equal(second.restored, COUNT);
  assert.equal(again.size, COUNT);
  store.close();
});

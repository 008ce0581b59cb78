import assert from "node:assert/strict";
import { test } from "node:test";
import type { SetUse } from "../../src/kernel/nf-tables.ts";
import { SetWatch } from "../../src/table/set-watch.ts";

function setUp() {
  const clock = { ms: 1_000_000 };
  const said: string[] = [];
  const counted: string[] = [];
  const kernel: { uses: SetUse[]; counts: Record<string, number> } = { uses: [], counts: {} };
  const watch = new SetWatch({
    uses: {
      read: () => kernel.uses,
      count: async (set) => {
        counted.push(set);
        return kernel.counts[set] ?? 0;
      },
    },
    nowMs: () => clock.ms,
    warn: (message) => said.push(message),
    pause: async () => undefined,
  });
  return { clock, said, counted, kernel, watch };
}

test("a set is warned of from 80 % on, once, until it has been below that", async () => {
  const { clock, said, kernel, watch } = setUp();
  const look = async (count: number) => {
    kernel.uses = [
      { set: "known6", size: 100, count },
      { set: "blockednet4", size: undefined, count: 1e6 },
    ];
    clock.ms += 60_000;
    await watch.tick();
  };
  await look(79);
  assert.deepEqual(watch.warnings(), []);
  await look(80);
  await look(100);
  const full =
    "set known6 of table inet portreeve is 100 % full (100 of 100): entries that do not fit are not remembered";
  assert.deepEqual(watch.warnings(), [full]);
  assert.equal(said.length, 1);
  await look(10);
  assert.deepEqual(watch.warnings(), []);
  await look(90);
  assert.equal(said.length, 2);
});

test("it looks once a minute", async () => {
  const { clock, kernel, watch } = setUp();
  await watch.tick();
  kernel.uses = [{ set: "held4", size: 10, count: 10 }];
  clock.ms += 59_999;
  await watch.tick();
  assert.deepEqual(watch.warnings(), []);
  clock.ms += 1;
  await watch.tick();
  assert.equal(watch.warnings().length, 1);
});

test("where the kernel does not tell, sets are read, once in ten minutes", async () => {
  const { clock, counted, kernel, watch } = setUp();
  kernel.uses = [{ set: "held4", size: 10, count: undefined }];
  kernel.counts = { held4: 9 };
  await watch.tick();
  assert.equal(watch.warnings().length, 1);
  clock.ms += 599_999;
  await watch.tick();
  assert.deepEqual(counted, ["held4"]);
  clock.ms += 1;
  await watch.tick();
  assert.deepEqual(counted, ["held4", "held4"]);
});

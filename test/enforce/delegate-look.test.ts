// How it is found out that rules of the administrator's own are gone: by one list for all, else by asking in turn.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Delegate } from "../../src/enforce/delegate.ts";
import type { Block } from "../../src/judge/block.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { load, settingsOf } from "../config/support.ts";
import { block } from "../judge/blocks.ts";
import { nthIpv4 } from "../support/prefix.ts";

const KILL_ROUTE = 'KILL_ROUTE="/sbin/ip route add blackhole $TARGET$"\n';

/** Rules 0 to count-1, of which some are gone; `hasList` as a known command has it. */
function setUp(count: number, gone: readonly number[], hasList: boolean) {
  const names = new Set(gone.map((index) => formatPrefix(nthIpv4(index))));
  const asked: string[] = [];
  let lists = 0;
  const responder = {
    steps: () => ["route"] as const,
    async suspects<T extends { readonly source: Block["source"] }>(requests: readonly T[]) {
      lists++;
      return hasList ? requests.filter(({ source }) => names.has(formatPrefix(source))) : undefined;
    },
    async isStillThere({ source }: { readonly source: Block["source"] }) {
      asked.push(formatPrefix(source));
      return !names.has(formatPrefix(source));
    },
  };
  const blocks = Array.from({ length: count }, (_, index) => block(nthIpv4(index), { backend: "kill-route" }));
  // What look() uses of its parts.
  const parts = { responder, sensor: {}, recorder: {} };
  const delegate = new Delegate(settingsOf(load(KILL_ROUTE)), Object.assign(Object.create(null), parts));
  const found: string[][] = [];
  const look = (afterChange: boolean) =>
    delegate.look(blocks, afterChange, (lost) => void found.push(lost.map(({ source }) => formatPrefix(source))));
  return { delegate, look, found, asked, listCount: () => lists };
}

test("with a list only those that it does not name are asked for, wherever they stand", async () => {
  const { look, found, asked } = setUp(1_000, [3, 700], true);
  await look(false);
  assert.deepEqual(found, [["10.0.0.3", "10.0.2.188"]]);
  assert.deepEqual(asked, ["10.0.0.3", "10.0.2.188"]);
});

test("nobody is told when nothing is gone, and a look after a change does not wait for the rest", async () => {
  const { look, found, asked, listCount } = setUp(10, [], true);
  for (let count = 0; count < 3; count++) await look(true);
  assert.deepEqual([found, asked, listCount()], [[], [], 3]);
});

test("without a list they are asked for in turn; after a change the newest, more at once", async () => {
  const { look, found, asked } = setUp(100, [99], false);
  await look(true);
  assert.equal(asked.length, 32);
  assert.deepEqual(found, [["10.0.0.99"]]);
});

test("without a list one is asked for in each look, all of them in turn, and the first again", async () => {
  const { look, asked } = setUp(3, [], false);
  // A look rests for fifty times as long as it took.
  while (asked.length < 7) {
    await look(false);
    await new Promise(setImmediate);
  }
  const all = ["10.0.0.0", "10.0.0.1", "10.0.0.2"];
  assert.deepEqual(asked, [...all, ...all, "10.0.0.0"]);
});

test("one is an administrator's hand, several are not", () => {
  const { delegate } = setUp(0, [], true);
  assert.ok(delegate.isByHand([block("192.0.2.1")]));
  assert.ok(!delegate.isByHand([block("192.0.2.1"), block("192.0.2.2")]));
});

test("where KILL_ROUTE has failed the line alone is the block: its source is not looked for among the routes", async () => {
  const asked: string[] = [];
  const line = block(nthIpv4(1), { backend: "hosts.deny" });
  const responder = {
    suspects: async (requests: readonly unknown[]) => requests,
    isStillThere: async ({ source }: { readonly source: Block["source"] }, lineOnly: boolean) => {
      asked.push(`${formatPrefix(source)} ${lineOnly}`);
      return lineOnly;
    },
  };
  const parts = { responder, sensor: {}, recorder: {} };
  const delegate = new Delegate(settingsOf(load(KILL_ROUTE)), Object.assign(Object.create(null), parts));
  const gone: Block[] = [];
  await delegate.look([line], false, (lost) => void gone.push(...lost));
  assert.deepEqual([asked, gone], [["10.0.0.1 true"], []]);
});

for (const { steps, backend, isUndone, isFreed } of [
  { steps: ["route"], backend: "kill-route", isUndone: true, isFreed: true },
  { steps: ["run", "hosts-deny"], backend: "nftables", isUndone: true, isFreed: false },
  // A command of KILL_RUN_CMD's kind has no reverse.
  { steps: ["run"], backend: "nftables", isUndone: false, isFreed: false },
] as const) {
  test(`a block by ${backend} ends: of the steps ${steps.join(", ")} ${isUndone ? "what has a reverse is undone" : "nothing is undone"}`, async () => {
    const undone: string[] = [];
    const freed: string[] = [];
    const name = ({ source }: { readonly source: Block["source"] }) => formatPrefix(source);
    const responder = {
      steps: () => steps,
      undo: async (request: { readonly source: Block["source"] }) => {
        undone.push(name(request));
        return [{ step: "route", ok: false, text: "ip route del", detail: "exit code 2" }];
      },
    };
    const sensor = {
      delegation: {
        undelegate: (source: Block["source"]) => freed.push(formatPrefix(source)),
        forgetThrough: () => undefined,
      },
    };
    const delegate = new Delegate(
      settingsOf(load(KILL_ROUTE)),
      Object.assign(Object.create(null), { responder, sensor }),
    );
    const told = await delegate.release(block("192.0.2.1", { backend }));
    assert.deepEqual(undone, isUndone ? ["192.0.2.1"] : []);
    assert.deepEqual(freed, isFreed ? ["192.0.2.1"] : []);
    assert.deepEqual(told, isUndone ? ["exit code 2: ip route del"] : []);
  });
}

// The administrator's commands about one source: which requests they get, and what is told of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTroubles } from "../../src/base/troubles.ts";
import type { ResponseRequest, ResponseStep } from "../../src/enforce/commands/response.ts";
import { Delegate } from "../../src/enforce/delegate.ts";
import { formatPrefix, type Prefix } from "../../src/wire/address.ts";
import { load, settingsOf } from "../config/support.ts";
import { verdictOn } from "../daemon/fakes.ts";
import { block } from "../judge/blocks.ts";
import { prefix } from "../support/prefix.ts";

const SOURCE = "192.0.2.1";
const source = prefix(SOURCE);
const CONF = 'TCP_MODE="stcp"\nUDP_MODE="audp"\nBLOCK_TCP="1"\nKILL_ROUTE="/bin/true $TARGET$"\n';

function setUp({
  steps = ["route"] as readonly ResponseStep[],
  broken = [] as readonly ResponseStep[],
  conf = "",
} = {}) {
  const asked: string[] = [];
  const told: string[] = [];
  const noted = (what: string, { source: of, port, protocol, modeName }: ResponseRequest) =>
    asked.push(`${what} ${formatPrefix(of)} ${port}/${protocol} ${modeName}`);
  const named = (what: string) => (of: Prefix) => void asked.push(`${what} ${formatPrefix(of)}`);
  const resultOf = (step: ResponseStep) => ({ step, ok: !broken.includes(step), text: step, detail: "exit code 1" });
  const responder = {
    steps: () => steps,
    setSettings: () => void asked.push("settings"),
    respond: async (request: ResponseRequest) => {
      const blocking = steps.filter((step) => step !== "run");
      noted(`respond ${blocking.join(" ")}`, request);
      const results = blocking.map(resultOf);
      return {
        results,
        madeBy: results
          .filter(({ ok }) => ok)
          .map(({ step }) => step)
          .join(" "),
      };
    },
    run: async (request: ResponseRequest) => {
      noted("run", request);
      return [resultOf("run")];
    },
    undo: async (request: ResponseRequest) => {
      noted("undo", request);
      return steps.filter((step) => step !== "run").map(resultOf);
    },
    isStillThere: async (_request: ResponseRequest, lineOnly = false) => lineOnly,
    suspects: async () => [],
    close: async () => void asked.push("close"),
  };
  const sensor = {
    delegation: {
      delegate: (of: { source: Prefix }, nowMs: number) => {
        asked.push(`delegate ${formatPrefix(of.source)} ${nowMs}`);
        return "ENFILE";
      },
      undelegate: named("undelegate"),
      forgetThrough: named("forget"),
    },
    hold: { release: named("let go"), isHeld: () => false, count: () => 0 },
  };
  const recorder = {
    warning: (text: string) => told.push(text),
    responded: (of: Prefix, results: readonly unknown[]) =>
      told.push(`responded ${formatPrefix(of)} ${results.length}`),
  };
  const troubles = createTroubles();
  const make = (without = false) =>
    // What the delegate uses of its parts.
    new Delegate(
      settingsOf(load(CONF + conf)),
      Object.assign(Object.create(null), { responder, recorder, troubles, sensor: without ? {} : sensor }),
    );
  return { asked, told, troubles, delegate: make(), bare: make(true) };
}

const finding = verdictOn(SOURCE, "block", 0).finding;

test("a finding's request names the port, the protocol and the mode that found it", async () => {
  const { delegate, asked, told } = setUp({ steps: ["hosts-deny", "route", "run"] });
  await delegate.run(finding);
  await delegate.respond({ ...finding, protocol: 17, port: 53 });
  await delegate.respond({ ...finding, protocol: 1 });
  assert.deepEqual(asked, [
    `run ${SOURCE} 79/6 stcp`,
    `respond hosts-deny route ${SOURCE} 53/17 audp`,
    `respond hosts-deny route ${SOURCE} 79/6 stcp`,
  ]);
  assert.deepEqual(told, [`responded ${SOURCE} 1`]);
});

test("KILL_RUN_CMD comes after the block, and with it where it comes first", async () => {
  const after = setUp({ steps: ["hosts-deny", "route", "run"] });
  assert.equal((await after.delegate.respond(finding)).results.length, 2);
  assert.deepEqual(
    (await after.delegate.runAfter(finding)).map(({ step }) => step),
    ["run"],
  );
  assert.deepEqual(after.asked, [`respond hosts-deny route ${SOURCE} 79/6 stcp`, `run ${SOURCE} 79/6 stcp`]);
  assert.deepEqual(after.told, [], "whoever made the block tells of it");
  const first = setUp({ steps: ["run", "hosts-deny", "route"], conf: 'KILL_RUN_CMD_FIRST="1"\n' });
  assert.equal((await first.delegate.respond(finding)).results.length, 3);
  assert.deepEqual(await first.delegate.runAfter(finding), []);
  assert.deepEqual(first.asked, [`run ${SOURCE} 79/6 stcp`, `respond hosts-deny route ${SOURCE} 79/6 stcp`]);
  const none = setUp({ steps: ["route"] });
  assert.deepEqual(await none.delegate.runAfter(finding), []);
  assert.deepEqual([none.asked, none.told], [[], []]);
});

test("a command that fails is a trouble until it works again, or is another", async () => {
  const { delegate, troubles } = setUp({ broken: ["route"] });
  await delegate.respond(finding);
  await delegate.respond(finding);
  assert.deepEqual(troubles.current(), [
    `KILL_ROUTE has failed for 2 sources in a row, the last ${SOURCE}: exit code 1: route`,
  ]);
  assert.equal(delegate.counters.commandsFailed, 2);
  delegate.setSettings(settingsOf(load(CONF)));
  assert.deepEqual(troubles.current(), []);
});

for (const { broken, backend } of [
  { broken: [], backend: "kill-route" },
  { broken: ["route"], backend: "hosts.deny" },
  { broken: ["route", "hosts-deny"], backend: undefined },
] as const) {
  test(`of steps of which ${broken.length} fail ${backend ?? "nothing"} is the block`, async () => {
    const { delegate } = setUp({ steps: ["hosts-deny", "route"], broken });
    const responded = await delegate.respond(finding);
    assert.equal(responded.backend?.name, backend);
    assert.equal(responded.results.length, 2);
    const worked = ["hosts-deny", "route"].filter((step) => !broken.some((each) => each === step));
    assert.equal(responded.madeBy, worked.join(" "));
  });
}

test("a source goes to its rule: delegated, and let go from the hold; back to the table it is delegated no more", () => {
  const { delegate, bare, asked } = setUp();
  assert.equal(delegate.takeOver(block(SOURCE), 7), "ENFILE");
  delegate.giveBack(source);
  assert.deepEqual(asked, [`delegate ${SOURCE} 7`, `let go ${SOURCE}`, `undelegate ${SOURCE}`]);
  assert.equal(bare.takeOver(block(SOURCE), 7), "", "a mirror port has no sensor that could hold it");
  bare.giveBack(source);
});

test("what cannot be undone is told, each step of it; where nothing can be undone nobody is asked", async () => {
  const { delegate, asked } = setUp({ steps: ["run", "route"], broken: ["route"] });
  const one = block(SOURCE, { backend: "kill-route", trigger: { protocol: 17, port: 53 } });
  assert.deepEqual(await delegate.release(one), ["exit code 1: route"]);
  assert.deepEqual(asked, [`undelegate ${SOURCE}`, `forget ${SOURCE}`, `undo ${SOURCE} 53/17 audp`]);
  assert.deepEqual(
    await delegate.release({ ...one, backend: "nftables", madeBy: "" }),
    [],
    "no command was run for it",
  );
  const none = setUp({ steps: ["run"] });
  await none.delegate.release(block(SOURCE));
  assert.deepEqual(none.asked, []);
  assert.deepEqual([none.delegate.hasSteps, setUp({ steps: [] }).delegate.hasSteps], [true, false]);
});

test("a block is asked of its own backend, and one of the table of none of them", async () => {
  const { delegate, asked } = setUp({ broken: ["route", "hosts-deny"] });
  const of = (backend: "kill-route" | "hosts.deny" | "nftables") => block(SOURCE, { backend });
  assert.deepEqual(
    [
      await delegate.stands(of("kill-route")),
      await delegate.stands(of("hosts.deny")),
      await delegate.stands(of("nftables")),
    ],
    [false, true, undefined],
  );
  assert.deepEqual(
    [delegate.suffices(of("kill-route")), delegate.suffices(of("hosts.deny")), delegate.suffices(of("nftables"))],
    [true, false, false],
  );
  assert.deepEqual(
    [await delegate.restore(of("kill-route")), await delegate.restore(of("nftables"))],
    ["exit code 1: route", "no command is set"],
  );
  assert.deepEqual(await setUp().delegate.restore(of("kill-route")), { ...of("kill-route"), madeBy: "route" });
  delegate.setSettings(settingsOf(load(CONF)));
  await delegate.close();
  assert.deepEqual(asked, [`respond route ${SOURCE} 0/6 stcp`, "settings", "close", "close"]);
});

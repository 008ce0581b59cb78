// The administrator's commands about one source: which requests they get, and what is told of them.
import assert from "node:assert/strict";
import { test } from "node:test";
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

function setUp({ steps = ["route"] as readonly ResponseStep[], broken = [] as readonly ResponseStep[] } = {}) {
  const asked: string[] = [];
  const told: string[] = [];
  const noted = (what: string, { source: of, port, protocol, modeName }: ResponseRequest) =>
    asked.push(`${what} ${formatPrefix(of)} ${port}/${protocol} ${modeName}`);
  const named = (what: string) => (of: Prefix) => void asked.push(`${what} ${formatPrefix(of)}`);
  const resultOf = (step: ResponseStep) => ({ step, ok: !broken.includes(step), text: step, detail: "exit code 1" });
  const responder = {
    steps: () => steps,
    setSettings: () => void asked.push("settings"),
    respond: async (request: ResponseRequest, only: readonly ResponseStep[] = steps) => {
      noted(`respond ${only.join(" ")}`, request);
      return only.map(resultOf);
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
  const make = (without = false) =>
    // What the delegate uses of its parts.
    new Delegate(
      settingsOf(load(CONF)),
      Object.assign(Object.create(null), { responder, recorder, sensor: without ? {} : sensor }),
    );
  return { asked, told, delegate: make(), bare: make(true) };
}

const finding = verdictOn(SOURCE, "block", 0).finding;

test("a finding's request names the port, the protocol and the mode that found it", async () => {
  const { delegate, asked, told } = setUp({ steps: ["run", "hosts-deny", "route"] });
  await delegate.runOnly(finding);
  await delegate.respond({ ...finding, protocol: 17, port: 53 });
  await delegate.respond({ ...finding, protocol: 1 });
  assert.deepEqual(asked, [
    `respond run ${SOURCE} 79/6 stcp`,
    `respond run hosts-deny route ${SOURCE} 53/17 audp`,
    `respond run hosts-deny route ${SOURCE} 79/6 stcp`,
  ]);
  assert.deepEqual(told, [`responded ${SOURCE} 1`]);
});

for (const { broken, backend } of [
  { broken: [], backend: "kill-route" },
  { broken: ["route"], backend: "hosts.deny" },
  { broken: ["route", "hosts-deny"], backend: undefined },
] as const) {
  test(`of steps of which ${broken.length} fail ${backend ?? "nothing"} is the block`, async () => {
    const { delegate } = setUp({ steps: ["run", "hosts-deny", "route"], broken });
    const responded = await delegate.respond(finding);
    assert.equal(responded.backend?.name, backend);
    assert.equal(responded.results.length, 3);
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
  const { delegate, asked, told } = setUp({ steps: ["run", "route"], broken: ["route"] });
  await delegate.release(block(SOURCE, { backend: "kill-route", trigger: { protocol: 17, port: 53 } }));
  assert.deepEqual(asked, [`undelegate ${SOURCE}`, `forget ${SOURCE}`, `undo ${SOURCE} 53/17 audp`]);
  assert.deepEqual(told, [`cannot undo the block of ${SOURCE}: exit code 1: route`]);
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
  assert.deepEqual([await delegate.restore(of("kill-route")), await delegate.restore(of("nftables"))], [false, false]);
  assert.equal(await setUp().delegate.restore(of("kill-route")), true);
  delegate.setSettings(settingsOf(load(CONF)));
  await delegate.close();
  assert.deepEqual(asked, [`respond hosts-deny route ${SOURCE} 0/6 stcp`, "settings", "close", "close"]);
});

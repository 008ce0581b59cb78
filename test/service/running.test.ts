// A started daemon between start and stop, from fakes: in which order it begins and ends, what a signal does, and that one part
// that fails keeps no other from its end.
import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { type TestContext, test } from "node:test";
import type { PacketSink } from "../../src/capture/packet-source.ts";
import type { Settings } from "../../src/config/settings.ts";
import { Guard } from "../../src/host/guard.ts";
import { openRouteMonitor } from "../../src/kernel/routes.ts";
import type { RunOptions } from "../../src/service/run-options.ts";
import { Running } from "../../src/service/running.ts";
import type { Started } from "../../src/service/start.ts";
import { ask } from "../control/http-request.ts";
import { assemble, host, settingsWith } from "../daemon/assembled.ts";

const BLOCKING = 'BLOCK_TCP="1"\nPROOF="off"\nPOLICY="score"\n';

/** What is done, in its order; lines of the log stand in the same list. */
function setUp(t: TestContext, conf = BLOCKING) {
  const done: string[] = [];
  const failing = { rest: false };
  const sensor = {
    load: () => false,
    follow: () => undefined,
    rest: () => {
      done.push("the sensor is left");
      if (failing.rest) throw new Error("netlink: EPERM");
    },
  };
  const assembled = assemble(t, conf, { sensor });
  const { daemon, clock, troubles, store } = assembled;
  let sink: PacketSink | undefined;
  const routes = openRouteMonitor();
  t.after(() => routes.close());
  const note = (what: string) => {
    done.push(...assembled.take(), what);
  };
  const { flush } = store;
  store.flush = () => {
    note("the store is written");
    flush.call(store);
  };
  const started = {
    ...{ daemon, sensor, routes, troubles, monitor: undefined },
    clock: { ...clock, bootMs: 0, tick: () => undefined, save: () => note("the clock is saved") },
    capture: {
      start: (to: PacketSink) => {
        note("capture begins");
        sink = to;
      },
    },
    restored: { restored: 0, adopted: 0, expired: 0, leftOut: 0, failures: [], delegated: [], ended: [] },
    view: {
      begin: async () => note("the files of the blocked begin"),
      tick: async (now: boolean) => now && note("the files of the blocked are written"),
    },
    guard: new Guard({
      sessions: () => ({ sessions: [], warning: "" }),
      containers: () => [],
      timeServers: () => ({ addresses: [], names: [] }),
      lookUp: async () => [],
    }),
    learned: { save: async () => note("what was learned is saved") },
    leftRules: { save: async () => note("rules that stay are saved") },
    close: () => undefined,
  };
  const options: RunOptions = {
    confFile: "/etc/portsentry/portsentry.conf",
    log: "stdout",
    forceBlock: false,
    terse: true,
  };
  const file = { settings: undefined as Settings | undefined };
  let isReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  // What Running asks of a started daemon: its parts are classes with private fields, so that nothing else is one.
  const running = new Running(
    Object.assign(Object.create(null), started) as Started,
    { ...options, daemonReady: () => isReady() },
    (_options, tell) => {
      if (file.settings === undefined) tell("portsentry.conf:1: error: a line that means nothing");
      return file.settings;
    },
  );
  const ended = running.run({
    conntrackBefore: undefined,
    heapMayGrow: () => undefined,
    warnings: [],
    captureText: "",
  });
  const stop = async () => {
    await ready;
    process.emit("SIGTERM");
    return ended;
  };
  t.after(() => stop());
  const take = () => {
    note("");
    return done.splice(0).filter((text) => text !== "");
  };
  return { ...assembled, ready, ended, stop, take, failing, file, sink: () => sink, started };
}

const socketOf = ({ settings }: { settings: Settings }) => settings.controlSocket;

test("it is active and listening when packets are captured, the files are written and the socket answers", async (t) => {
  const { daemon, ready, take, sink } = setUp(t);
  await ready;
  const done = take();
  const at = (what: string | RegExp) => {
    const index = done.findIndex((text) => (typeof what === "string" ? text === what : what.test(text)));
    assert.ok(index >= 0, `${what} in ${done.join("\n")}`);
    return index;
  };
  assert.ok(at(/is starting/) < at("capture begins"));
  assert.ok(at("capture begins") < at("the files of the blocked begin"));
  assert.ok(at("the files of the blocked begin") < at(/PortSentry is now active and listening/));
  assert.equal(sink(), daemon.walk);
  assert.equal(statSync(socketOf(daemon)).mode & 0o777, 0o660);
  const { status, text } = await ask(socketOf(daemon), { path: "/v1/status" });
  assert.equal(status, 200);
  assert.equal(JSON.parse(text).configuration.endsWith("portsentry.conf"), true);
});

test("SIGTERM: what was learned and the clock are saved, the sensor is left as it is to be, the last line is written", async (t) => {
  const { daemon, ready, stop, take } = setUp(t);
  await ready;
  take();
  const before = process.listenerCount("SIGHUP");
  assert.equal(await stop(), 0);
  assert.deepEqual(
    take().filter((text) => !/^adminalert/.test(text)),
    [
      "what was learned is saved",
      "rules that stay are saved",
      "the clock is saved",
      "the sensor is left",
      "the files of the blocked are written",
      "securityalert: PortSentry is shutting down",
      "the store is written",
    ],
  );
  assert.equal(existsSync(socketOf(daemon)), false);
  assert.equal(process.listenerCount("SIGHUP"), before - 1, "signals are others' again");
});

test("what cannot be done at the end is said, and the rest is done", async (t) => {
  const { ready, stop, take, failing } = setUp(t);
  await ready;
  failing.rest = true;
  take();
  assert.equal(await stop(), 0);
  const done = take();
  const failed = done.findIndex((text) => /netlink: EPERM/.test(text));
  assert.ok(failed > 0 && failed < done.indexOf("the store is written"), done.join("\n"));
});

test("SIGHUP: a file with errors changes nothing and says so; one without is in force", async (t) => {
  const { daemon, ready, take, file } = setUp(t);
  await ready;
  const { settings } = daemon;
  take();
  process.emit("SIGHUP");
  assert.equal(daemon.settings, settings);
  const refused = take().join("\n");
  assert.match(refused, /a line that means nothing/);
  assert.match(refused, /reload: \/etc\/portsentry\/portsentry\.conf has errors: the running settings stay/);
  file.settings = { ...settings, ...settingsWith('BLOCK_TCP="0"\n'), controlSocket: settings.controlSocket };
  process.emit("SIGHUP");
  assert.equal(daemon.settings, file.settings);
  assert.match(take().join("\n"), /reload: \/etc\/portsentry\/portsentry\.conf is in force/);
});

test("an error that nobody caught ends the daemon in order, with the code for a fault of its own", async (t) => {
  const { ready, ended, take } = setUp(t);
  await ready;
  take();
  const { write } = process.stderr;
  const errors: string[] = [];
  process.stderr.write = (text) => {
    errors.push(String(text));
    return true;
  };
  try {
    // The runner has a listener of its own, which would take the error for one of the test.
    const own = process.listeners("uncaughtException").at(-1);
    own?.(new Error("boom"), "uncaughtException");
    assert.equal(await ended, 70);
  } finally {
    process.stderr.write = write;
  }
  assert.match(errors.join(""), /portreeve: internal error: Error: boom/);
  const done = take();
  assert.match(done.join("\n"), /internal error: Error: boom/);
  assert.equal(done.at(-1), "the store is written");
});

test("once a second blocks are looked after, and what the host is now is in force before anything is captured", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { daemon, ready, now, deliver, take, started } = setUp(t, `${BLOCKING}BLOCK_TIME="1h"\n`);
  assert.deepEqual(daemon.host, host);
  await ready;
  assert.notDeepEqual(daemon.host, host, "this machine has other addresses");
  let ticks = 0;
  started.clock.tick = () => void ticks++;
  deliver("198.51.100.7", 1, 7, 9);
  assert.equal(daemon.status().blocked, 1);
  now.ms += 3_601_000;
  take();
  t.mock.timers.tick(1_000);
  await new Promise(setImmediate);
  assert.equal(daemon.status().blocked, 0);
  assert.match(take().join("\n"), /unblocked \(expired\)[\s\S]*the store is written/);
});

// What a look at the host does: changes go into force once, and the sensor remembers services and nothing of our own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTroubles } from "../../src/base/troubles.ts";
import { InForce } from "../../src/daemon/in-force.ts";
import type { HostFacts } from "../../src/host/host.ts";
import { HostWatch } from "../../src/service/host-watch.ts";
import { Loops } from "../../src/service/loops.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { load, settingsOf } from "../config/support.ts";
import { prefix } from "../detect/probes.ts";

function setUp(conf = "", isRing = false) {
  const said: string[] = [];
  const system = {
    host: {
      ...{ own: [prefix("192.0.2.1")], broadcast: [], near: [], gateways: [], resolvers: [] },
      ephemeral: { first: 32_768, last: 60_999 },
    } as HostFacts,
    tcp: [22] as number[],
    /** Where port 80 is served. */
    bound: [] as string[],
    nowMs: 5_000_000,
    services: { ports: [] as { protocol: number; port: number }[], byMark: 0 },
    sessions: false,
    bridged: [] as string[],
    missing: [] as string[],
    /** What the guard will say of logins from its next look on. */
    loginWarning: "",
    names: Promise.resolve(false),
  };
  const every = new Map<string, () => void>();
  const loops = {
    every: (ms: number, what: string, task: () => void) => void every.set(`${what} ${ms}`, task),
    guarded: (_what: string, task: () => void) => task,
  };
  const settings = settingsOf(load(conf));
  const inForce = new InForce({ settings, host: system.host, sensor: { load: () => false }, uptimeMs: () => 1e9 });
  inForce.tell({ follow: ({ host }) => said.push(`host ${host?.own.length}`) });
  const troubles = createTroubles();
  const guard = {
    extend: (facts: HostFacts) => facts,
    sessionWarning: "",
    lookAtSessions: () => {
      guard.sessionWarning = system.loginWarning;
      return system.sessions;
    },
    lookUpNames: () => system.names,
    hasUnknownNames: () => false,
  };
  const watch = new HostWatch({
    ...{ inForce, guard, troubles },
    recorder: { warning: (text) => said.push(text) },
    served: {
      remember: (ports) => {
        const texts = ports.map(({ protocol, port, address }) => {
          return `${protocol}/${port}${address === undefined ? "" : `@${formatPrefix(address)}`}`;
        });
        said.push(`served ${texts.join()}`);
        return "";
      },
    },
    isRing,
    isOurs: (protocol, port) => protocol === 6 && port === 8_000,
    loops,
    nowMs: () => system.nowMs,
    host: {
      readHost: () => system.host,
      listReachable: () => [
        ...system.tcp.map((port) => ({ protocol: 6, port })),
        ...system.bound.map((address) => ({ protocol: 6, port: 80, address: prefix(address) })),
        ...[53, 40_000].map((port) => ({ protocol: 17, port })),
      ],
      readVirtualServices: () => system.services,
      bridgedGuests: () => system.bridged,
      missingInterfaces: (names) => names.filter((name) => system.missing.includes(name)),
    },
  });
  const settled = () => (inForce.host.settled ?? []).map(formatPrefix);
  const bridged = () => inForce.plan().bridged;
  return { watch, system, every, troubles, settled, bridged, take: () => said.splice(0) };
}

test("a look takes a host that has changed into force, once, and remembers services: no port of ours, no client's UDP port", () => {
  const { watch, system, take } = setUp();
  system.tcp = [22, 8_000, 40_001];
  watch.look();
  assert.deepEqual(take(), ["served 6/22,6/40001,17/53", "host 1"]);
  watch.look();
  assert.deepEqual(take(), ["served 6/22,6/40001,17/53"]);
  system.host = { ...system.host, own: [...system.host.own, prefix("192.0.2.2")] };
  watch.look();
  assert.deepEqual(take(), ["served 6/22,6/40001,17/53", "host 2"]);
});

test("a machine that a bridge joins to the LAN is taken into force when it comes", () => {
  const { watch, system, take, bridged } = setUp();
  watch.look();
  take();
  system.bridged = ["52:54:00:00:00:01"];
  watch.look();
  assert.deepEqual(take(), ["served 6/22,17/53", "host 1"]);
  assert.deepEqual(bridged(), ["52:54:00:00:00:01"]);
});

test("a listener that is bound to an address of the host counts there, one that is bound to another address everywhere", () => {
  const { watch, system, take } = setUp();
  system.tcp = [];
  system.bound = ["192.0.2.1", "192.0.2.9", "2001:db8::1"];
  watch.look();
  assert.deepEqual(take(), ["served 6/80@192.0.2.1,6/80,6/80,17/53", "host 1"]);
  system.host = { ...system.host, own: [prefix("192.0.2.9")] };
  watch.look();
  assert.deepEqual(take(), ["served 6/80,6/80@192.0.2.9,6/80,17/53", "host 1"]);
});

test("an address that has come after the start is settled when it has been there for LATELY_OPEN", () => {
  const { watch, system, settled } = setUp('LATELY_OPEN="1h"');
  watch.look();
  assert.deepEqual(settled(), ["192.0.2.1"]);
  system.host = { ...system.host, own: [...system.host.own, prefix("192.0.2.2")] };
  watch.look();
  assert.deepEqual(settled(), ["192.0.2.1"]);
  system.nowMs += 3_599_999;
  watch.look();
  assert.deepEqual(settled(), ["192.0.2.1"]);
  system.nowMs += 1;
  watch.look();
  assert.deepEqual(settled(), ["192.0.2.1", "192.0.2.2"]);
});

test("IPVS: its ports are services, and what cannot be told apart is said once", () => {
  const { watch, system, every, take } = setUp();
  watch.lookAtAll();
  assert.deepEqual(take(), ["served 6/22,17/53", "host 1", "served "]);
  watch.start();
  const look = every.get("IPVS 2000");
  assert.ok(look !== undefined);
  look();
  assert.deepEqual(take(), []);
  system.services = { ports: [{ protocol: 6, port: 443 }], byMark: 2 };
  look();
  look();
  const [warning = "", ...rest] = take();
  assert.match(warning, /2/);
  assert.deepEqual(rest, ["served 6/443"]);
});

test("a session that has come or gone makes a look; names that are new do, until it is closed", async () => {
  const { watch, system, every, take } = setUp();
  system.names = Promise.resolve(true);
  watch.start();
  await system.names;
  await new Promise(setImmediate);
  assert.deepEqual(take(), ["served 6/22,17/53", "host 1"]);
  const sessions = every.get("SSH sessions 5000");
  sessions?.();
  assert.deepEqual(take(), []);
  system.sessions = true;
  sessions?.();
  assert.deepEqual(take(), ["served 6/22,17/53"]);
  watch.close();
  every.get("time servers 3600000")?.();
  await new Promise(setImmediate);
  assert.deepEqual(take(), []);
  watch.lookSoon();
});

test("logins that cannot be seen are said once, and stand in status for as long as it is so", () => {
  const { watch, system, every, troubles, take } = setUp();
  watch.start();
  take();
  const look = () => every.get("SSH sessions 5000")?.();
  system.loginWarning = "no login is seen";
  look();
  look();
  assert.deepEqual([take(), troubles.current()], [["no login is seen"], ["no login is seen"]]);
  system.loginWarning = "";
  look();
  assert.deepEqual([take(), troubles.current()], [[], []]);
  watch.close();
});

test("what a task of the loops throws is said and ends nothing; what was opened is closed once", () => {
  const said: string[] = [];
  const loops = new Loops((message) => said.push(message));
  loops.guarded("look", () => {
    throw new Error("no such thing");
  })();
  loops.onClose(() => said.push("closed"));
  loops.close();
  loops.close();
  assert.deepEqual(said, ["look: no such thing", "closed"]);
});

test("watched UDP ports that are this host's clients' are told once, and no more when they are reserved", () => {
  const { watch, system, troubles, take } = setUp('UDP_MODE="sudp"\nUDP_PORTS="2000,40001"\n');
  watch.look();
  watch.look();
  const warnings = take().filter((text) => text.includes("no trap"));
  assert.deepEqual([warnings.length, troubles.current()], [1, warnings]);
  assert.match(warnings[0] ?? "", /^1 UDP port that is watched is no trap: 40001;/);
  system.host = { ...system.host, reserved: [{ first: 40_000, last: 40_001 }] };
  watch.look();
  assert.deepEqual(troubles.current(), []);
  assert.ok(take().includes("served 6/22,17/53,17/40000"), "a reserved port that is served is a service");
});

test("an interface that INTERFACE names and that is not there is told once, and so is its coming", () => {
  const { watch, system, troubles, take } = setUp('PROOF="on"\nINTERFACE="ppp7,wg7"\n');
  system.missing = ["ppp7", "wg7"];
  watch.look();
  watch.look();
  const both =
    'INTERFACE names ppp7, wg7, and these interfaces are not there: no probe is seen on them until they come; "ip -br link" lists the interfaces of this host';
  const told = () => take().filter((text) => text.toLowerCase().includes("interface"));
  assert.deepEqual([told(), troubles.current()], [[both], [both]]);
  system.missing = ["wg7"];
  watch.look();
  const one = both.replace("ppp7, wg7, and these interfaces are", "wg7, and this interface is");
  const left = one.replace("on them until they come", "on it until it comes");
  assert.deepEqual([told(), troubles.current()], [[left, "interface ppp7 is there: probes on it are seen"], [left]]);
  system.missing = [];
  watch.look();
  assert.deepEqual([told(), troubles.current()], [["interface wg7 is there: probes on it are seen"], []]);
});

test("with the packet ring, which says in the log itself what comes and goes, status alone is told", () => {
  const { watch, system, troubles, take } = setUp('PROOF="on"\nINTERFACE="ppp7"\n', true);
  system.missing = ["ppp7"];
  watch.look();
  assert.equal(troubles.current().length, 1);
  system.missing = [];
  watch.look();
  assert.deepEqual([troubles.current(), take().filter((text) => text.includes("ppp7"))], [[], []]);
});

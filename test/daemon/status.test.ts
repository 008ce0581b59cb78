// What `portreeve status` says of the daemon, from parts that stand for those of a running one.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadOptions } from "../../src/config/options.ts";
import { describeStatus } from "../../src/daemon/status.ts";
import { load, settingsOf } from "../config/support.ts";

function statusOf(text: string, options: LoadOptions = {}, more: object = {}) {
  const list = { size: 0, provenCount: 0, limit: 1, refused: 0, reasonsNotKept: 0 };
  const parts = {
    settings: settingsOf(load(text, undefined, options)),
    blocker: { list, claims: { breaker: { isOpen: false, withheld: 0 } }, failures: 0 },
    capture: { lost: 0, malformed: 0, name: "nflog" },
    sensor: {},
    journal: { trouble: "" },
    troubles: { current: () => [] },
    clock: { nowMs: () => 1_000 },
    ...{ version: "0.1.0", captureName: "nflog", enforces: true, probes: 0, sources: 0, startMs: 0, graceLeftMs: 0 },
    ...{ setWarnings: [], crowdFindings: [], counters: {} },
    ...more,
  };
  // What it uses of its parts.
  return describeStatus(Object.assign(Object.create(null), parts));
}

test("the modes are those that the daemon was started in, whatever the configuration names", () => {
  const conf = 'IGNORE_FILE="/etc/portsentry/portsentry.ignore"\nTCP_PORTS="1,7"\nADVANCED_PORTS_UDP="1024"\n';
  assert.deepEqual(statusOf(conf, { tcpMode: "stcp" }).watched, { tcp: { mode: "stcp", ports: 2 }, udp: null });
  assert.equal(statusOf(conf, { udpMode: "audp" }).watched.udp?.mode, "audp");
  assert.deepEqual(statusOf(conf).watched.tcp, { mode: "atcp", ports: 65_535 });
});

test("lost log lines are among the warnings, for nothing else could say it", () => {
  const trouble = "log lines are lost, 2 until now: no program takes them";
  assert.deepEqual(statusOf("", {}, { journal: { trouble } }).warnings.includes(trouble), true);
});

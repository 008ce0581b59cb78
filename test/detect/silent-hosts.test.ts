// Contacts that hosts behind a gateway leave unanswered: four of them are a scan by the sequential test, one again and again is not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SilentHosts } from "../../src/detect/silent-hosts.ts";
import { DEFAULT_SEQUENTIAL } from "../../src/detect/tap/sequential.ts";
import { prefix } from "../support/prefix.ts";

const MINUTE = 60_000;
const contact = (port: number, { host = 7, source = 1, timeMs = 0 } = {}) => ({
  source: prefix(`192.0.2.${source}`),
  host: prefix(`198.51.100.${host}`),
  port,
  timeMs,
});

test("the fourth contact without an answer is a finding, which names the last host and counts hosts and ports", () => {
  const silent = new SilentHosts();
  const found = [
    ...[contact(21), contact(21), contact(22, { host: 8 }), contact(22, { host: 8 })],
    ...[contact(23, { timeMs: MINUTE }), contact(24, { timeMs: 2 * MINUTE })],
  ].map((one) => silent.note(one, DEFAULT_SEQUENTIAL));
  assert.deepEqual(
    found.map((one) => one !== undefined),
    [false, false, false, false, false, true],
  );
  const { source, host, port, policy, contacts, hosts, probes, firstMs, timeMs } = found.at(-1) ?? assert.fail();
  assert.deepEqual([source, host, port, policy], [prefix("192.0.2.1"), prefix("198.51.100.7"), 24, "sequential"]);
  assert.deepEqual([contacts, hosts, probes, firstMs, timeMs], [4, 2, 6, 0, 2 * MINUTE]);
  assert.deepEqual(silent.counters, { silentContacts: 6, silentFindings: 1, silentSourcesForgotten: 0 });
  assert.equal(silent.note(contact(25), DEFAULT_SEQUENTIAL), undefined, "it begins anew");
});

test("a client that asks a dead service again and again, or a dead one each day, is never found", () => {
  const silent = new SilentHosts();
  for (let time = 0; time < 500; time++) {
    assert.equal(silent.note(contact(443, { timeMs: time * MINUTE }), DEFAULT_SEQUENTIAL), undefined);
  }
  for (let day = 0; day < 60; day++) {
    const timeMs = day * 1440 * MINUTE;
    assert.equal(silent.note(contact(1000 + day, { source: 2, timeMs }), DEFAULT_SEQUENTIAL), undefined, `day ${day}`);
  }
});

test("of more sources than there is room for, the one that was heard of the longest ago is forgotten, and counted", () => {
  const silent = new SilentHosts(2);
  for (const source of [1, 2])
    for (const port of [21, 22, 23]) silent.note(contact(port, { source }), DEFAULT_SEQUENTIAL);
  silent.note(contact(21, { source: 1 }), DEFAULT_SEQUENTIAL);
  silent.note(contact(21, { source: 3 }), DEFAULT_SEQUENTIAL);
  assert.equal(silent.counters.silentSourcesForgotten, 1);
  assert.ok(silent.note(contact(24, { source: 1 }), DEFAULT_SEQUENTIAL), "it was heard of since");
  assert.equal(silent.note(contact(24, { source: 2 }), DEFAULT_SEQUENTIAL), undefined);
});

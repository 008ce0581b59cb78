import assert from "node:assert/strict";
import { test } from "node:test";
import { TriedPorts } from "../../src/detect/tried-ports.ts";
import { prefix, probe } from "./probes.ts";

const START_MS = 1_700_000_000_000;

function setUp() {
  const tried = new TriedPorts({ burst: 5, perSecond: 1 });
  const note = (source: string, port: number, afterMs = 0, protocol = 6) =>
    tried.note(probe({ source, port, protocol, timeMs: START_MS + afterMs }));
  const countOf = (source: string) => tried.of(prefix(source))?.tcp.length;
  return { tried, note, countOf };
}

test("each port counts once, those of TCP and UDP apart; what has no ports does not count", () => {
  const { tried, note } = setUp();
  for (const port of [22, 80, 22, 443, 80]) note("192.0.2.1", port);
  note("192.0.2.1", 53, 0, 17);
  note("192.0.2.1", 22, 0, 17);
  note("192.0.2.1", 9, 0, 132);
  note("2001:db8:0:1::/64", 22);
  assert.deepEqual(tried.of(prefix("192.0.2.1")), { tcp: [22, 80, 443], udp: [53, 22], isAll: true });
  assert.deepEqual(tried.of(prefix("2001:db8:0:1::/64"))?.tcp, [22]);
  assert.equal(tried.of(prefix("192.0.2.2")), undefined);
  tried.forget(prefix("192.0.2.1"));
  assert.equal(tried.of(prefix("192.0.2.1")), undefined);
});

test("in a flood a bounded number of probes is looked at each second, and what is known is told as a part", () => {
  const { tried, note, countOf } = setUp();
  note("192.0.2.1", 1);
  for (let port = 2; port <= 9_000; port++) note("192.0.2.1", port);
  assert.equal(countOf("192.0.2.1"), 4_096, "of one source no more are kept");
  assert.equal(tried.of(prefix("192.0.2.1"))?.isAll, false);
  assert.equal(tried.counters.triedPortsPassedOver, 1_000);
  note("192.0.2.2", 1, 1_000);
  assert.deepEqual(tried.of(prefix("192.0.2.2")), { tcp: [1], udp: [], isAll: true }, "the flood was before it");
});

test("new sources are let in at 200 a second, so that a flood of them leaves a scanner its place", () => {
  const { tried, note, countOf } = setUp();
  for (let port = 1; port <= 100; port++) note("192.0.2.1", port);
  for (let index = 0; index < 3_000; index++) note(`198.${18 + (index >> 8)}.${index & 255}.1`, 22, 1);
  assert.equal(tried.counters.triedPortsPassedOver, 2_001);
  assert.equal(countOf("192.0.2.1"), 100);
  for (let second = 1; second <= 16; second++) {
    for (let index = 0; index < 200; index++) note(`203.${second}.${index}.1`, 22, second * 1_000);
  }
  assert.equal(tried.counters.triedSourcesEvicted, 104);
  assert.equal(countOf("192.0.2.1"), undefined, "the source that was quiet the longest goes");
});

test("all sources together have a bound: whole ranges of many scanners displace the oldest", () => {
  const { tried, note, countOf } = setUp();
  for (let source = 1; source <= 33; source++) {
    for (let port = 1; port <= 4_000; port++) note(`192.0.2.${source}`, port, source * 4_000);
  }
  assert.equal(tried.counters.triedSourcesEvicted, 1);
  assert.deepEqual([countOf("192.0.2.1"), countOf("192.0.2.2"), countOf("192.0.2.33")], [undefined, 4_000, 4_000]);
});

test("packets of blocked sources count as well; at the kernel's limit others may have gone untold", () => {
  const { tried } = setUp();
  const shutOut = (port: number) => tried.noteShutOut(probe({ source: "192.0.2.1", port, timeMs: START_MS }));
  for (let port = 1; port <= 5; port++) shutOut(port);
  assert.deepEqual(tried.of(prefix("192.0.2.1")), { tcp: [1, 2, 3, 4, 5], udp: [], isAll: true });
  shutOut(6);
  assert.deepEqual(tried.of(prefix("192.0.2.1")), { tcp: [1, 2, 3, 4, 5, 6], udp: [], isAll: false });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createTroubles } from "../../src/base/troubles.ts";
import type { Settings } from "../../src/config/settings.ts";
import { SCAN_PORTS } from "../../src/detect/outgoing/outgoing-scans.ts";
import type { OutgoingNews } from "../../src/record/wording.ts";
import { OutgoingWatch } from "../../src/sense/outgoing-watch.ts";
import { ASKS_TAG, UPSHOT_TAG } from "../../src/table/log-tags.ts";
import { OutgoingLimits } from "../../src/table/outgoing-limits.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { TcpFlag } from "../../src/wire/packet.ts";
import { buildTcp } from "../support/build-packet.ts";
import { prefix } from "../support/prefix.ts";

const OWN = "192.0.2.1";
const REMOTE = "203.0.113.9";

function open(mode: Settings["outgoing"], limited = "") {
  let outgoing = mode;
  let nowMs = 0;
  const news: OutgoingNews[] = [];
  const troubles = createTroubles();
  const sets: string[] = [];
  const files: Readonly<Record<string, string>> = {
    "/proc/70/comm": "nmap\n",
    "/proc/70/cgroup": "0::/system.slice/cron.service\n",
    "/etc/passwd": "alice:x:1000:1000::/:/bin/sh\n",
  };
  let inode = 77;
  const watch = new OutgoingWatch({
    settings: () => ({ outgoing, firewall: "auto" }),
    clock: { nowMs: () => nowMs },
    recorder: { outgoing: (one) => news.push(one), notice: () => undefined },
    ...{ troubles, lost: () => 0, isOwn: (address) => formatPrefix(address) === OWN },
    ...{ isLeftOut: () => false, isContainer: (address) => formatPrefix(address).startsWith("10.88.") },
    ...{ frames: { watch: () => undefined, remove: () => undefined, isRefused: false } },
    links: () => [],
    owners: { ownerOf: () => (inode === 0 ? undefined : { inode, uid: 1000, cgroup: 0 }) },
    limits: new OutgoingLimits({
      replace: (changes) => {
        sets.push(...changes.map(({ set }) => set));
        return limited;
      },
    }),
    host: {
      read: (path) => Buffer.from(files[path] ?? ""),
      list: (path) => (path === "/proc" ? ["70"] : ["3"]),
      readLink: () => "socket:[77]",
      stat: () => ({ ino: 1, uid: 1000 }),
      nowMs: () => nowMs,
    },
  });
  const send = (from: string, to: string, ports: readonly [number, number], flags: number, tag: number, uid = -1) => {
    const bytes = buildTcp({ source: from, destination: to, sourcePort: ports[0], destinationPort: ports[1], flags });
    watch.packet(bytes, 0, bytes.length, tag, uid);
  };
  return {
    ...{ watch, news, troubles, sets },
    setMode: (to: Settings["outgoing"]) => {
      outgoing = to;
    },
    setInode: (to: number) => {
      inode = to;
    },
    at: (ms: number) => {
      nowMs = ms;
    },
    refused: (port: number, origin = OWN, uid = 1000) => {
      send(origin, REMOTE, [40_000, port], TcpFlag.Syn, ASKS_TAG, uid);
      send(REMOTE, origin, [port, 40_000], TcpFlag.Rst | TcpFlag.Ack, UPSHOT_TAG);
    },
  };
}

test("a scan by a process is told at once with its process, stands in status while it lasts, and its end is told", () => {
  const { watch, news, troubles, refused, at } = open("watch");
  for (let port = 1; port <= SCAN_PORTS + 10; port++) refused(port);
  assert.equal(news.length, 1);
  assert.deepEqual(
    { ...news[0], source: formatPrefix(news[0]?.source ?? prefix(OWN)) },
    {
      ...{ source: OWN, protocol: 6, port: SCAN_PORTS, action: "found" },
      message: `this host (${OWN}) asks many ports of ${REMOTE}: ${SCAN_PORTS} different ones failed, the last tcp/${SCAN_PORTS}; process nmap (pid 70, user alice, unit cron.service)`,
    },
  );
  assert.match(troubles.current().join("\n"), /^outgoing scan: this host/);
  at(130_000);
  watch.tick();
  assert.deepEqual(troubles.current(), []);
  assert.equal(
    news[1]?.message,
    `the scan by this host (${OWN}) has ended: ${SCAN_PORTS + 10} contacts failed in 1 s, of those that the kernel told`,
  );
});

test("a process whose socket is found later only is told then", () => {
  const { watch, news, refused, setInode } = open("watch");
  setInode(0);
  for (let port = 1; port <= SCAN_PORTS; port++) refused(port);
  assert.match(news[0]?.message ?? "", /; sent by user alice$/);
  setInode(77);
  refused(100);
  watch.tick();
  assert.match(news[1]?.message ?? "", /; process nmap \(pid 70, /);
  watch.tick();
  assert.equal(news.length, 2);
});

test("a container is named by its address; the limit is set by address or by user, and again while the scan lasts", () => {
  const { watch, sets, news, refused, at } = open("limit");
  for (let port = 1; port <= SCAN_PORTS; port++) refused(port, "10.88.0.2", -1);
  assert.match(news[0]?.message ?? "", /^the container 10\.88\.0\.2 asks .*; its new TCP connections .* are limited$/);
  for (let port = 1; port <= SCAN_PORTS; port++) refused(port);
  assert.deepEqual(sets, ["outlimited4", "outlimiteduid"]);
  watch.tick();
  assert.equal(sets.length, 2, "nothing new");
  at(20_000);
  refused(200);
  watch.tick();
  assert.deepEqual(sets.slice(2), ["outlimiteduid"]);
});

test("a limit that the kernel refuses is told as none", () => {
  const { news, refused } = open("limit", "ENFILE");
  for (let port = 1; port <= SCAN_PORTS; port++) refused(port);
  assert.match(news[0]?.message ?? "", /cannot be limited: ENFILE$/);
});

test('after a reload with OUTGOING="watch" status names no limit any more', () => {
  const { watch, troubles, refused, setMode } = open("limit");
  for (let port = 1; port <= SCAN_PORTS; port++) refused(port);
  assert.match(troubles.current().join(), /are limited$/);
  setMode("watch");
  watch.tick();
  assert.match(troubles.current().join(), /unit cron\.service\)$/);
});

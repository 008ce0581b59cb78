import assert from "node:assert/strict";
import { test } from "node:test";
import { type AskersHost, findAskers, rawSockets, unitOfCgroup, userName } from "../../src/host/askers.ts";

interface Fake {
  readonly files?: Readonly<Record<string, string>>;
  readonly folders?: Readonly<Record<string, string[]>>;
  readonly links?: Readonly<Record<string, string>>;
  readonly stats?: Readonly<Record<string, { ino: number; uid: number }>>;
  /** How long each question takes. */
  readonly stepMs?: number;
}

function hostOf({ files = {}, folders = {}, links = {}, stats = {}, stepMs = 0 }: Fake): AskersHost {
  let nowMs = 0;
  return {
    read: (path) => Buffer.from(files[path] ?? assert.fail(path)),
    list: (path) => folders[path] ?? [],
    readLink: (path) => links[path] ?? assert.fail(path),
    stat: (path) => stats[path],
    nowMs: () => {
      nowMs += stepMs;
      return nowMs;
    },
  };
}

const scanner: Fake = {
  files: { "/proc/70/comm": "nmap\n", "/proc/70/cgroup": "0::/user.slice/user-0.slice/session-3.scope\n" },
  folders: { "/proc": ["self", "1", "70", "net"], "/proc/1/fd": ["0"], "/proc/70/fd": ["1", "5"] },
  links: { "/proc/1/fd/0": "socket:[4]", "/proc/70/fd/1": "/dev/null", "/proc/70/fd/5": "socket:[77]" },
  stats: { "/proc/1": { ino: 1, uid: 0 }, "/proc/70": { ino: 2, uid: 1000 } },
};

test("a process is found by its socket, among those of its user", () => {
  const host = hostOf(scanner);
  const found = { pid: 70, name: "nmap", uid: 1000, unit: "session-3.scope" };
  assert.deepEqual(findAskers(host, new Set([77]), 4), [found]);
  assert.deepEqual(findAskers(host, new Set([77]), 4, 1000), [found]);
  assert.deepEqual(findAskers(host, new Set([77]), 4, 0), []);
  assert.deepEqual(findAskers(host, new Set([78]), 4), []);
});

test("a look ends with its time", () => {
  assert.deepEqual(findAskers(hostOf({ ...scanner, stepMs: 20 }), new Set([77]), 4), []);
});

test("version 1 of control groups names the unit in systemd's line; a program that hides is left out", () => {
  const files = { ...scanner.files, "/proc/70/cgroup": "9:cpu:/a\n1:name=systemd:/system.slice/web.service\n" };
  assert.equal(findAskers(hostOf({ ...scanner, files }), new Set([77]), 4)[0]?.unit, "web.service");
  assert.deepEqual(findAskers(hostOf({ ...scanner, links: {} }), new Set([77]), 4), []);
});

test("sockets that send packets of their own making are read from the kernel's lists", () => {
  const files = {
    "/proc/net/packet": "sk RefCnt Type Proto Iface R Rmem User Inode\n0000000000000000 3 3 0003 2 1 0 0 4711\n",
    "/proc/net/raw":
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n" +
      "  255: 00000000:00FF 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 0\n",
  };
  assert.deepEqual([...rawSockets(hostOf({ files }))], [4711, 4712]);
});

test("the unit of a control group is found by its number", () => {
  const root = "/sys/fs/cgroup";
  const host = hostOf({
    folders: { [root]: ["cgroup.procs", "system.slice"], [`${root}/system.slice`]: ["memory.max", "web.service"] },
    stats: {
      ...{ [root]: { ino: 1, uid: 0 }, [`${root}/system.slice`]: { ino: 10, uid: 0 } },
      [`${root}/system.slice/web.service`]: { ino: 20, uid: 0 },
    },
  });
  assert.equal(unitOfCgroup(host, 20), "web.service");
  assert.equal(unitOfCgroup(host, 21), "");
  assert.equal(unitOfCgroup(host, 0), "");
});

test("a user has a name, or a number", () => {
  const host = hostOf({ files: { "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n" } });
  assert.equal(userName(host, 1000), "alice");
  assert.equal(userName(host, 1001), "uid 1001");
});

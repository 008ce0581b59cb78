// What goes wrong ends well: a killed daemon, a full disk, another program that flushes the rule set, a stop, a second
// daemon, a bad file at reload. In each case what is blocked is what is listed is what the kernel has.
import assert from "node:assert/strict";
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { families, source, TARGET } from "./support/addresses.ts";
import { Daemon, stateOf } from "./support/daemon.ts";
import { passMark } from "./support/innocent.ts";
import { blockedInKernel, chains, kernelBlocks } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { keepSending, sendPackets } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";
import { serve, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const OPEN = 80;
const scanner = source(1);
const later = source(2);

async function openLab(t: TestContext): Promise<Lab> {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: [OPEN] });
  return lab;
}

function probe(from: string, port = 2000): Uint8Array {
  return syn({ from, to: from.includes(":") ? TARGET.ipv6 : TARGET.ipv4, port });
}

/** One probe over each family, and both blocks. */
async function getBlocked(lab: Lab, daemon: Daemon, from: typeof scanner): Promise<readonly string[]> {
  await sendPackets(lab, [probe(from.ipv4), probe(from.ipv6)]);
  for (const family of families) assert.equal((await daemon.waitForBlock(from.key[family])).enforced, true);
  return [from.key.ipv4, from.key.ipv6];
}

async function connects(lab: Lab, from: string, port = OPEN): Promise<Readonly<Record<string, number>>> {
  const to = from.includes(":") ? TARGET.ipv6 : TARGET.ipv4;
  return (await visit(lab.scanner, { to, from, port, timeout: 1_500 })).errors;
}

/** What the daemon lists as enforced is what the kernel drops, neither more nor less. */
async function assertListedIsEnforced(lab: Lab, daemon: Daemon): Promise<void> {
  const listed = await daemon.blocked();
  assert.deepEqual(
    listed.filter((entry) => !entry.enforced),
    [],
    "listed, but not enforced",
  );
  assert.deepEqual(listed.map((entry) => entry.source).sort(), [...(await blockedInKernel(lab))].sort());
}

test("kill -9 in the middle of a scan, then a restart", async (t) => {
  const lab = await openLab(t);
  const daemon = await Daemon.start(lab);
  const scan = Array.from({ length: 100 }, (_, index) => [
    probe(source(1 + index).ipv4),
    probe(source(1 + index).ipv6),
  ]);
  // Slow enough for a busy machine to look in the middle of it.
  const sender = keepSending(lab, scan.flat(), { perSecond: 60 });
  await waitUntil("some are blocked", async () => (await blockedInKernel(lab)).length >= 30);
  await daemon.kill();
  const before = await blockedInKernel(lab);
  await sender.stop();
  assert.ok(before.length < 200, "the scan was over: the test does not test");

  await daemon.restart();
  const after = new Set(await blockedInKernel(lab));
  assert.deepEqual(
    before.filter((key) => !after.has(key)),
    [],
    "a block was lost",
  );
  await assertListedIsEnforced(lab, daemon);
  await passMark(lab, daemon);
  await assertListedIsEnforced(lab, daemon);
});

test("a full disk under the store: detection and blocking go on, with a warning", async (t) => {
  const lab = await openLab(t);
  mkdirSync(stateOf(lab), { recursive: true });
  await lab.mountTmpfs(stateOf(lab), 4 * 1024 * 1024);
  const daemon = await Daemon.start(lab, { ...harsh, HISTORY_FILE: join(stateOf(lab), "portsentry.history") });
  fillDisk(stateOf(lab));
  const keys = await getBlocked(lab, daemon, scanner);
  await passMark(lab, daemon);
  for (const key of keys) assert.ok(await kernelBlocks(lab, key));
  assert.deepEqual(await connects(lab, scanner.ipv4), { timeout: 1 });
  await waitUntil("a warning", async () => (await daemon.status()).warnings.length > 0);
  await getBlocked(lab, daemon, later);
  await assertListedIsEnforced(lab, daemon);
  assert.equal(daemon.ended, false);
});

test("STATE_DIR on a read-only file system: the daemon starts with a warning, blocks, and is alone", async (t) => {
  const lab = await openLab(t);
  const mount = `mount -t tmpfs -o ro none ${stateOf(lab)} && exec "$@"`;
  const onReadOnly = { enter: (argv: readonly string[]) => ["sh", "-c", mount, "sh", ...argv] };
  const daemon = await Daemon.start(lab, harsh, [], onReadOnly);
  const isTold = (text: string) => /cannot open store .*: EROFS.*are kept in memory until the next start/.test(text);
  assert.ok(daemon.lines.some(isTold), "no line in the log");
  assert.ok((await daemon.status()).warnings.some(isTold), "no warning in status");
  const keys = await getBlocked(lab, daemon, scanner);
  for (const key of keys) assert.ok(await kernelBlocks(lab, key));
  const second = onReadOnly.enter([...daemon.argvOf(["run"]), "--log", "stdout"]);
  const { code, stderr } = await lab.target.run(second);
  assert.match(stderr, /another Portreeve is running/);
  assert.equal(code, 69);
  await daemon.stop();
  // The kernel has kept the blocks: the next start finds them there.
  await daemon.restart();
  for (const key of keys) await daemon.waitForBlock(key);
  await assertListedIsEnforced(lab, daemon);
});

function fillDisk(folder: string): void {
  const file = openSync(join(folder, "filler"), "w");
  for (const bytes of [65_536, 4_096, 1]) {
    const chunk = Buffer.alloc(bytes, 0x20);
    try {
      while (writeSync(file, chunk) > 0);
    } catch {
      // ENOSPC: the next smaller piece.
    }
  }
  closeSync(file);
}

for (const vandal of [
  ["nft", "flush", "ruleset"],
  ["nft", "delete", "table", "inet", "portreeve"],
  ["nft", "flush", "set", "inet", "portreeve", "blocked4"],
  ["nft", "flush", "chain", "inet", "portreeve", "sensor"],
]) {
  test(`"${vandal.join(" ")}" by another program is repaired and logged`, async (t) => {
    const lab = await openLab(t);
    const daemon = await Daemon.start(lab);
    // Two of each family: one that is deleted alone may be an administrator's unblock.
    const keys = [...(await getBlocked(lab, daemon, scanner)), ...(await getBlocked(lab, daemon, later))];
    const linesBefore = daemon.lines.length;
    await lab.target.mustRun(vandal);
    await waitUntil("a drift event", async () => (await daemon.events()).some((event) => event.type === "drift"));
    await daemon.waitForLine(/loaded again|restored/, linesBefore);
    for (const key of keys) await waitUntil(`${key} is blocked again`, () => kernelBlocks(lab, key));
    await passMark(lab, daemon);
    await assertListedIsEnforced(lab, daemon);
  });
}

test("a block that an administrator deletes with nft is an unblock, and is not listed any more", async (t) => {
  const lab = await openLab(t);
  const daemon = await Daemon.start(lab);
  await getBlocked(lab, daemon, scanner);
  await lab.target.mustRun(["nft", "delete", "element", "inet", "portreeve", "blocked4", `{ ${scanner.ipv4} }`]);
  await waitUntil("the end in the list", async () => (await daemon.blocked()).length === 1);
  assert.deepEqual(
    (await daemon.blocked()).map((entry) => entry.source),
    [scanner.key.ipv6],
  );
  await assertListedIsEnforced(lab, daemon);
});

test("SIGTERM leaves the blocks and takes the sensor away; a restart lists them as they were", async (t) => {
  const lab = await openLab(t);
  const daemon = await Daemon.start(lab);
  const keys = await getBlocked(lab, daemon, scanner);
  const before = await daemon.blocked();
  assert.equal(await daemon.stop(), 0);
  for (const key of keys) assert.ok(await kernelBlocks(lab, key), `${key} is not blocked any more`);
  assert.ok(!(await chains(lab)).includes("sensor"), "the sensor is still there");
  for (const family of families) {
    assert.deepEqual(await connects(lab, scanner[family]), { timeout: 1 });
    assert.deepEqual(await connects(lab, later[family], 2000), { ECONNREFUSED: 1 });
    assert.deepEqual(await connects(lab, later[family]), {});
  }
  await daemon.restart();
  const essence = (all: typeof before) =>
    all.map(({ source, since, grade, soft, offences }) => ({ source, since, grade, soft, offences }));
  assert.deepEqual(essence(await daemon.blocked()), essence(before));
  await assertListedIsEnforced(lab, daemon);
});

test("unblock --all lets everybody in again", async (t) => {
  const lab = await openLab(t);
  const daemon = await Daemon.start(lab);
  await getBlocked(lab, daemon, scanner);
  await getBlocked(lab, daemon, later);
  await daemon.unblock("--all");
  assert.deepEqual(await daemon.blocked(), []);
  assert.deepEqual(await blockedInKernel(lab), []);
  for (const from of [scanner.ipv4, scanner.ipv6, later.ipv4]) assert.deepEqual(await connects(lab, from), {});
});

test("blocks end by themselves, and the second is longer", async (t) => {
  const lab = await openLab(t);
  const daemon = await Daemon.start(lab, { ...harsh, BLOCK_TIME: "2s", BLOCK_TIME_FACTOR: "100" });
  const key = scanner.key.ipv4;
  await sendPackets(lab, [probe(scanner.ipv4)]);
  await daemon.waitForBlock(key);
  await waitUntil("the end in the kernel", async () => !(await kernelBlocks(lab, key)));
  await waitUntil("the end in the list", async () => (await daemon.blocked()).length === 0);
  await sendPackets(lab, [probe(scanner.ipv4, 2001)]);
  const { since, until, offences } = await daemon.waitForBlock(key);
  assert.equal(offences, 2);
  assert.equal(Math.round((Date.parse(until ?? "") - Date.parse(since)) / 1000), 200);
});

test("a second daemon on the same state refuses to start and harms nothing", async (t) => {
  const lab = await openLab(t);
  const daemon = await Daemon.start(lab);
  const keys = await getBlocked(lab, daemon, scanner);
  const { code, stderr } = await daemon.second();
  assert.ok(code !== null && code >= 64 && code <= 78, `exit code ${code}: ${stderr}`);
  assert.notEqual(stderr.trim(), "");
  for (const key of keys) assert.ok(await kernelBlocks(lab, key));
  await passMark(lab, daemon);
  await assertListedIsEnforced(lab, daemon);
});

test("SIGHUP with a bad file keeps the running settings; with a good one it takes the new ones", async (t) => {
  const lab = await openLab(t);
  const daemon = await Daemon.start(lab, { ...harsh, BLOCK_TIME: "1h" });
  daemon.configure({ ...harsh, BLOCK_TIME: "3h", SCAN_TRIGGER: "many" });
  let from = daemon.lines.length;
  daemon.signal("SIGHUP");
  await daemon.waitForLine(/running settings stay/, from);
  await getBlocked(lab, daemon, scanner);
  assert.equal(await hoursOf(daemon, scanner.key.ipv4), 1);

  daemon.configure({ ...harsh, BLOCK_TIME: "3h" });
  from = daemon.lines.length;
  daemon.signal("SIGHUP");
  await daemon.waitForLine(/is in force/, from);
  await getBlocked(lab, daemon, later);
  assert.equal(await hoursOf(daemon, later.key.ipv4), 3);
  await assertListedIsEnforced(lab, daemon);
});

async function hoursOf(daemon: Daemon, key: string): Promise<number> {
  const { since, until } = await daemon.waitForBlock(key);
  return Math.round((Date.parse(until ?? "") - Date.parse(since)) / 3_600_000);
}

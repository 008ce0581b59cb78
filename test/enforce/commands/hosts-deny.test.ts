// HostsDeny on real files: owner, mode, links and foreign bytes stay; every failure leaves the file as it was.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { HostsDeny } from "../../../src/enforce/commands/hosts-deny.ts";
import { lockFile } from "../../../src/kernel/libc.ts";

const root = mkdtempSync(join(tmpdir(), "portreeve-deny-"));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

/** A path in a folder of its own. */
function freshPath(text?: string | Buffer): string {
  const folder = join(root, `${folders++}`);
  mkdirSync(folder);
  const path = join(folder, "hosts.deny");
  if (text !== undefined) writeFileSync(path, text);
  return path;
}

const nth = (index: number) => `ALL: 10.0.${index >> 8}.${index & 255} : DENY`;

test("a missing file is made for all to read; the line is there once; taken away again", async () => {
  const path = freshPath();
  const deny = new HostsDeny(path);
  assert.equal(await deny.has(nth(1)), false);
  assert.equal(await deny.remove(nth(1)), "");
  assert.deepEqual(await Promise.all([deny.add(nth(1)), deny.add(nth(1))]), ["", ""]);
  assert.equal(await deny.add(nth(1)), "");
  assert.equal(readFileSync(path, "utf8"), `${nth(1)}\n`);
  assert.equal(statSync(path).mode & 0o7777, 0o644);
  assert.equal(await deny.has(nth(1)), true);
  assert.equal(await deny.remove(nth(1)), "");
  assert.equal(readFileSync(path, "utf8"), "");
});

test("mode, owner, symbolic link and bytes that are no UTF-8 stay", async () => {
  const path = freshPath(Buffer.from("# caf\xe9\r\nALL: x", "latin1"));
  chmodSync(path, 0o640);
  const link = join(root, "link-to-deny");
  symlinkSync(path, link);
  const { ino, uid, gid } = statSync(path);
  assert.equal(await new HostsDeny(link).add("ALL: é"), "");
  assert.ok(lstatSync(link).isSymbolicLink());
  const after = statSync(path);
  assert.notEqual(after.ino, ino, "replaced, not written into");
  assert.deepEqual([after.mode & 0o7777, after.uid, after.gid], [0o640, uid, gid]);
  assert.deepEqual(
    readFileSync(path),
    Buffer.concat([Buffer.from("# caf\xe9\r\nALL: x\n", "latin1"), Buffer.from("ALL: é\n")]),
  );
  assert.equal(await new HostsDeny(link).has("ALL: é"), true);
});

test("10,000 lines in one burst cost a few writes, and all of them can go again", async () => {
  const path = freshPath();
  let locks = 0;
  const deny = new HostsDeny(path, {
    lock: (at) => {
      locks++;
      return lockFile(at);
    },
  });
  const lines = Array.from({ length: 10_000 }, (_, index) => nth(index));
  assert.ok((await Promise.all(lines.map((line) => deny.add(line)))).every((failure) => failure === ""));
  assert.equal(readFileSync(path, "utf8"), `${lines.join("\n")}\n`);
  assert.ok(locks <= 2, `${locks} writes`);
  await Promise.all(lines.slice(1).map((line) => deny.remove(line)));
  assert.equal(readFileSync(path, "utf8"), `${lines[0]}\n`);
});

test("what cannot be done is said, and the file stays as it was", async () => {
  const asFolder = freshPath();
  mkdirSync(asFolder);
  const dangling = freshPath();
  symlinkSync("/no/such/file", dangling);
  const pipe = freshPath();
  await promisify(execFile)("mkfifo", [pipe]);
  const big = freshPath("x".repeat(100));
  const cases: readonly (readonly [HostsDeny, RegExp])[] = [
    [new HostsDeny(asFolder), /cannot change .*hosts\.deny: it is a directory/],
    [new HostsDeny(dangling), /symbolic link that leads nowhere/],
    [new HostsDeny(pipe), /no regular file/],
    [new HostsDeny(join(root, "no/such/folder/hosts.deny")), /ENOENT/],
    [new HostsDeny("/proc/portreeve.deny"), /cannot change/],
    [new HostsDeny(big, { maxBytes: 99 }), /100 bytes, more than 99/],
    [new HostsDeny(big, { maxBytes: 101 }), /grow beyond 101 bytes/],
  ];
  for (const [deny, why] of cases) assert.match(await deny.add(nth(1)), why);
  assert.equal(readFileSync(big, "utf8"), "x".repeat(100));
  assert.equal(await new HostsDeny(asFolder).has(nth(1)), undefined);
  for (const line of ["a\nALL: ALL", "a\r", "a\0", "a\\"]) assert.match(await new HostsDeny(big).add(line), /line end/);
});

test("a full disk loses nothing and leaves nothing behind", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("mounting needs root");
  const disk = join(root, "disk");
  mkdirSync(disk);
  const mounted = await promisify(execFile)("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]).catch(
    () => undefined,
  );
  if (mounted === undefined) return t.skip("mount is not allowed here");
  try {
    const path = join(disk, "hosts.deny");
    const text = "# full\n".repeat(6000);
    writeFileSync(path, text);
    assert.match(await new HostsDeny(path).add(nth(1)), /ENOSPC/);
    assert.equal(readFileSync(path, "utf8"), text);
    assert.deepEqual(
      readdirSync(disk).filter((name) => name.endsWith(".new")),
      [],
    );
  } finally {
    await promisify(execFile)("umount", ["-l", disk]);
  }
});

test("a file that is mounted alone into a read-only folder is locked and written in place", {
  skip: process.getuid?.() === 0 ? false : "only root may mount",
}, () => {
  const path = freshPath();
  const folder = join(path, "..");
  writeFileSync(join(root, "outside"), "a\n");
  const module = new URL("../../../src/enforce/commands/hosts-deny.js", import.meta.url).href;
  const program = `import { HostsDeny } from ${JSON.stringify(module)};
    const deny = new HostsDeny(${JSON.stringify(path)});
    for (const what of [deny.add("b"), deny.add("c"), deny.remove("a")]) console.log(JSON.stringify(await what));`;
  const mounts = `mount -t tmpfs none ${folder}; touch ${path}; mount -o remount,ro ${folder}; mount --bind ${root}/outside ${path}`;
  const argv = ["--mount", "sh", "-c", `set -e; ${mounts}; exec "$@"`, "sh", process.execPath];
  const { stdout, stderr, status } = spawnSync("unshare", [...argv, "--input-type=module", "-e", program], {
    encoding: "utf8",
  });
  assert.deepEqual([status, stdout], [0, '""\n""\n""\n'], stderr);
  assert.equal(readFileSync(join(root, "outside"), "utf8"), "b\nc\n");
});

test("a lock held elsewhere is waited for, not for ever", async () => {
  const path = freshPath("a\n");
  const lockPath = join(path, "..", ".hosts.deny.portreeve.lock");
  const held = lockFile(lockPath);
  assert.ok(held);
  assert.match(await new HostsDeny(path, { lockWaitMs: 30 }).add(nth(1)), /another process holds/);
  assert.equal(readFileSync(path, "utf8"), "a\n");
  let asked = 0;
  const waiting = new HostsDeny(path, {
    lock: (at) => {
      if (++asked === 3) held.close();
      return lockFile(at);
    },
  });
  assert.equal(await waiting.add(nth(1)), "");
  assert.equal(readFileSync(path, "utf8"), `a\n${nth(1)}\n`);
});

test("two writers at once lose no line, and a leftover of a killed one is no obstacle", async () => {
  const path = freshPath("a\n");
  writeFileSync(join(path, "..", ".hosts.deny.portreeve.new"), "half a li");
  const writers = [new HostsDeny(path), new HostsDeny(path)];
  const failures: string[] = [];
  for (let round = 0; round < 20; round++) {
    failures.push(...(await Promise.all(writers.map((writer, at) => writer.add(nth(2 * round + at))))));
  }
  assert.ok(failures.every((failure) => failure === ""));
  const lines = readFileSync(path, "utf8").trim().split("\n");
  assert.equal(new Set(lines).size, 41);
});

test("the waiting changes are bounded", async () => {
  const deny = new HostsDeny(freshPath(), { queueLimit: 10 });
  const failures = await Promise.all(Array.from({ length: 100 }, (_, index) => deny.add(nth(index))));
  // The first is taken at once; ten wait.
  assert.equal(failures.filter((failure) => failure === "").length, 11);
  assert.equal(deny.refused, 89);
});

test("an admin's editor that replaces the file between two lines is no trouble", async () => {
  const path = freshPath("a\n");
  const deny = new HostsDeny(path);
  await deny.add(nth(1));
  writeFileSync(`${path}~`, "mine\n");
  renameSync(`${path}~`, path);
  await deny.add(nth(2));
  assert.equal(readFileSync(path, "utf8"), `mine\n${nth(2)}\n`);
});

test("at the removal of the package nothing of ours stays beside the file, and its lines do", async () => {
  const path = freshPath("ALL: 192.0.2.200\n");
  const linked = join(root, "linked.deny");
  symlinkSync(path, linked);
  const deny = new HostsDeny(linked);
  assert.equal(await deny.add(nth(1)), "");
  assert.equal(readdirSync(dirname(path)).length, 2, "the file that is locked");
  await deny.leave();
  assert.deepEqual(readdirSync(dirname(path)), ["hosts.deny"]);
  assert.equal(readFileSync(path, "utf8"), `ALL: 192.0.2.200\n${nth(1)}\n`);
  await deny.leave();
});

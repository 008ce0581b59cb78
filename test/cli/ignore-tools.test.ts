// Debian's helpers for the ignore files, on real files.
import assert from "node:assert/strict";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type IgnoreTool, runIgnoreTool } from "../../src/cli/ignore-tools.ts";
import { makeFolder } from "../control/fake-daemon.ts";

function makeTools(t: TestContext, staticText: string | undefined) {
  const folder = makeFolder(t);
  const staticPath = join(folder, "portsentry.ignore.static");
  const ignorePath = join(folder, "portsentry.ignore");
  if (staticText !== undefined) writeFileSync(staticPath, staticText);
  const said: string[] = [];
  const context = {
    folder,
    complain: (line: string) => void said.push(line),
    ownAddresses: () => ["127.0.0.1", "192.0.2.7", "fe80::1%eth0", "2001:db8::7"],
  };
  const run = (tool: IgnoreTool, ...args: string[]) => runIgnoreTool(tool, args, context);
  const read = (path: string) => readFileSync(path, "utf8");
  const entries = (path: string) =>
    read(path)
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
  return { folder, staticPath, ignorePath, said, run, read, entries };
}

test("portsentry-build-ignore-file makes portsentry.ignore, and keeps its mode", async (t) => {
  const { folder, ignorePath, said, run, entries } = makeTools(t, "127.0.0.1/32\n0.0.0.0\n");
  assert.equal(await run("portsentry-build-ignore-file"), 0);
  assert.deepEqual(entries(ignorePath), ["127.0.0.1/32", "0.0.0.0", "192.0.2.7", "fe80::1", "2001:db8::7"]);
  assert.equal(statSync(ignorePath).mode & 0o777, 0o644);
  chmodSync(ignorePath, 0o600);
  assert.equal(await run("portsentry-build-ignore-file"), 0);
  assert.equal(statSync(ignorePath).mode & 0o777, 0o600);
  assert.deepEqual(said, []);
  assert.deepEqual(readdirSync(folder).sort(), ["portsentry.ignore", "portsentry.ignore.static"], "no draft is left");
});

test("portsentry-add-ip and portsentry-rm-ip edit the static file", async (t) => {
  const { staticPath, said, run, read } = makeTools(t, "# mine\n127.0.0.1/32\n0.0.0.0");
  chmodSync(staticPath, 0o640);
  assert.equal(await run("portsentry-add-ip", "192.0.2.1"), 0);
  assert.equal(await run("portsentry-add-ip", "192.0.2.1"), 0);
  assert.equal(await run("portsentry-add-ip", "2001:db8::/32"), 0);
  assert.equal(read(staticPath), "# mine\n127.0.0.1/32\n0.0.0.0\n192.0.2.1\n2001:db8::/32\n");
  assert.equal(await run("portsentry-rm-ip", "192.0.2.1"), 0);
  assert.equal(await run("portsentry-rm-ip", "192.0.2.1"), 0);
  assert.equal(read(staticPath), "# mine\n127.0.0.1/32\n0.0.0.0\n2001:db8::/32\n");
  assert.equal(statSync(staticPath).mode & 0o777, 0o640);
  assert.deepEqual(said, []);
});

test("a made portsentry.ignore follows, an administrator's own stays", async (t) => {
  const made = makeTools(t, "127.0.0.1\n");
  await made.run("portsentry-build-ignore-file");
  await made.run("portsentry-add-ip", "192.0.2.99");
  assert.ok(made.entries(made.ignorePath).includes("192.0.2.99"));
  await made.run("portsentry-rm-ip", "192.0.2.99");
  assert.ok(!made.entries(made.ignorePath).includes("192.0.2.99"));
  const own = makeTools(t, "127.0.0.1\n");
  writeFileSync(own.ignorePath, "198.51.100.1\n");
  await own.run("portsentry-add-ip", "192.0.2.99");
  assert.equal(own.read(own.ignorePath), "198.51.100.1\n");
});

test("usage and errors", async (t) => {
  const { said, run, staticPath, read } = makeTools(t, "127.0.0.1\n");
  assert.equal(await run("portsentry-add-ip"), 255);
  assert.equal(await run("portsentry-rm-ip"), 255);
  assert.equal(await run("portsentry-add-ip", "example.org\u001b[2J"), 255);
  assert.equal(await run("portsentry-rm-ip", "10.0.0"), 255);
  assert.deepEqual(said.slice(0, 2), [
    "Adds an ip to portsentry.ignore.static.\nusage: portsentry-add-ip ip-address",
    "Remove an ip from portsentry.ignore.static.\nusage: portsentry-rm-ip ip-address",
  ]);
  assert.match(said[2] ?? "", /^example\.org\\x1b\[2J is not in aaa\.bbb\.ccc\.ddd format!\nWrite an IPv4 or IPv6/);
  assert.match(said[3] ?? "", /^10\.0\.0 is not in aaa/);
  assert.equal(read(staticPath), "127.0.0.1\n");

  const missing = makeTools(t, undefined);
  assert.equal(await missing.run("portsentry-add-ip", "10.0.0.1"), 255);
  assert.equal(await missing.run("portsentry-build-ignore-file"), 255);
  assert.deepEqual(missing.said, [
    `Can't read ${missing.staticPath}: No such file or directory`,
    `Cannot open ${missing.staticPath}: No such file or directory`,
  ]);
});

test("a target that cannot be replaced is an error that leaves no draft", async (t) => {
  const { folder, ignorePath, said, run } = makeTools(t, "127.0.0.1\n");
  mkdirSync(ignorePath);
  assert.equal(await run("portsentry-build-ignore-file"), 255);
  assert.equal(said.length, 1);
  assert.match(said[0] ?? "", /^portsentry-build-ignore-file: .*it is a directory; move it away/);
  assert.deepEqual(readdirSync(folder).sort(), ["portsentry.ignore", "portsentry.ignore.static"]);
});

test("a bad line of the static file is told and does not stop the rest", async (t) => {
  const { ignorePath, said, run, entries } = makeTools(t, "nonsense\n10.0.0.1\n");
  assert.equal(await run("portsentry-build-ignore-file"), 0);
  assert.match(said.join(), /portsentry\.ignore\.static:1: warning: "nonsense"/);
  assert.equal(entries(ignorePath)[0], "10.0.0.1");
});

test("a link stays a link", async (t) => {
  const { folder, staticPath, run, read } = makeTools(t, undefined);
  const real = join(folder, "real");
  writeFileSync(real, "10.0.0.1\n");
  symlinkSync(real, staticPath);
  assert.equal(await run("portsentry-add-ip", "10.0.0.2"), 0);
  assert.ok(lstatSync(staticPath).isSymbolicLink());
  assert.equal(read(real), "10.0.0.1\n10.0.0.2\n");
});

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { Syslog, syslogTime } from "../../src/kernel/syslog.ts";
import { makeFolder, openReader } from "./support.ts";

/** LOG_DAEMON, LOG_NOTICE */
const daemonNotice = 3 * 8 + 5;
const filled = z.object({ dropped: z.number(), taken: z.array(z.string()), afterwards: z.number() });

function setUp() {
  const folder = makeFolder();
  const path = join(folder.path, "log");
  const clock = { now: new Date(2026, 10, 22, 9, 34, 30) };
  const syslog = new Syslog({ ident: "portsentry", pid: 11670, path, now: () => clock.now });
  const close = () => {
    syslog.close();
    folder.remove();
  };
  return { path, clock, syslog, close };
}

test("the time as syslog(3) writes it: the day padded with a blank, the rest with zeros", () => {
  assert.equal(syslogTime(new Date(2026, 0, 1, 0, 0, 0)), "Jan  1 00:00:00");
  assert.equal(syslogTime(new Date(2026, 8, 9, 7, 8, 9)), "Sep  9 07:08:09");
  assert.equal(syslogTime(new Date(2026, 11, 31, 23, 59, 59)), "Dec 31 23:59:59");
});

test("a line byte for byte", (t) => {
  const { path, clock, syslog, close } = setUp();
  t.after(close);
  const reader = openReader(path);
  t.after(() => reader.close());
  syslog.write(daemonNotice, "adminalert: PortSentry 1.2 is starting.\n");
  clock.now = new Date(2026, 10, 2, 9, 34, 30);
  syslog.write(27, "a line without a newline: ü");
  assert.deepEqual(reader.read(), [
    "<29>Nov 22 09:34:30 portsentry[11670]: adminalert: PortSentry 1.2 is starting.\n",
    "<27>Nov  2 09:34:30 portsentry[11670]: a line without a newline: ü",
  ]);
  assert.equal(syslog.dropped, 0);
});

test("nobody there: lines are counted, and written again from the moment on when somebody is", (t) => {
  const { path, syslog, close } = setUp();
  t.after(close);
  syslog.write(29, "one");
  syslog.write(29, "two");
  assert.equal(syslog.dropped, 2);
  const reader = openReader(path);
  t.after(() => reader.close());
  syslog.write(29, "three");
  assert.equal(reader.read().length, 1);
  assert.equal(syslog.dropped, 2);
});

test("a reader that was restarted gets the very next line", (t) => {
  const { path, syslog, close } = setUp();
  t.after(close);
  const before = openReader(path);
  syslog.write(29, "before");
  assert.equal(before.read().length, 1);
  before.close();
  rmSync(path);
  const after = openReader(path);
  t.after(() => after.close());
  syslog.write(29, "after");
  assert.match(after.read().join(), /: after$/);
  assert.equal(syslog.dropped, 0);
});

test("a full socket never waits: what it does not take is counted, what it took arrives in order", (t) => {
  const folder = makeFolder();
  t.after(() => folder.remove());
  // net.unix.max_dgram_qlen is 10 or 512.
  const count = 3_000;
  const argv = [join(import.meta.dirname, "programs/fill-log-socket.js"), join(folder.path, "log"), String(count)];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8", timeout: 20_000 });
  assert.equal(status, 0, `${stderr} (null: it waited and was ended)`);
  const { dropped, taken, afterwards } = filled.parse(JSON.parse(stdout));
  assert.ok(dropped > 0);
  assert.equal(taken.length + dropped, count);
  assert.deepEqual(
    taken.map((text) => Number(/line (\d+)$/.exec(text)?.[1])),
    taken.map((_, line) => line),
  );
  assert.equal(afterwards, 1);
});

test("a line that is too long for a datagram is counted, and the next one goes", (t) => {
  const { path, syslog, close } = setUp();
  t.after(close);
  const reader = openReader(path);
  t.after(() => reader.close());
  syslog.write(29, "x".repeat(8 << 20));
  assert.equal(syslog.dropped, 1);
  syslog.write(29, "short");
  assert.equal(reader.read().length, 1);
});

test("a path that no socket can have is counted, not thrown", () => {
  const syslog = new Syslog({ ident: "i", pid: 1, path: `/${"x".repeat(200)}`, now: () => new Date(0) });
  syslog.write(29, "text");
  assert.equal(syslog.dropped, 1);
});

test("no file descriptor left: counted, not thrown", () => {
  const script = `
    import { openSync } from "node:fs";
    const { Syslog } = await import(${JSON.stringify(new URL("../../src/kernel/syslog.js", import.meta.url).href)});
    const syslog = new Syslog({ ident: "i", pid: 1, path: "/nowhere", now: () => new Date(0) });
    try { for (;;) openSync("/dev/null"); } catch (error) { if (error.code !== "EMFILE") throw error; }
    syslog.write(29, "text");
    process.exit(syslog.dropped === 1 ? 0 : 1);`;
  const command = 'ulimit -n 100; exec "$0" --input-type=module -e "$1"';
  const { status, stderr } = spawnSync("sh", ["-c", command, process.execPath, script], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

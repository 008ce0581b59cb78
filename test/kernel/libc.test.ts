import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as K from "../../src/kernel/constants.ts";
import {
  bindSocket,
  closeFd,
  connectSocket,
  lockFile,
  openSocket,
  receive,
  send,
  watchReadable,
} from "../../src/kernel/libc.ts";
import { makeFolder } from "./support.ts";

const program = (name: string) => join(import.meta.dirname, "programs", `${name}.js`);

function start(...argv: readonly string[]): ChildProcess {
  return spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout !== null);
  const [bytes] = await once(child.stdout, "data");
  return String(bytes).trim();
}

test("a lock is held by one process at a time, and free again when that is killed", async (t) => {
  const folder = makeFolder();
  t.after(() => folder.remove());
  const path = join(folder.path, "lock");
  const holder = start(program("hold-lock"), path);
  t.after(() => holder.kill("SIGKILL"));
  assert.equal(await firstLine(holder), "locked");
  assert.equal(lockFile(path), undefined);
  const other = start(program("hold-lock"), path);
  assert.equal(await firstLine(other), "refused");
  holder.kill("SIGKILL");
  await once(holder, "exit");
  const lock = lockFile(path);
  assert.ok(lock !== undefined);
  assert.equal(lockFile(path), undefined);
  lock.close();
  const again = lockFile(path);
  assert.ok(again !== undefined);
  again.close();
});

test("a lock leaves the file's contents alone, and its child programs do not inherit it", async (t) => {
  const folder = makeFolder();
  t.after(() => folder.remove());
  const path = join(folder.path, "lock");
  writeFileSync(path, "1234");
  const lock = lockFile(path);
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  t.after(() => child.kill("SIGKILL"));
  await once(child, "spawn");
  lock?.close();
  const again = lockFile(path);
  assert.ok(again !== undefined);
  again.close();
  assert.ok(existsSync(path));
});

test("a lock file that cannot be made is refused in words", () => {
  assert.throws(() => lockFile("/nowhere/at/all"), {
    name: "KernelError",
    code: "ENOENT",
    message: /\/nowhere\/at\/all/,
  });
});

/** Two ends of a datagram socket in the abstract name space. */
function openPair(name: string) {
  const address = Buffer.from(`\x01\x00\0portreeve-${name}-${process.pid}`, "latin1");
  const reader = openSocket(K.AF_UNIX, K.SOCK_DGRAM, 0);
  bindSocket(reader, address, name);
  const sender = openSocket(K.AF_UNIX, K.SOCK_DGRAM, 0);
  assert.equal(connectSocket(sender, address), 0);
  const buffer = Buffer.alloc(100);
  return {
    fd: reader,
    say: (text: string) => assert.equal(send(sender, Buffer.from(text), 0), text.length),
    hear: () => buffer.toString("latin1", 0, Math.max(0, receive(reader, buffer, K.MSG_DONTWAIT))),
    close() {
      closeFd(reader);
      closeFd(sender);
    },
  };
}

test("watchReadable goes on after its callback threw, and stops at close()", async (t) => {
  const pair = openPair("throw");
  t.after(() => pair.close());
  const heard: string[] = [];
  const errors: unknown[] = [];
  let tell: () => void = () => undefined;
  const next = () =>
    new Promise<void>((resolve) => {
      tell = resolve;
    });
  const watch = watchReadable(
    pair.fd,
    () => {
      const text = pair.hear();
      if (text === "") return;
      heard.push(text);
      tell();
      if (text !== "fine") throw new Error(text);
    },
    (error) => errors.push(error),
  );
  for (const text of ["one", "two", "fine", "three", "fine"]) {
    const told = next();
    pair.say(text);
    await told;
  }
  assert.deepEqual(heard, ["one", "two", "fine", "three", "fine"]);
  assert.deepEqual(errors.map(String), ["Error: one", "Error: two", "Error: three"]);
  watch.close();
  watch.close();
  pair.say("after");
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  assert.equal(heard.length, 5);
  assert.equal(pair.hear(), "after");
});

test("watchReadable survives the garbage collector", async (t) => {
  const child = start("--expose-gc", program("watch-through-gc"));
  t.after(() => child.kill("SIGKILL"));
  const deadline = setTimeout(() => child.kill("SIGKILL"), 10_000);
  const lines: string[] = [];
  child.stdout?.on("data", (bytes) => lines.push(String(bytes)));
  await once(child, "close");
  clearTimeout(deadline);
  assert.deepEqual(lines, ["delivered 20\n"]);
});

// The socket file: who may open it, and whose it is never taken from.
import assert from "node:assert/strict";
import { chmodSync, existsSync, lstatSync, mkdirSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { SocketUnusable } from "../../src/control/errors.ts";
import { serveControl } from "../../src/control/server.ts";
import { createFakeDaemon, makeFolder, serveFake } from "./fake-daemon.ts";
import { ask } from "./http-request.ts";

const { api } = createFakeDaemon();

/** A socket file on which nobody listens, as a killed daemon leaves it. */
async function leaveStaleSocket(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  renameSync(path, `${path}.kept`);
  await new Promise((resolve) => server.close(resolve));
  renameSync(`${path}.kept`, path);
}

test("the socket is for its owner and group only, also with an open umask", async (t) => {
  const path = join(makeFolder(t), "control.sock");
  const umask = process.umask(0);
  try {
    const server = await serveControl({ path, api, mode: 0o660 });
    t.after(() => server.close());
    assert.equal(process.umask(), 0);
  } finally {
    process.umask(umask);
  }
  assert.equal(statSync(path).mode & 0o777, 0o660);
  assert.equal(statSync(path).uid, process.geteuid?.());
});

test("a group can be given the socket", { skip: process.geteuid?.() !== 0 }, async (t) => {
  const path = join(makeFolder(t), "control.sock");
  const server = await serveControl({ path, api, mode: 0o660, group: 65534 });
  t.after(() => server.close());
  assert.equal(statSync(path).gid, 65534);
  assert.equal(statSync(path).uid, 0);
});

test("a missing directory is made 0755 whatever the umask is; one that exists keeps its mode", async (t) => {
  const folder = makeFolder(t);
  mkdirSync(join(folder, "kept"), { mode: 0o700 });
  const umask = process.umask(0o077);
  try {
    for (const path of ["made/control.sock", "kept/control.sock"]) {
      const server = await serveControl({ path: join(folder, path), api, mode: 0o660 });
      t.after(() => server.close());
    }
  } finally {
    process.umask(umask);
  }
  assert.equal(statSync(join(folder, "made")).mode & 0o777, 0o755);
  assert.equal(statSync(join(folder, "kept")).mode & 0o777, 0o700);
});

test("a stale socket is replaced", async (t) => {
  const path = join(makeFolder(t), "control.sock");
  await leaveStaleSocket(path);
  assert.ok(lstatSync(path).isSocket());
  const server = await serveControl({ path, api, mode: 0o660 });
  t.after(() => server.close());
  assert.equal((await ask(path, { path: "/v1/status" })).status, 200);
});

test("a socket that a daemon listens on is left alone, and the daemon is named", async (t) => {
  const { socket } = await serveFake(t);
  await assert.rejects(serveControl({ path: socket, api, mode: 0o660 }), (error) => {
    assert.ok(error instanceof SocketUnusable);
    assert.match(
      error.message,
      new RegExp(`portreeve/0\\.1\\.0 \\(pid ${process.pid}\\), already listens on ${socket}`),
    );
    return true;
  });
  assert.equal((await ask(socket, { path: "/v1/status" })).status, 200);
});

test("a socket of another program is left alone", async (t) => {
  const path = join(makeFolder(t), "control.sock");
  const other = createServer((connection) => connection.end("220 hello\r\n"));
  await new Promise<void>((resolve) => other.listen(path, resolve));
  t.after(() => other.close());
  await assert.rejects(serveControl({ path, api, mode: 0o660 }), /another program already listens/);
  assert.ok(lstatSync(path).isSocket());
});

test("what is no socket is never removed", async (t) => {
  const folder = makeFolder(t);
  const file = join(folder, "file");
  writeFileSync(file, "precious");
  symlinkSync(file, join(folder, "link"));
  symlinkSync(join(folder, "nowhere"), join(folder, "dangling"));
  mkdirSync(join(folder, "directory"));
  for (const name of ["file", "link", "dangling", "directory"]) {
    await assert.rejects(serveControl({ path: join(folder, name), api, mode: 0o660 }), /is not a socket/);
    assert.ok(lstatSync(join(folder, name)));
  }
});

test("a folder in which others may replace the socket is refused; /tmp, where they may not, is none", async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, "control.sock");
  chmodSync(folder, 0o777);
  await assert.rejects(serveControl({ path, api, mode: 0o660 }), /everybody may replace what is in .*; name a folder/);
  assert.ok(!existsSync(path));
  chmodSync(folder, 0o1777);
  await (await serveControl({ path, api, mode: 0o660 })).close();
});

test("paths that the kernel cannot take are refused with the reason", async (t) => {
  const folder = makeFolder(t);
  await assert.rejects(serveControl({ path: "control.sock", api, mode: 0o660 }), /must begin with \//);
  const long = join(folder, "x".repeat(108));
  await assert.rejects(serveControl({ path: long, api, mode: 0o660 }), /the kernel takes 107/);
});

test("close ends what is open and removes the socket", async (t) => {
  const { daemon, server, socket } = await serveFake(t);
  const following = ask(socket, { path: "/v1/events/follow" });
  await daemon.untilFollowers(1);
  await server.close();
  await following.catch(() => undefined);
  assert.equal(daemon.followers(), 0);
  assert.ok(!existsSync(socket));
});

test("connections beyond the bound are closed at once", async (t) => {
  const { socket } = await serveFake(t, { connections: 2 });
  const kept = [connect(socket), connect(socket)];
  t.after(() => {
    for (const connection of kept) connection.destroy();
  });
  for (const connection of kept) await new Promise((resolve) => connection.once("connect", resolve));
  const third = connect(socket);
  third.on("error", () => {});
  await new Promise((resolve) => third.once("close", resolve));
  kept[0]?.destroy();
});

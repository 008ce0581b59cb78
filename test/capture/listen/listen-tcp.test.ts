// Connect mode over TCP, on loopback: who is named, what is said to them, and that nothing of them stays.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import { Listeners } from "../../../src/capture/listen/listen.ts";
import { openTcp } from "../../../src/capture/listen/listen-tcp.ts";
import { closeServer, freePorts, listenOn, readAll, Seen, single, Told } from "./listen-support.ts";

async function listening(port: number, banner?: string) {
  const seen = new Seen();
  const told = new Told();
  const listeners = new Listeners({ tcp: single(port), udp: [], banner, limits: { nowMs: () => 1_234 } });
  await listeners.start(seen, told);
  return { listeners, seen, told };
}

function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}

test("names the source of each connection, of both families", async () => {
  const [port = 0] = await freePorts(1);
  const { listeners, seen, told } = await listening(port);
  try {
    assert.equal(await readAll("127.0.0.1", port), "");
    assert.equal(await readAll("::1", port), "");
    const socket = connect({ host: "127.0.0.1", localAddress: "127.0.0.9", port });
    await once(socket.resume(), "close");
    await seen.until(3);
    assert.deepEqual(seen.texts, [`6 127.0.0.1 ${port}`, `6 ::1 ${port}`, `6 127.0.0.9 ${port}`]);
    assert.deepEqual(seen.times, [1_234, 1_234, 1_234]);
    assert.deepEqual(told.texts, []);
    assert.equal(listeners.counters.accepts, 3);
    assert.deepEqual(listeners.openPorts(6), single(port));
    assert.deepEqual(listeners.openPorts(17), []);
  } finally {
    await listeners.close();
  }
});

test("writes the banner as it stands, then closes", async () => {
  const [port = 0] = await freePorts(1);
  const banner = `** ÜBERWACHT ** ${"x".repeat(900)}`;
  const { listeners } = await listening(port, banner);
  try {
    assert.equal(await readAll("127.0.0.1", port), banner);
    await listeners.update({ tcp: single(port), udp: [], banner: "new" });
    assert.equal(await readAll("::1", port), "new");
  } finally {
    await listeners.close();
  }
});

test("names those who reset the connection before it is accepted, as nmap -sT does", async () => {
  const [port = 0] = await freePorts(1);
  const { listeners, seen } = await listening(port, "banner");
  try {
    const program = `
      const { connect } = require("node:net");
      let left = 20;
      const next = () => { if (left-- > 0) connect(${port}, "127.0.0.7").on("connect", function () { this.resetAndDestroy(); }).on("close", next); };
      next();`;
    // Synchronous: our event loop stands still until every connection has come and gone.
    execFileSync(process.execPath, ["-e", program]);
    await seen.until(20);
    assert.deepEqual(new Set(seen.texts), new Set([`6 127.0.0.1 ${port}`]));
    assert.equal(seen.texts.length, 20);
    assert.equal(listeners.counters.acceptFailures, 0);
  } finally {
    await listeners.close();
  }
});

test("keeps no descriptor of a connection whose peer stays, and nothing after close", async () => {
  const [port = 0] = await freePorts(1);
  const before = openFiles();
  const { listeners, seen } = await listening(port);
  const own = openFiles();
  const sockets = Array.from({ length: 100 }, () =>
    connect({ host: "127.0.0.1", port, allowHalfOpen: true }).on("error", () => {}),
  );
  await seen.until(100);
  assert.equal(listeners.counters.accepts, 100);
  // One each for the clients' own ends, which are in this process too.
  assert.ok(openFiles() <= own + 100, `${openFiles() - own} files for 100 connections`);
  for (const socket of sockets) socket.destroy();
  await Promise.all(sockets.map((socket) => (socket.closed ? undefined : once(socket, "close"))));
  await listeners.close();
  assert.ok(openFiles() <= before, `${openFiles()} files open, ${before} before`);
  assert.deepEqual(listeners.openPorts(6), []);
});

test("takes its ports again while its old connections are in TIME_WAIT", async () => {
  const [port = 0] = await freePorts(1);
  const first = await listening(port);
  for (let index = 0; index < 5; index++) await readAll("127.0.0.1", port);
  await first.listeners.close();
  const inHex = port.toString(16).toUpperCase().padStart(4, "0");
  const timeWait = new RegExp(`^ *\\d+: [0-9A-F]{32}:${inHex} [0-9A-F]{32}:[0-9A-F]{4} 06 `, "m");
  assert.match(readFileSync("/proc/net/tcp6", "utf8"), timeWait, "nothing is in TIME_WAIT: the test shows nothing");
  const second = await listening(port);
  try {
    assert.deepEqual(second.told.texts, []);
    await readAll("127.0.0.1", port);
    await second.seen.until(1);
    assert.deepEqual(second.seen.texts, [`6 127.0.0.1 ${port}`]);
  } finally {
    await second.listeners.close();
  }
});

test("without IPv6 it listens on IPv4", async () => {
  const [port = 0] = await freePorts(1);
  const seen = new Seen();
  const listeners = new Listeners({
    tcp: single(port),
    udp: [],
    limits: {
      open: (_protocol, number, ipv6) => (ipv6 ? { code: "EAFNOSUPPORT" } : openTcp(number, false)),
    },
  });
  await listeners.start(seen, new Told());
  try {
    await readAll("127.0.0.1", port);
    await seen.until(1);
    assert.deepEqual(seen.texts, [`6 127.0.0.1 ${port}`]);
    // Nobody listens on ::1, so another may.
    await closeServer(await listenOn(port, "::1"));
  } finally {
    await listeners.close();
  }
});

test("a sink that throws is told of, and listening goes on", async () => {
  const [port = 0] = await freePorts(1);
  const seen = new Seen();
  const told = new Told();
  let throws = true;
  seen.accepted = () => {
    if (!throws) {
      seen.texts.push("accepted");
      return;
    }
    throws = false;
    throw new Error("sink");
  };
  const listeners = new Listeners({ tcp: single(port), udp: [] });
  await listeners.start(seen, told);
  try {
    const failed = new Promise<void>((resolve) => {
      told.onFailed = resolve;
    });
    await readAll("127.0.0.1", port);
    await failed;
    assert.match(String(told.errors[0]), /sink/);
    await readAll("127.0.0.1", port);
    await seen.until(1);
    assert.deepEqual(seen.texts, ["accepted"]);
  } finally {
    await listeners.close();
  }
});

// The ports of connect mode: those that somebody else has, those that a reload changes, those that are too many.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { Listeners, type ListenLimits, RETRY_MS } from "../../../src/capture/listen/listen.ts";
import { openTcp } from "../../../src/capture/listen/listen-tcp.ts";
import { openUdp } from "../../../src/capture/listen/listen-udp.ts";
import {
  closeServer,
  freePorts,
  HandTimer,
  listenOn,
  readAll,
  Seen,
  single,
  Told,
  udpClient,
} from "./listen-support.ts";

const byNumber = (a: number, b: number) => a - b;

/** The TCP ports on which a listener stands, each by itself. */
function openOn(listeners: Listeners): number[] {
  const ranges = listeners.openPorts(6);
  return ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, index) => first + index));
}

function parts(ports: { tcp?: number[]; udp?: number[] }, limits: ListenLimits = {}) {
  const timer = new HandTimer();
  const wanted = { tcp: (ports.tcp ?? []).flatMap(single), udp: (ports.udp ?? []).flatMap(single) };
  const listeners = new Listeners({ ...wanted, limits: { every: timer.every, ...limits } });
  return { listeners, timer, seen: new Seen(), told: new Told() };
}

test("a busy TCP port is told once, shifts no other, and is taken when it is free", async () => {
  const [a = 0, b = 0, c = 0] = await freePorts(3);
  const other = await listenOn(b, "127.0.0.1");
  const { listeners, timer, seen, told } = parts({ tcp: [a, b, c] });
  await listeners.start(seen, told);
  try {
    assert.equal(timer.intervalMs, RETRY_MS);
    assert.deepEqual(told.texts, [`busy 6 ${b} EADDRINUSE`]);
    assert.deepEqual(openOn(listeners), [a, c].sort(byNumber));
    await readAll("127.0.0.1", c);
    await seen.until(1);
    assert.deepEqual(seen.texts, [`6 127.0.0.1 ${c}`]);
    timer.tick();
    timer.tick();
    assert.equal(told.texts.length, 1);
    await closeServer(other);
    timer.tick();
    assert.deepEqual(told.texts.slice(1), [`free 6 ${b}`]);
    assert.deepEqual(openOn(listeners), [a, b, c].sort(byNumber));
    await readAll("127.0.0.1", b);
    await seen.until(2);
    assert.equal(seen.texts[1], `6 127.0.0.1 ${b}`);
    timer.tick();
    assert.equal(told.texts.length, 2);
  } finally {
    await listeners.close();
  }
  assert.equal(timer.isSet, false);
});

test("all ports busy, TCP and UDP: start resolves, and nothing is taken from their owners", async () => {
  const [port = 0] = await freePorts(1);
  const tcp = await listenOn(port);
  // With the option set, a UDP socket of ours that had it too would share the port.
  const udp = createSocket({ type: "udp4", reuseAddr: true });
  udp.bind(port, "0.0.0.0");
  await once(udp, "listening");
  const { listeners, timer, seen, told } = parts({ tcp: [port], udp: [port] });
  await listeners.start(seen, told);
  try {
    assert.deepEqual(told.texts, [`busy 6 ${port} EADDRINUSE`, `busy 17 ${port} EADDRINUSE`]);
    await closeServer(tcp);
    udp.close();
    await once(udp, "close");
    timer.tick();
    assert.deepEqual(told.texts.slice(2), [`free 6 ${port}`, `free 17 ${port}`]);
  } finally {
    await listeners.close();
  }
});

test("a reload lets go what is off the list, keeps the rest, takes what is new", async () => {
  const [a = 0, b = 0, c = 0] = await freePorts(3);
  const { listeners, timer, seen, told } = parts({ tcp: [a, b] });
  await listeners.start(seen, told);
  try {
    await listeners.update({ tcp: [...single(b), ...single(c)], udp: single(a) });
    assert.deepEqual(
      listeners
        .openPorts(6)
        .map(({ first }) => first)
        .slice(0, 1),
      [b],
    );
    assert.deepEqual(listeners.openPorts(17), single(a));
    const service = await listenOn(a);
    await readAll("127.0.0.1", c);
    await seen.until(1);
    assert.deepEqual(seen.texts, [`6 127.0.0.1 ${c}`]);
    // Busy, then off the list: it must not be tried again.
    await listeners.update({ tcp: single(a), udp: [] });
    await listeners.update({ tcp: [], udp: [] });
    await closeServer(service);
    timer.tick();
    assert.deepEqual(told.texts, [`busy 6 ${a} EADDRINUSE`]);
    assert.deepEqual(listeners.openPorts(6), []);
  } finally {
    await listeners.close();
  }
});

test("of two reloads at once the later one holds", async () => {
  const [first = 0] = await freePorts(1);
  const tried: number[] = [];
  const open = (_protocol: number, port: number) => {
    tried.push(port);
    return { code: "EADDRINUSE" };
  };
  const { listeners, timer, seen, told } = parts({}, { open });
  await listeners.start(seen, told);
  const many = listeners.update({ tcp: [{ first: 1, last: 2_000 }], udp: [] });
  await listeners.update({ tcp: single(first), udp: [] });
  await many;
  tried.length = 0;
  timer.tick();
  assert.deepEqual(tried, [first], "the only port that is tried again");
  await listeners.close();
});

test("ports beyond the limit on open files are told once, as ranges", async () => {
  const [a = 0, b = 0, c = 0] = await freePorts(3);
  const { listeners, seen, told } = parts({ tcp: [a, b], udp: [c] }, { listeners: 1 });
  await listeners.start(seen, told);
  try {
    const texts = [`left out 6 ${b}-${b}`, `left out 17 ${c}-${c}`];
    assert.deepEqual(told.texts, texts);
    assert.equal(listeners.counters.portsLeftOut, 2);
    await listeners.update({ tcp: [a, b].flatMap(single), udp: single(c) });
    assert.deepEqual(told.texts, texts);
    await listeners.update({ tcp: single(a), udp: [] });
    assert.equal(listeners.counters.portsLeftOut, 0);
  } finally {
    await listeners.close();
  }
});

test("a listener that cannot accept rests until the next try, and does not spin", async () => {
  const [port = 0] = await freePorts(1);
  // A UDP socket in a TCP listener's place: readable, and accept4() fails.
  const { listeners, timer, seen, told } = parts(
    { tcp: [port] },
    { open: (_protocol, number) => openUdp(number, true) },
  );
  await listeners.start(seen, told);
  const client = await udpClient("127.0.0.1");
  const nextBatch = () =>
    new Promise<void>((resolve) => {
      seen.batchEnd = resolve;
    });
  try {
    const first = nextBatch();
    client.send("x", port, "127.0.0.1");
    await first;
    assert.equal(listeners.counters.acceptFailures, 1);
    const second = nextBatch();
    timer.tick();
    await second;
    assert.equal(listeners.counters.acceptFailures, 2);
  } finally {
    client.close();
    await listeners.close();
  }
});

test("a flood on one port leaves the others their turn", async () => {
  const [a = 0, b = 0] = await freePorts(2);
  const { listeners, seen, told } = parts({ udp: [a, b] });
  await listeners.start(seen, told);
  try {
    const program = `
      const socket = require("node:dgram").createSocket("udp4");
      let left = 40;
      const next = () => {
        if (left-- > 0) socket.send("x", ${a}, "127.0.0.1", next);
        else socket.send("x", ${b}, "127.0.0.1", () => socket.close());
      };
      next();`;
    // Synchronous: all 41 wait before our event loop sees the first.
    execFileSync(process.execPath, ["-e", program]);
    await seen.until(41);
    assert.equal(seen.texts.length, 41);
    assert.equal(seen.texts.indexOf(`17 127.0.0.1 ${b}`), 32);
    assert.equal(listeners.counters.wakeupsCutShort, 1);
    assert.equal(seen.batches, 2);
  } finally {
    await listeners.close();
  }
});

test("thousands of ports", async () => {
  let opened = 0;
  const { listeners, seen, told } = parts(
    {},
    {
      listeners: 100_000,
      open: (_protocol, port) => {
        opened++;
        return port % 1_000 === 0 ? openTcp(0, true) : { code: "EADDRINUSE" };
      },
    },
  );
  await listeners.start(seen, told);
  await listeners.update({ tcp: [{ first: 0, last: 70_000 }], udp: [] });
  assert.equal(opened, 65_535);
  assert.equal(listeners.openPorts(6).length, 65);
  await listeners.close();
});

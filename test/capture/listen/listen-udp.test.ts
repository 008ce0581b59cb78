// Connect mode over UDP, on loopback: who is named, what is no probe, and that the banner amplifies nothing.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Listeners } from "../../../src/capture/listen/listen.ts";
import { freePorts, Seen, single, Told, udpClient } from "./listen-support.ts";

async function listening(port: number, options: { banner?: string; mayAmplify?: boolean; nowMs?: () => number } = {}) {
  const { banner, mayAmplify = false, nowMs = () => 5_000 } = options;
  const seen = new Seen();
  const told = new Told();
  const listeners = new Listeners({ tcp: [], udp: single(port), banner, mayAmplify, limits: { nowMs } });
  await listeners.start(seen, told);
  return { listeners, seen, told };
}

test("names the sender of each datagram, of both families and of any size", async () => {
  const [port = 0] = await freePorts(1);
  const { listeners, seen, told } = await listening(port);
  const four = await udpClient("127.0.0.8");
  const six = await udpClient("::1");
  try {
    four.send(Buffer.alloc(0), port, "127.0.0.1");
    await seen.until(1);
    four.send(Buffer.alloc(20_000), port, "127.0.0.1");
    await seen.until(2);
    six.send("x", port, "::1");
    await seen.until(3);
    assert.deepEqual(seen.texts, [`17 127.0.0.8 ${port}`, `17 127.0.0.8 ${port}`, `17 ::1 ${port}`]);
    assert.deepEqual(seen.times, [5_000, 5_000, 5_000]);
    assert.deepEqual(told.texts, []);
    assert.equal(listeners.counters.answers + listeners.counters.answersWithheld, 0);
  } finally {
    four.close();
    six.close();
    await listeners.close();
  }
});

test("a broadcast is no probe", async () => {
  const [port = 0] = await freePorts(1);
  const { listeners, seen } = await listening(port, { banner: "b" });
  const client = await udpClient("127.0.0.1");
  try {
    client.setBroadcast(true);
    client.send("hello", port, "127.255.255.255");
    // Comes behind the broadcast, through the same socket.
    client.send("hello", port, "127.0.0.1");
    await seen.until(1);
    assert.deepEqual(seen.texts, [`17 127.0.0.1 ${port}`]);
    assert.equal(listeners.counters.datagramsToMany, 1);
    assert.equal(listeners.counters.answers, 1);
  } finally {
    client.close();
    await listeners.close();
  }
});

test("answers with the banner, unless that would be larger than what came", async () => {
  const [port = 0] = await freePorts(1);
  const { listeners, seen } = await listening(port, { banner: "go away" });
  const client = await udpClient("127.0.0.1");
  try {
    client.send("123456", port, "127.0.0.1");
    await seen.until(1);
    assert.equal(listeners.counters.answersWithheld, 1);
    client.send("1234567", port, "127.0.0.1");
    const [answer] = await once(client, "message");
    assert.equal(String(answer), "go away");
    assert.equal(listeners.counters.answers, 1);
  } finally {
    client.close();
    await listeners.close();
  }
});

test("where it may amplify, a datagram gets a longer banner as well, and no more often", async () => {
  const [port = 0] = await freePorts(1);
  const { listeners } = await listening(port, { banner: "go away", mayAmplify: true });
  const client = await udpClient("127.0.0.1");
  try {
    client.send("1", port, "127.0.0.1");
    const [answer] = await once(client, "message");
    assert.equal(String(answer), "go away");
  } finally {
    client.close();
    await listeners.close();
  }
});

test("answers 20 times a second, whatever comes, and again when the clock was set back", async () => {
  const [port = 0] = await freePorts(1);
  let nowMs = 10_000;
  const { listeners, seen } = await listening(port, { banner: "b", nowMs: () => nowMs });
  const client = await udpClient("127.0.0.1");
  const send = async (count: number) => {
    for (let index = 0; index < count; index++) {
      const before = seen.texts.length;
      client.send("hello", port, "127.0.0.1");
      await seen.until(before + 1);
    }
  };
  try {
    await send(50);
    assert.equal(listeners.counters.answers, 20);
    assert.equal(listeners.counters.answersWithheld, 30);
    nowMs = 11_000;
    await send(30);
    assert.equal(listeners.counters.answers, 40);
    nowMs = 1_000;
    await send(1);
    assert.equal(listeners.counters.answers, 41);
  } finally {
    client.close();
    await listeners.close();
  }
});

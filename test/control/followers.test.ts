// Following events: all of them in order, bounds for slow readers and for how many follow.
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { controlLimits } from "../../src/control/limits.ts";
import type { Event } from "../../src/record/event.ts";
import { probeEvent, serveFake } from "./fake-daemon.ts";
import { ask, failureCode, open } from "./http-request.ts";

const numbered = (port: number): Event => ({ ...probeEvent, port });

interface Reader {
  readonly message: IncomingMessage;
  /** Reads on until `enough` says so; gives back all that was read. */
  until(enough: (text: string) => boolean): Promise<string>;
}

async function follow(socket: string, query = "", headers: Readonly<Record<string, string>> = {}): Promise<Reader> {
  const message = await open(socket, { path: `/v1/events/follow${query}`, headers });
  assert.equal(message.statusCode, 200);
  assert.equal(message.headers["content-type"], "text/event-stream");
  message.setEncoding("utf8");
  let text = "";
  const until = (enough: (text: string) => boolean): Promise<string> =>
    new Promise((resolve) => {
      const look = (piece: string): void => {
        text += piece;
        if (!enough(text)) return;
        message.off("data", look);
        message.pause();
        resolve(text);
      };
      message.on("data", look);
      message.resume();
      look("");
    });
  return { message, until };
}

function eventsIn(text: string): Event[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => JSON.parse(line.slice("data: ".length)));
}

test("events arrive in order with their numbers as ids, the past ones first", async (t) => {
  const { daemon, socket } = await serveFake(t);
  daemon.events = [numbered(1), numbered(2), numbered(3)];
  const reader = await follow(socket, "?limit=2");
  for (let port = 4; port <= 200; port++) daemon.emit(numbered(port), 1_000 + port);
  const text = await reader.until((read) => read.includes('"port":200'));
  assert.deepEqual(
    eventsIn(text).map(({ port }) => port),
    Array.from({ length: 199 }, (_, index) => index + 2),
  );
  const ids = [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));
  assert.deepEqual(
    ids,
    Array.from({ length: 197 }, (_, index) => 1_004 + index),
  );
  reader.message.destroy();
});

test("a reader that comes back gets all since its last event, once, and then the new ones", async (t) => {
  const { daemon, socket } = await serveFake(t);
  daemon.events = Array.from({ length: 50 }, (_, index) => numbered(index + 1));
  const reader = await follow(socket, "?limit=2", { "last-event-id": "40" });
  daemon.emit(numbered(51), 51);
  const text = await reader.until((read) => read.includes('"port":51'));
  const wanted = Array.from({ length: 11 }, (_, index) => index + 41);
  assert.deepEqual(
    eventsIn(text).map(({ port }) => port),
    wanted,
  );
  assert.deepEqual(
    [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1])),
    wanted,
  );
  reader.message.destroy();
  for (const [id, count] of [
    ["50", 0],
    ["4711", 0],
    ["none", 2],
  ] as const) {
    const other = await follow(socket, "?limit=2", { "last-event-id": id });
    daemon.emit(numbered(60), 60);
    assert.equal(eventsIn(await other.until((read) => read.includes('"port":60'))).length, count + 1, id);
    other.message.destroy();
  }
});

test("a reader that was away for very long is told where the record is", async (t) => {
  const { daemon, socket } = await serveFake(t);
  daemon.events = Array.from({ length: 3_000 }, (_, index) => numbered(index + 1));
  const reader = await follow(socket, "", { "last-event-id": "1" });
  const [event] = eventsIn(await reader.until((read) => read.endsWith("\n\n")));
  assert.match(event?.message ?? "", /^more than 2000 events have come since/);
  reader.message.destroy();
});

test("the daemon is asked for events only while somebody follows, and once for all", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const first = await follow(socket);
  const second = await follow(socket);
  assert.equal(daemon.followers(), 1);
  first.message.destroy();
  daemon.emit(numbered(5));
  assert.equal(eventsIn(await second.until((text) => text.endsWith("\n\n")))[0]?.port, 5);
  second.message.destroy();
  await daemon.untilFollowers(0);
});

test("a source narrows the events to an address or network; others are refused", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const reader = await follow(socket, "?source=2001:db8::/32");
  daemon.emit({ ...probeEvent, source: "192.0.2.7", port: 1 });
  daemon.emit({ ...probeEvent, source: "2001:db8:1::/64", port: 2 });
  daemon.emit({ ...probeEvent, source: "2001:db9::1", port: 3 });
  daemon.emit({ time: probeEvent.time, type: "drift" });
  daemon.emit({ ...probeEvent, source: "not an address", port: 4 });
  daemon.emit({ ...probeEvent, source: "2001:db8::1", port: 5 });
  const events = eventsIn(await reader.until((text) => text.includes('"port":5')));
  assert.deepEqual(
    events.map(({ port }) => port),
    [2, 5],
  );
  reader.message.destroy();
  const answer = await ask(socket, { path: "/v1/events/follow?source=300.1.1.1" });
  assert.deepEqual([answer.status, failureCode(answer)], [400, "bad-address"]);
});

test("a slow reader loses events, is told how many, and then gets the new ones", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const reader = await follow(socket);
  reader.message.pause();
  const sent = 20_000;
  // All in one turn of the loop: no reader, however quick, can take any of them meanwhile.
  for (let port = 1; port <= sent; port++) daemon.emit(numbered(port));
  const text = await reader.until((read) => read.includes('"action":"missed"') && read.endsWith("\n\n"));
  const told = eventsIn(text);
  const last = told.at(-1);
  const got = told.slice(0, -1).map(({ port }) => port);
  assert.deepEqual(
    got,
    Array.from({ length: got.length }, (_, index) => index + 1),
  );
  assert.equal(last?.type, "warning");
  assert.equal(last?.message, `missed ${sent - got.length} events: this reader is too slow`);
  assert.ok(text.length < 2 * controlLimits.followerQueueChars, `${text.length} characters were kept`);

  daemon.emit(numbered(65_000));
  assert.ok((await reader.until((read) => read.includes('"port":65000'))).length > text.length);
  reader.message.destroy();
});

test("one reader that does not read costs the others nothing", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const stuck = await follow(socket);
  stuck.message.pause();
  const quick = await follow(socket);
  for (let round = 1; round <= 20; round++) {
    for (let i = 0; i < 500; i++) daemon.emit(numbered(round));
    daemon.emit(numbered(10_000 + round));
    await quick.until((text) => text.includes(`"port":${10_000 + round}`));
  }
  const events = eventsIn(await quick.until(() => true));
  assert.equal(events.length, 20 * 501);
  stuck.message.destroy();
  quick.message.destroy();
});

test("the seventeenth follower is refused, and let in once another has left", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const readers = await Promise.all(Array.from({ length: 16 }, () => follow(socket)));
  const refused = await ask(socket, { path: "/v1/events/follow" });
  assert.deepEqual([refused.status, failureCode(refused)], [503, "too-many-followers"]);
  assert.equal((await ask(socket, { path: "/v1/status" })).status, 200);
  for (const { message } of readers) message.destroy();
  await daemon.untilFollowers(0);
  (await follow(socket)).message.destroy();
});

test("a quiet stream has heartbeats", async (t) => {
  const { socket } = await serveFake(t, { heartbeatMs: 1 });
  const reader = await follow(socket);
  const text = await reader.until((read) => read.split(": alive\n\n").length > 3);
  assert.deepEqual(eventsIn(text), []);
  reader.message.destroy();
});

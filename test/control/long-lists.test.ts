// The two lists that a backtest reads: all of the record in parts, and the known clients, one reader at a time.
import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import type { EventsAfterRequest, KnownClient } from "../../src/control/api.ts";
import { ControlClient } from "../../src/control/client.ts";
import type { NumberedEvent } from "../../src/record/event.ts";
import { probeEvent, serveFake } from "./fake-daemon.ts";
import { ask, failureCode, open } from "./http-request.ts";

function* numbered(after: number, limit: number, last: number): Generator<NumberedEvent> {
  const end = Math.min(last, after + limit);
  for (let number = after + 1; number <= end; number++)
    yield { number, event: { ...probeEvent, disposition: "quiet" } };
}

const known = (count: number): KnownClient[] =>
  Array.from({ length: count }, (_, port) => ({
    source: "192.0.2.7",
    protocol: "tcp",
    port,
    until: "2026-11-29T10:00:00.000Z",
  }));

test("all events come in parts of 10,000, each once", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const asked: number[] = [];
  const eventsAfter = ({ after, limit = 10_000 }: EventsAfterRequest) => {
    asked.push(after);
    return { ok: numbered(after, limit, 20_500) };
  };
  Object.assign(daemon.api, { eventsAfter });
  let last = 0;
  for await (const { number, event } of new ControlClient(socket).allEvents()) {
    assert.equal(number, last + 1);
    if (number === 9) assert.deepEqual(event, { ...probeEvent, disposition: "quiet" });
    last = number;
  }
  assert.equal(last, 20_500);
  assert.deepEqual(asked, [0, 10_000, 20_000, 20_500]);
});

test("a daemon whose event numbers do not rise cannot keep a client for ever", async (t) => {
  const { daemon, socket } = await serveFake(t);
  Object.assign(daemon.api, { eventsAfter: () => ({ ok: [{ number: 1, event: probeEvent }] }) });
  await assert.rejects(async () => {
    for await (const _ of new ControlClient(socket).allEvents());
  }, /do not rise/);
});

test("a wrong number or limit is 400; a daemon without a record has none", async (t) => {
  const { daemon, socket } = await serveFake(t);
  Object.assign(daemon.api, { eventsAfter: undefined });
  for (const path of ["after/x", "after/-1", "after/0?limit=10001", "after/12345678901234567"]) {
    const answer = await ask(socket, { path: `/v1/events/${path}` });
    assert.deepEqual([answer.status, failureCode(answer)], [400, "bad-request"], path);
  }
  assert.equal((await ask(socket, { path: "/v1/events/after/0" })).text, "[]\n");
  assert.equal((await ask(socket, { path: "/v1/known" })).text, "[]\n");
});

test("a store that fails while it is read is an error, and no short record", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const failing = function* (): Generator<NumberedEvent> {
    yield* numbered(0, 1_000, 1_000);
    throw new Error("disk I/O error");
  };
  Object.assign(daemon.api, { eventsAfter: () => ({ ok: failing() }) });
  await assert.rejects(async () => {
    for await (const _ of new ControlClient(socket).allEvents());
  });
});

test("known clients: one reader at a time, the next as soon as that one has ended or gone", async (t) => {
  const { daemon, socket } = await serveFake(t);
  Object.assign(daemon.api, { knownClients: async () => ({ ok: known(60_000) }) });
  const first = await open(socket, { path: "/v1/known" });
  const second = await ask(socket, { path: "/v1/known" });
  assert.deepEqual([second.status, failureCode(second)], [503, "busy"]);
  first.destroy();

  const client = new ControlClient(socket);
  // The server hears of the end in its own time.
  let reply = await client.list("knownClients", {});
  while ("refused" in reply) {
    assert.equal(reply.refused.code, "busy");
    await new Promise((resolve) => setImmediate(resolve));
    reply = await client.list("knownClients", {});
  }
  let count = 0;
  for await (const { port } of reply.ok) assert.equal(port, count++);
  assert.equal(count, 60_000);
});

test("known clients: a refusal, an error and a HEAD leave the list free", async (t) => {
  const { daemon, socket, reported } = await serveFake(t);
  const refused = { refused: { code: "kernel", message: "no table" } };
  const answers = [
    async () => refused,
    async () => Promise.reject(new Error("broken")),
    async () => ({ ok: known(2) }),
    async () => ({ ok: known(2) }),
  ];
  Object.assign(daemon.api, { knownClients: () => answers.shift()?.() });
  assert.deepEqual(await new ControlClient(socket).list("knownClients", {}), refused);
  assert.equal((await ask(socket, { path: "/v1/known" })).status, 500);
  assert.match(String(reported[0]), /broken/);
  await new Promise<void>((resolve, reject) => {
    const head = request({ socketPath: socket, path: "/v1/known", method: "HEAD", agent: false }, (answer) => {
      answer.resume().once("end", resolve);
    });
    head.once("error", reject).end();
  });
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(JSON.parse((await ask(socket, { path: "/v1/known" })).text), known(2));
  }
});

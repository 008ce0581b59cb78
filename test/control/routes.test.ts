// Every route as bytes on the socket: what it takes, what it answers, and what it refuses.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BlockedEntry, Refusal } from "../../src/control/api.ts";
import { readChoice } from "../../src/control/event-choice.ts";
import { prefix } from "../support/prefix.ts";
import { entry, probeEvent, serveFake } from "./fake-daemon.ts";
import { ask, failureCode, open } from "./http-request.ts";

test("status, blocked, events and why answer in JSON", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const answers = {
    "/v1/status": daemon.status,
    "/v1/blocked": [entry],
    "/v1/events": [probeEvent],
    "/v1/why/192.0.2.7": daemon.explanation,
    "/v1/why?source=2001:db8::7": daemon.explanation,
  };
  for (const [path, expected] of Object.entries(answers)) {
    const answer = await ask(socket, { path });
    assert.equal(answer.status, 200, path);
    assert.match(answer.type, /^application\/json/);
    assert.deepEqual(JSON.parse(answer.text), expected, path);
  }
  assert.deepEqual(daemon.whyAddresses, ["192.0.2.7", "2001:db8::7"]);
});

test("why takes a percent-encoded CIDR and address in its path", async (t) => {
  const { daemon, socket } = await serveFake(t);
  await ask(socket, { path: "/v1/why/2001:db8::%2F64" });
  await ask(socket, { path: "/v1/why" });
  assert.deepEqual(daemon.whyAddresses, ["2001:db8::/64", ""]);
});

test("block and unblock pass on what they were given", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const full = { source: "192.0.2.7", forMs: 3_600_000, reason: "by hand", force: true, session: ["192.0.2.9"] };
  const blocked = await ask(socket, { path: "/v1/block", body: JSON.stringify(full) });
  await ask(socket, { path: "/v1/block", body: '{"source":"192.0.2.0/24"}' });
  const unblocked = await ask(socket, { path: "/v1/unblock", body: '{"target":"all"}' });
  assert.deepEqual(JSON.parse(blocked.text), entry);
  assert.deepEqual(daemon.blockRequests, [full, { source: "192.0.2.0/24" }]);
  assert.deepEqual(JSON.parse(unblocked.text), { unblocked: ["all"] });
});

test("bodies that are not as agreed are refused, and the daemon is not asked", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const bodies = [
    "",
    "{",
    "null",
    "[]",
    '"192.0.2.7"',
    "{}",
    '{"source":7}',
    '{"source":""}',
    `{"source":"${"1".repeat(51)}"}`,
    '{"source":"192.0.2.7","forMs":-1}',
    '{"source":"192.0.2.7","forMs":1.5}',
    '{"source":"192.0.2.7","forMs":1e300}',
    '{"source":"192.0.2.7","force":"yes"}',
    '{"source":"192.0.2.7","surprise":1}',
    '{"source":"192.0.2.7","session":"192.0.2.9"}',
    '{"source":"192.0.2.7","session":[9]}',
    `{"source":"192.0.2.7","session":[${Array(17).fill('"192.0.2.9"').join()}]}`,
    `{"source":"192.0.2.7","reason":"${"x".repeat(201)}"}`,
  ];
  for (const body of bodies) {
    const answer = await ask(socket, { path: "/v1/block", body });
    assert.deepEqual([answer.status, failureCode(answer)], [400, "bad-request"], body);
  }
  const answer = await ask(socket, { path: "/v1/unblock", body: '{"source":"all"}' });
  assert.equal(answer.status, 400);
  assert.deepEqual([daemon.blockRequests, daemon.unblockTargets], [[], []]);
});

test("what is chosen of events is parsed: numbers, networks and types, and a wrong one is refused", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const asked: object[] = [];
  daemon.api.events = (request) => {
    asked.push(request);
    return { ok: [] };
  };
  const query = "source=192.0.2.0%2F24&sinceMs=1000&untilMs=2000&types=block%2Cunblock&limit=5";
  assert.equal((await ask(socket, { path: `/v1/events?${query}` })).status, 200);
  const choice = { source: "192.0.2.0/24", sinceMs: 1_000, untilMs: 2_000, types: "block,unblock", limit: 5 };
  assert.deepEqual(asked, [choice]);
  assert.equal((await ask(socket, { path: "/v1/events?sinceMs=soon" })).status, 400);
  for (const [wrong, code] of [
    ["source=x", "bad-address"],
    ["types=probes", "bad-type"],
  ] as const) {
    const answer = await ask(socket, { path: `/v1/events/follow?${wrong}` });
    assert.deepEqual([answer.status, failureCode(answer)], [400, code]);
  }
  assert.deepEqual(readChoice(choice, 0), {
    ok: { within: prefix("192.0.2.0/24"), sinceMs: 1_000, untilMs: 2_000, types: ["block", "unblock"] },
  });
});

test("a body over 16 KiB is refused, by its announced length and by its real one", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const fits = JSON.stringify({ source: "192.0.2.7" }).padEnd(16 * 1024);
  const over = `${fits} `;
  for (const headers of [{ "content-length": String(over.length) }, { "transfer-encoding": "chunked" }]) {
    const answer = await ask(socket, { path: "/v1/block", body: over, headers });
    assert.deepEqual([answer.status, failureCode(answer)], [413, "too-large"]);
  }
  assert.equal(daemon.blockRequests.length, 0);
  assert.equal((await ask(socket, { path: "/v1/block", body: fits })).status, 200);
  // A part of a list has more room.
  const sources = Array.from({ length: 2_000 }, () => "x".repeat(50));
  daemon.api.import = (part) => ({ ok: { added: part.sources.length, merged: 0, skipped: 0, refused: [] } });
  const list = JSON.stringify({ sources });
  assert.equal((await ask(socket, { path: "/v1/import", body: list })).status, 200);
  const longer = JSON.stringify({ sources: [...sources, "x"] });
  assert.equal((await ask(socket, { path: "/v1/import", body: longer })).status, 400);
  const large = await ask(socket, { path: "/v1/import", body: list.padEnd(128 * 1024 + 1) });
  assert.deepEqual([large.status, failureCode(large)], [413, "too-large"]);
});

test("a refusal keeps its code and message and gets the status of its kind", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const statuses: Readonly<Record<Refusal["code"], number>> = {
    "bad-address": 400,
    "bad-type": 400,
    "bad-time": 400,
    "bad-count": 400,
    "bad-filter": 400,
    "no-such-block": 404,
    ignored: 409,
    guarded: 409,
    own: 409,
    "mode-taken": 409,
    "own-session": 409,
    "too-wide": 409,
    longer: 409,
    covered: 409,
    "rule-stays": 409,
    "no-trial": 409,
    listed: 409,
    "not-listed": 404,
    "no-list": 409,
    file: 503,
    "read-only": 403,
    busy: 503,
    "no-firewall": 503,
    full: 503,
    kernel: 503,
  };
  const refused = async (code: Refusal["code"]): Promise<void> => {
    daemon.refusal = { code, message: `because of ${code}` };
    for (const [path, body] of [
      ["/v1/block", '{"source":"192.0.2.7"}'],
      ["/v1/unblock", '{"target":"192.0.2.7"}'],
      ["/v1/why/192.0.2.7", undefined],
      ["/v1/events?source=192.0.2.7", undefined],
    ] as const) {
      const answer = await ask(socket, body === undefined ? { path } : { path, body });
      assert.equal(answer.status, statuses[code]);
      assert.deepEqual(JSON.parse(answer.text), { error: daemon.refusal });
    }
  };
  for (const code of [
    "bad-address",
    "no-such-block",
    "ignored",
    "guarded",
    "own",
    "no-firewall",
    "full",
    "kernel",
  ] as const) {
    await refused(code);
  }
});

test("what is not served is 404, a wrong limit 400", async (t) => {
  const { socket } = await serveFake(t);
  for (const path of ["/", "/v1", "/v1/block", "/v1/status/x", "/v2/status"]) {
    const answer = await ask(socket, { path });
    assert.deepEqual([answer.status, failureCode(answer)], [404, "no-such-route"], path);
  }
  for (const limit of ["", "-1", "x", "10001", "1e3", "9".repeat(400)]) {
    for (const path of ["/v1/events", "/v1/events/follow"]) {
      const answer = await ask(socket, { path: `${path}?limit=${limit}` });
      assert.deepEqual([answer.status, failureCode(answer)], [400, "bad-request"], limit);
    }
  }
});

test("a route that throws answers 500 without its secrets, and is reported", async (t) => {
  const { daemon, socket, reported } = await serveFake(t);
  Object.defineProperty(daemon, "status", {
    get: () => {
      throw new Error("secret");
    },
  });
  const answer = await ask(socket, { path: "/v1/status" });
  assert.deepEqual([answer.status, failureCode(answer)], [500, "internal"]);
  assert.ok(!answer.text.includes("secret"));
  assert.deepEqual(
    reported.map(({ message }) => message),
    ["secret"],
  );
});

function* manyBlocks(count: number, ended: () => void = () => {}): Generator<BlockedEntry> {
  try {
    for (let i = 0; i < count; i++) yield { ...entry, source: `198.18.${(i >> 8) & 255}.${i & 255}`, offences: i };
  } finally {
    ended();
  }
}

test("a long list is complete in both forms, and the daemon's other work goes on meanwhile", async (t) => {
  const { daemon, socket } = await serveFake(t, { entriesPerTurn: 100 });
  const count = 20_000;
  for (const accept of ["application/json", "application/x-ndjson"]) {
    daemon.blocks = manyBlocks(count);
    let turns = 0;
    let running = true;
    const otherWork = (): void => {
      turns++;
      if (running) setImmediate(otherWork);
    };
    setImmediate(otherWork);
    const answer = await ask(socket, { path: "/v1/blocked", headers: { accept } });
    running = false;
    const text = accept === "application/json" ? answer.text : `[${answer.text.trimEnd().split("\n").join(",")}]`;
    const entries: unknown = JSON.parse(text);
    assert.deepEqual(entries, [...manyBlocks(count)]);
    assert.ok(turns >= count / 100, `only ${turns} turns`);
  }
});

test("an empty list is an empty array, or no line", async (t) => {
  const { daemon, socket } = await serveFake(t);
  daemon.blocks = [];
  assert.deepEqual(JSON.parse((await ask(socket, { path: "/v1/blocked" })).text), []);
  const lines = await ask(socket, { path: "/v1/blocked", headers: { accept: "application/x-ndjson" } });
  assert.deepEqual([lines.status, lines.text], [200, ""]);
});

test("a client that leaves in the middle of a list ends the walk over it", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const ended = new Promise<void>((resolve) => {
    daemon.blocks = manyBlocks(Number.POSITIVE_INFINITY, resolve);
  });
  const answer = await open(socket, { path: "/v1/blocked" });
  await new Promise((resolve) => answer.once("data", resolve));
  answer.destroy();
  await ended;
});

// The client against a real server, and against sockets that are missing, dead, or answer nonsense.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ExitCode } from "../../src/base/exit-code.ts";
import { ControlClient } from "../../src/control/client.ts";
import { ControlError, DaemonNotRunning, ProtocolError } from "../../src/control/errors.ts";
import type { Event } from "../../src/record/event.ts";
import { entry, makeFolder, probeEvent, serveFake } from "./fake-daemon.ts";

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** A client of a server that answers as `listener` does. */
async function clientOf(t: TestContext, listener: RequestListener): Promise<ControlClient> {
  const path = join(makeFolder(t), "odd.sock");
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return new ControlClient(path);
}

test("every method gives what the daemon gave", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const client = new ControlClient(socket);
  assert.deepEqual(await client.ask("status", {}), { ok: daemon.status });
  assert.deepEqual(await collect(client.entries("blocked", {})), [entry]);
  assert.deepEqual(await client.ask("block", { source: "2001:db8::/64", forMs: 0 }), { ok: entry });
  assert.deepEqual(daemon.blockRequests, [{ source: "2001:db8::/64", forMs: 0 }]);
  assert.deepEqual(await client.ask("unblock", { target: "192.0.2.0/24" }), { ok: { unblocked: ["192.0.2.0/24"] } });
  assert.deepEqual(await client.ask("why", { source: "2001:db8::7&limit=1" }), { ok: daemon.explanation });
  assert.deepEqual(daemon.whyAddresses, ["2001:db8::7&limit=1"]);
  const events = await client.list("events", { limit: 10, source: "192.0.2.7" });
  assert.deepEqual("ok" in events && (await collect(events.ok)), [probeEvent]);
});

test("fields that a newer daemon adds are kept", async (t) => {
  const { daemon, socket } = await serveFake(t);
  daemon.status = Object.assign({ novel: { deep: 1 } }, daemon.status);
  assert.deepEqual(await new ControlClient(socket).ask("status", {}), { ok: daemon.status });
});

test("a refusal is an answer, not an error", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const client = new ControlClient(socket);
  daemon.refusal = { code: "guarded", message: "192.0.2.1 is the gateway" };
  const refused = { refused: daemon.refusal };
  assert.deepEqual(await client.ask("block", { source: "192.0.2.1" }), refused);
  assert.deepEqual(await client.ask("unblock", { target: "192.0.2.1" }), refused);
  assert.deepEqual(await client.ask("why", { source: "192.0.2.1" }), refused);
  assert.deepEqual(await client.list("events", { limit: 1 }), refused);
  assert.deepEqual(await client.followEvents({ limit: 1 }), refused);
});

test("following gives past and new events, and ends without an error when aborted", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const end = new AbortController();
  const reply = await new ControlClient(socket).followEvents({ limit: 1, signal: end.signal });
  assert.ok("ok" in reply);
  const seen: Event[] = [];
  for await (const event of reply.ok) {
    seen.push(event);
    if (seen.length === 1) daemon.emit({ ...probeEvent, port: 24 });
    else end.abort();
  }
  assert.deepEqual(
    seen.map(({ port }) => port),
    [23, 24],
  );
  await daemon.untilFollowers(0);
});

test("following says when the daemon goes away", async (t) => {
  const { socket, server } = await serveFake(t);
  const reply = await new ControlClient(socket).followEvents({ limit: 1 });
  assert.ok("ok" in reply);
  const rest = collect(reply.ok);
  await server.close();
  await assert.rejects(rest, (error) => error instanceof ControlError && error.exitCode === ExitCode.Unavailable);
});

test("a missing and a dead socket mean that the daemon is not running", async (t) => {
  const folder = makeFolder(t);
  const missing = join(folder, "control.sock");
  await assert.rejects(new ControlClient(missing).ask("status", {}), (error) => {
    assert.ok(error instanceof DaemonNotRunning);
    assert.equal(error.exitCode, 69);
    assert.equal(
      error.message,
      `the daemon is not running (no socket at ${missing}): start it with "systemctl start portsentry" or "portreeve run"; "systemctl status portsentry" and "portreeve check" say why it does not run`,
    );
    return true;
  });
  const noSocket = join(folder, "file");
  writeFileSync(noSocket, "");
  await assert.rejects(new ControlClient(noSocket).ask("status", {}), DaemonNotRunning);
  await assert.rejects(collect(new ControlClient(missing).entries("blocked", {})), DaemonNotRunning);
});

test("answers that are not as agreed are protocol errors", async (t) => {
  const bodies = ["", "{}", "nonsense", "[]", '{"version":7}', "{".repeat(100_000)];
  for (const body of bodies) {
    const client = await clientOf(t, (_, outgoing) => outgoing.end(body));
    await assert.rejects(client.ask("status", {}), ProtocolError, body.slice(0, 20));
    await assert.rejects(client.ask("block", { source: "192.0.2.7" }), ProtocolError);
    await assert.rejects(client.ask("unblock", { target: "all" }), ProtocolError);
    await assert.rejects(client.ask("why", { source: "192.0.2.7" }), ProtocolError);
  }
  const wrongLine = await clientOf(t, (_, outgoing) => outgoing.end(`${JSON.stringify(entry)}\n{"source":1}\n`));
  await assert.rejects(collect(wrongLine.entries("blocked", {})), ProtocolError);
  const html = await clientOf(t, (_, outgoing) => outgoing.writeHead(502).end("<html>"));
  await assert.rejects(html.ask("status", {}), ProtocolError);
});

test("what does not speak HTTP is a protocol error", async (t) => {
  const client = await clientOf(t, (incoming) => incoming.socket.end("220 mail.example.org ESMTP\r\n"));
  await assert.rejects(client.ask("status", {}), ProtocolError);
});

test("a list that breaks off is an error after what had come", async (t) => {
  const client = await clientOf(t, (incoming, outgoing) => {
    outgoing.write(`${JSON.stringify(entry)}\n`, () => incoming.socket.destroy());
  });
  const seen: unknown[] = [];
  const reading = (async () => {
    for await (const one of client.entries("blocked", {})) seen.push(one);
  })();
  await assert.rejects(reading, (error) => error instanceof ControlError && error.code === "connection-lost");
  assert.deepEqual(seen, [entry]);
});

test("an error of the server that is no refusal is thrown with its code", async (t) => {
  const { socket } = await serveFake(t, { followers: 0 });
  await assert.rejects(new ControlClient(socket).followEvents({ limit: 0 }), (error) => {
    assert.ok(error instanceof ControlError);
    assert.deepEqual([error.code, error.exitCode], ["too-many-followers", 69]);
    return true;
  });
});

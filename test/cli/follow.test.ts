// portreeve events -f: past and new events as they come, and each way in which it ends.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { EventRequest } from "../../src/control/api.ts";
import { serveControl } from "../../src/control/server.ts";
import { createFakeDaemon, probeEvent } from "../control/fake-daemon.ts";
import { finish, mainFile, makeLab, start } from "./run-command.ts";

test("new events are printed as they happen, until Ctrl-C, which is no failure", async (t) => {
  const { daemon, conf } = await makeLab(t);
  daemon.events = [{ ...probeEvent, port: 1 }];
  const child = start(["events", "-f", "--json", "-n", "1", "-c", conf]);
  t.after(() => child.kill("SIGKILL"));
  assert.ok(child.stdout);
  const ended = once(child, "close");
  const ports: unknown[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const event: unknown = JSON.parse(line);
    ports.push(event !== null && typeof event === "object" && "port" in event ? event.port : undefined);
    if (ports.length < 5) daemon.emit({ ...probeEvent, port: ports.length + 1 });
    else child.kill("SIGINT");
  }
  assert.deepEqual(ports, [1, 2, 3, 4, 5]);
  assert.deepEqual(await ended, [0, null]);
  await daemon.untilFollowers(0);
});

test("a source narrows what is followed", async (t) => {
  const { daemon, conf } = await makeLab(t);
  const child = start(["events", "-f", "-n", "0", "--source", "198.51.100.0/24", "-c", conf]);
  t.after(() => child.kill("SIGKILL"));
  await daemon.untilFollowers(1);
  daemon.emit(probeEvent);
  daemon.emit({ ...probeEvent, source: "198.51.100.9", port: 9 });
  assert.ok(child.stdout);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  assert.match((await lines.next()).value ?? "", /^TIME /);
  assert.equal(
    (await lines.next()).value,
    "2026-11-22 10:00:00  probe    198.51.100.9     tcp/9      syn; by nmap; held",
  );
  child.kill("SIGINT");
  await once(child, "close");
});

test("a daemon that restarts is waited for, and nothing is told twice", async (t) => {
  const { daemon, conf, server, socket } = await makeLab(t);
  const at = (port: number) => ({ ...probeEvent, time: new Date(Date.now() + port).toISOString(), port });
  daemon.events = [at(1)];
  const child = start(["events", "--follow", "--json", "-n", "1", "--type", "probe", "-c", conf]);
  t.after(() => child.kill("SIGKILL"));
  let complaints = "";
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
    complaints += piece;
  });
  assert.ok(child.stdout);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const portOf = async () => /"port":(\d+)/.exec((await lines.next()).value ?? "")?.[1];
  assert.equal(await portOf(), "1");
  await daemon.untilFollowers(1);
  const ended = once(child, "close");
  await server.close();
  await daemon.untilFollowers(0);
  const again = createFakeDaemon();
  const asked: (EventRequest | undefined)[] = [];
  const past = at(1_000);
  again.api.events = (request) => {
    asked.push(request);
    return { ok: [{ ...past, port: 2 }] };
  };
  const second = await serveControl({ path: socket, api: again.api, mode: 0o660 });
  t.after(() => second.close());
  assert.equal(await portOf(), "2");
  again.emit({ ...past, port: 3 });
  assert.equal(await portOf(), "3");
  assert.equal(asked[0]?.types, "probe");
  assert.ok((asked[0]?.sinceMs ?? 0) > Date.parse(daemon.events[0]?.time ?? ""));
  child.kill("SIGINT");
  assert.deepEqual(await ended, [0, null]);
  assert.match(
    complaints,
    /^portreeve: the daemon has ended; its next start is waited for \(Ctrl-C ends this\)\nportreeve: the daemon runs again\n$/,
  );
});

test("a daemon that is not running at first is not waited for, and Ctrl-C ends the waiting", async (t) => {
  const { daemon, conf, server } = await makeLab(t);
  const child = start(["events", "--follow", "-c", conf]);
  const ended = finish(child);
  assert.ok(child.stdout);
  await Promise.all([daemon.untilFollowers(1), once(child.stdout, "data")]);
  child.stderr?.once("data", () => child.kill("SIGINT"));
  await server.close();
  assert.equal((await ended).code, 0);
  const { code, err } = await finish(start(["events", "--follow", "-c", conf]));
  assert.equal(code, 69);
  assert.match(err, /^portreeve: the daemon is not running/);
});

test("a reader that stops early ends it quietly", async (t) => {
  const { daemon, conf } = await makeLab(t);
  const line = `"$0" "$1" events -f -n 1 -c "$2" | head -n 1; echo "code \${PIPESTATUS[0]}"`;
  const shell = spawn("bash", ["-c", line, process.execPath, mainFile, conf], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = finish(shell);
  await daemon.untilFollowers(1);
  let running = true;
  shell.once("close", () => {
    running = false;
  });
  while (running) {
    daemon.emit(probeEvent);
    await setImmediate();
  }
  const { out, err } = await ended;
  assert.match(out, /^TIME .*\ncode 0\n$/);
  assert.equal(err, "");
});

// portreeve events -f: past and new events as they come, and each way in which it ends.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { probeEvent } from "../control/fake-daemon.ts";
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
  const [first] = await once(createInterface({ input: child.stdout }), "line");
  assert.equal(first, "2026-11-22 10:00:00  probe    198.51.100.9     tcp/9  syn  nmap  held");
  child.kill("SIGINT");
  await once(child, "close");
});

test("when the daemon ends, following ends with 69 and says so", async (t) => {
  const { daemon, conf, server } = await makeLab(t);
  const ended = finish(start(["events", "--follow", "-c", conf]));
  await daemon.untilFollowers(1);
  await server.close();
  const { code, err } = await ended;
  assert.equal(code, 69);
  assert.match(err, /^portreeve: the daemon .*connection/);
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
  assert.match(out, /^2026-11-22 10:00:00 {2}probe .*\ncode 0\n$/);
  assert.equal(err, "");
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openSystemdNotifier } from "../../src/kernel/sd-notify.ts";
import { makeFolder, openReader } from "./support.ts";

test("tells the socket that the environment names, a file or an abstract one", (t) => {
  const folder = makeFolder();
  t.after(() => folder.remove());
  for (const path of [join(folder.path, "notify"), `@portreeve-test-${process.pid}`]) {
    const reader = openReader(path);
    const notifier = openSystemdNotifier({ NOTIFY_SOCKET: path });
    notifier.notify("READY=1\nSTATUS=active and listening");
    notifier.notify("STOPPING=1");
    assert.deepEqual(reader.read(), ["READY=1\nSTATUS=active and listening", "STOPPING=1"], path);
    notifier.close();
    reader.close();
  }
});

test("without systemd, or with a socket that is gone, it says nothing and throws nothing", () => {
  for (const environment of [{}, { NOTIFY_SOCKET: "" }, { NOTIFY_SOCKET: "/nowhere/notify" }]) {
    const notifier = openSystemdNotifier(environment);
    notifier.notify("READY=1");
    notifier.close();
  }
});

test("the watchdog is fed twice in its time; what is no such time is none", () => {
  const interval = (usec?: string) =>
    openSystemdNotifier({ NOTIFY_SOCKET: "@none", ...(usec !== undefined && { WATCHDOG_USEC: usec }) })
      .watchdogIntervalMs;
  assert.equal(interval("30000000"), 15_000);
  assert.equal(interval("2000"), 1);
  for (const none of [undefined, "", "0", "1999", "-5", "soon", "1.5", "18446744073709551615", "NaN"]) {
    assert.equal(interval(none), undefined, String(none));
  }
  assert.equal(openSystemdNotifier({ WATCHDOG_USEC: "30000000" }).watchdogIntervalMs, undefined);
});

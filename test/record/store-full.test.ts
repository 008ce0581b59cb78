// A disk that is really full: a small tmpfs, which needs root and the right to mount.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Event } from "../../src/record/event.ts";
import { HistoryFile } from "../../src/record/history.ts";
import { openStore } from "../../src/record/sqlite-store.ts";
import { parsePrefix } from "../../src/wire/address.ts";

/** Runs `body` in a folder of 1 MiB, or says why not. Lazy: libsql holds its files until they are garbage. */
function withSmallDisk(t: TestContext, body: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-full-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], { encoding: "utf8" });
  try {
    if (mounted.status === 0) body(folder);
    else t.skip(`cannot mount a tmpfs: ${mounted.stderr}`);
  } finally {
    if (mounted.status === 0) spawnSync("umount", ["--lazy", folder]);
    rmdirSync(folder);
  }
}

function fill(path: string): void {
  const bytes = Buffer.alloc(4096);
  assert.throws(() => {
    for (;;) writeFileSync(path, bytes, { flag: "a" });
  }, /ENOSPC/);
}

function listener() {
  const said: string[] = [];
  return {
    said,
    onTrouble: (message: string) => said.push(`trouble: ${message}`),
    onRecovered: (message: string) => said.push(`recovered: ${message}`),
  };
}

const warning: Event = { time: "2026-11-22T00:00:00.000Z", type: "warning", message: "x".repeat(200) };

function put(store: ReturnType<typeof openStore>, from: number, count: number): void {
  for (let i = from; i < from + count; i++) {
    const source = parsePrefix(`10.1.${i >> 8}.${i & 255}`);
    assert.ok(source !== undefined);
    const why = { grade: "direct", soft: false, reason: "r".repeat(100), offences: 1, backend: "nftables" } as const;
    store.putBlock({ source, sinceMs: i, untilMs: undefined, ...why });
  }
}

test("a full disk: said once, blocks kept, events bounded, recovery said once", (t) => {
  withSmallDisk(t, (folder) => {
    const clock = { ms: 1_000_000 };
    const heard = listener();
    const limits = { maxEvents: 1000, maxPendingEvents: 100 };
    const path = join(folder, "store.db");
    const store = openStore(path, () => clock.ms, limits, heard);
    put(store, 0, 10);
    store.flush();
    assert.deepEqual(heard.said, []);
    fill(join(folder, "filler"));

    for (let i = 0; i < 5; i++) {
      put(store, 10, 700);
      for (let j = 0; j < 50; j++) store.addEvent(warning);
      store.flush();
      clock.ms += 1000;
    }
    assert.equal(heard.said.length, 1);
    assert.match(heard.said[0] ?? "", /^trouble: cannot write store .* full/);
    assert.ok(store.counters.storeErrors >= 5, String(store.counters.storeErrors));
    assert.equal(store.counters.eventsDropped, 150);
    assert.equal(store.events({ limit: 1000 }).length, 100);

    rmSync(join(folder, "filler"));
    store.flush();
    clock.ms += 1000;
    for (let i = 0; i < 3; i++) store.flush();
    assert.equal(heard.said.length, 2);
    assert.match(heard.said[1] ?? "", /^recovered: /);
    assert.equal(store.loadBlocks().length, 710);
    store.close();

    const again = openStore(path, () => clock.ms, limits, heard);
    assert.equal(again.loadBlocks().length, 710);
    assert.equal(again.events({ limit: 1000 }).length, 100);
    again.close();
    assert.equal(heard.said.length, 2);
  });
});

test("a store on a disk that is full from the start is read, and comes back", (t) => {
  withSmallDisk(t, (folder) => {
    const heard = listener();
    const clock = { ms: 1_000_000 };
    const path = join(folder, "store.db");
    const first = openStore(path, () => clock.ms, { maxEvents: 1000 }, heard);
    put(first, 0, 10);
    first.close();
    fill(join(folder, "filler"));
    const second = openStore(path, () => clock.ms, { maxEvents: 1000 }, heard);
    assert.equal(second.persistent, true);
    assert.equal(second.loadBlocks().length, 10);
    put(second, 10, 100);
    second.flush();
    assert.equal(heard.said.length, 1);
    assert.equal(second.loadBlocks().length, 10);
    second.close();
  });
});

test("history on a full disk: a torn line is ended before the next", (t) => {
  withSmallDisk(t, (folder) => {
    const heard = listener();
    const path = join(folder, "history");
    const history = new HistoryFile(path, heard);
    const line = "h".repeat(99);
    history.append(line);
    history.flush();
    fill(join(folder, "filler"));
    for (let i = 0; i < 200; i++) history.append(line);
    history.flush();
    assert.ok(history.counters.historyLinesLost > 100, String(history.counters.historyLinesLost));
    assert.match(heard.said[0] ?? "", /ENOSPC/);
    rmSync(join(folder, "filler"));
    history.append("last");
    history.close();
    assert.equal(heard.said.length, 2);
    const text = spawnSync("cat", [path], { encoding: "utf8" }).stdout.split("\n");
    assert.equal(text.at(-2), "last");
    const whole = text.filter((one) => one === line).length;
    assert.equal(whole + history.counters.historyLinesLost, 201);
  });
});

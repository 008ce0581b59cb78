// A thread of its own for the contacts changes nothing of what is found.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { replay } from "../../src/replay/replay.ts";
import { readReplaySettings } from "../../src/replay/settings.ts";
import { TrackingThread, threadFor } from "../../src/replay/tracking-thread.ts";
import { captures } from "../support/corpus.ts";
import { replayed } from "./support.ts";

const hooks = { progress: () => undefined, explain: () => undefined };
const settings = readReplaySettings({}, () => undefined);

test("every capture of the corpus gives the same report in a thread", async () => {
  for (const capture of captures()) {
    assert.deepEqual(await replayed(capture, {}, new TrackingThread()), await replayed(capture), capture.name);
  }
});

test("what is wrong with a file is said the same way", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "no-capture");
  writeFileSync(file, "not a capture at all, but long enough");
  const of = (thread?: TrackingThread) => replay(file, settings, hooks, thread).catch((error: unknown) => error);
  const here = await of();
  assert.match(String(here), /ReplayError: .*no-capture/);
  assert.deepEqual(await of(new TrackingThread()), here);
});

test("an error of the judge ends the thread and is not lost", async () => {
  const [capture] = captures("nmap");
  assert.ok(capture !== undefined);
  const fail = () => {
    throw new Error("of the judge");
  };
  const tracking = { file: capture.file, seed: { k0: 1, k1: 2 }, homes: [], maxContacts: 64, answerWaitMs: 3_000 };
  const sink = { opened: fail, again: fail, decided: fail, idProbed: fail };
  await assert.rejects(
    new TrackingThread().track(tracking, sink, () => undefined),
    /of the judge/,
  );
});

test("a thread for large files only", () => {
  const [capture] = captures("nmap");
  assert.ok(capture !== undefined);
  assert.equal(threadFor(capture.file), undefined);
  assert.ok(threadFor(capture.file, 1) instanceof TrackingThread);
  assert.equal(threadFor("-", 1), undefined);
  assert.equal(threadFor("/nonexistent/file", 1), undefined);
});

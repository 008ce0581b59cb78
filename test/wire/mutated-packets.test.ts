// Every cut of every recorded frame, and changed ones, through all decoders. The same at length: test/lab/long.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeResult } from "../../src/wire/packet.ts";
import { recordedFrames, writtenFrames } from "../support/all-frames.ts";
import { decodeEveryFrameCut } from "../support/frame-cuts.ts";
import { assertMutatedRun, runMutated } from "../support/mutated-run.ts";

const COUNT = 100_000;
/** All headers, and a quoted packet's too, end before this; the long run cuts everywhere. */
const MAX_CUTS = 160;

test("every frame cut at every length of its headers: nothing outside the cut is looked at", async (t) => {
  const frames = [...writtenFrames(), ...(await recordedFrames())];
  let cuts = 0;
  for (const { linkType, bytes } of frames) {
    const results = decodeEveryFrameCut(linkType, bytes, MAX_CUTS);
    cuts += results.length;
    assert.equal(results[0], DecodeResult.Truncated);
  }
  t.diagnostic(`${cuts} cuts of ${frames.length} frames`);
});

test("100,000 changed frames: no throw, no look outside, no memory kept", async (t) => {
  const run = await runMutated(COUNT, 0x5eed);
  t.diagnostic(`of ${run.frames} frames; results ${[...run.results].join(", ")}; ${run.growthBytes} bytes more`);
  assertMutatedRun(run, COUNT);
});

// 10 million changed frames, and every cut of every frame of the corpus, through all decoders. Needs no root.
import { test } from "node:test";
import { recordedFrames } from "../../support/all-frames.ts";
import { decodeEveryFrameCut } from "../../support/frame-cuts.ts";
import { assertMutatedRun, runMutated } from "../../support/mutated-run.ts";

const COUNT = 10_000_000;

test("every frame of the corpus, cut at every length", async (t) => {
  const frames = await recordedFrames();
  let cuts = 0;
  for (const { linkType, bytes } of frames) cuts += decodeEveryFrameCut(linkType, bytes).length;
  t.diagnostic(`${cuts} cuts of ${frames.length} frames`);
});

test("10 million changed frames: no throw, no look outside, no memory kept", async (t) => {
  const run = await runMutated(COUNT, 0xc0ffee);
  t.diagnostic(`of ${run.frames} frames; results ${[...run.results].join(", ")}; ${run.growthBytes} bytes more`);
  assertMutatedRun(run, COUNT);
});

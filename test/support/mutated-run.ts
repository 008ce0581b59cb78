// Millions of changed frames through every decoder: no throw, no look outside the frame, no field out of its range, and
// no memory that stays behind.
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { DecodeResult } from "../../src/wire/packet.ts";
import { type LinkFrame, recordedFrames, writtenFrames } from "./all-frames.ts";
import { TwoWays } from "./frame-cuts.ts";
import { MAX_MUTANT_BYTES, Mutator } from "./mutator.ts";

/** What the runtime itself may keep; over 10 million frames it would be less than a byte a frame. */
const MAX_GROWTH_BYTES = 4_194_304;

export interface MutatedRun {
  /** How many frames had each result, by its number. */
  readonly results: Uint32Array;
  readonly growthBytes: number;
  readonly frames: number;
}

/** Decodes `count` mutants of every frame that the tests have. */
export async function runMutated(count: number, seed: number): Promise<MutatedRun> {
  const frames: readonly LinkFrame[] = [...writtenFrames(), ...(await recordedFrames())];
  const mutator = new Mutator(frames, seed);
  const poisons = [
    new TwoWays(MAX_MUTANT_BYTES, [0x00, 0xff]),
    new TwoWays(MAX_MUTANT_BYTES, [0x45, 0x60]),
    new TwoWays(MAX_MUTANT_BYTES, [0x06, 0x3a]),
  ];
  const results = new Uint32Array(Object.keys(DecodeResult).length);
  const decode = (turns: number): void => {
    for (let turn = 0; turn < turns; turn++) {
      mutator.next();
      const both = poisons[turn % poisons.length];
      const result = both?.decode(mutator.linkType, mutator.bytes, mutator.length) ?? 0;
      results[result] = (results[result] ?? 0) + 1;
    }
  };
  // The compiler's own memory comes with the first of them.
  const first = Math.floor(count / 10);
  decode(first);
  const before = liveBytes();
  decode(count - first);
  const growthBytes = liveBytes() - before;
  return { results, growthBytes, frames: frames.length };
}

export function assertMutatedRun({ results, growthBytes }: MutatedRun, count: number): void {
  assert.equal(
    results.reduce((sum, one) => sum + one, 0),
    count,
  );
  // Mutants that never got beyond the first header would show nothing: every result must have come often.
  for (const [name, result] of Object.entries(DecodeResult)) {
    assert.ok((results[result] ?? 0) > count / 500, `${results[result]} of ${count} were ${name}`);
  }
  assert.ok(growthBytes < MAX_GROWTH_BYTES, `${growthBytes} bytes stayed behind`);
}

function liveBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  assert.ok(typeof collect === "function");
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { Scorer, type TapSource } from "../../../src/detect/tap/tap-source.ts";
import { TapSources } from "../../../src/detect/tap/tap-sources.ts";
import { IPV4_MAPPED_WORD } from "../../../src/wire/address.ts";

const seed = { k0: 3, k1: 4 };

function touch(sources: TapSources, host: number, timeMs: number): TapSource {
  return sources.touch(0, 0, IPV4_MAPPED_WORD, host, 128, timeMs);
}

test("a source is found again by its key, and by nothing else", () => {
  const sources = new TapSources(100, seed, () => undefined);
  const one = touch(sources, 1, 1_000);
  const other = touch(sources, 2, 1_000);
  assert.notEqual(one, other);
  assert.equal(touch(sources, 1, 5_000), one);
  assert.equal(sources.find({ w0: 0, w1: 0, w2: IPV4_MAPPED_WORD, w3: 2, bits: 128 }), other);
  // The /64 of the same words is another source.
  assert.equal(sources.find({ w0: 0, w1: 0, w2: IPV4_MAPPED_WORD, w3: 2, bits: 64 }), undefined);
  assert.equal(sources.seen, 2);
});

test("a full table stays within its bound, lets the quiet go, and keeps scanners", () => {
  const dropped: TapSource[] = [];
  const sources = new TapSources(64, seed, (source) => void dropped.push(source));
  const scanners = Array.from({ length: 8 }, (_, host) => touch(sources, host, 0));
  for (const scanner of scanners) scanner.flag(Scorer.Score, 0);
  for (let host = 1_000; host < 6_000; host++) touch(sources, host, host).lastMs = host;
  assert.equal(sources.size, 64);
  assert.deepEqual(new Set(sources.flagged()), new Set(scanners));
  assert.equal(sources.evictions, dropped.length);
  assert.equal(dropped.length, 5_008 - 64);
  for (const scanner of scanners) assert.ok(!dropped.includes(scanner));
  assert.equal(sources.evictedScanners, 0);
});

test("one that is removed starts afresh, and its place is used again", () => {
  const dropped: TapSource[] = [];
  const sources = new TapSources(4, seed, (source) => void dropped.push(source));
  const [first] = [1, 2, 3, 4].map((host) => touch(sources, host, 1_000));
  const key = { w0: 0, w1: 0, w2: IPV4_MAPPED_WORD, w3: 1, bits: 128 };
  assert.equal(sources.remove(key), true);
  assert.equal(sources.remove(key), false);
  assert.deepEqual([sources.size, dropped], [3, [first]]);
  assert.notEqual(touch(sources, 1, 2_000), first);
  assert.deepEqual([sources.size, sources.evictions], [4, 0]);
  for (let host = 10; host < 100; host++) {
    touch(sources, host, 3_000).flag(Scorer.Score, 3_000);
    if (host % 3 === 0) sources.remove({ ...key, w3: host });
    assert.ok(sources.size <= 4);
    const unflagged = host < 14 ? 14 - host : 0;
    assert.ok(sources.flagged().length >= sources.size - unflagged);
  }
});

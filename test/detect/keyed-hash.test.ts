import assert from "node:assert/strict";
import { test } from "node:test";
import { hashSource } from "../../src/detect/keyed-hash.ts";

test("hashSource is HalfSipHash-1-3: reference vector of the message 00 01 .. 10 under the key 00 01 .. 07", () => {
  const hash = hashSource({ k0: 0x03020100, k1: 0x07060504 }, 0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c, 0x10);
  assert.equal(hash >>> 0, 0x2b1cd04b);
});

test("every part of the key and of the source changes the hash", () => {
  const base = hashSource({ k0: 1, k1: 2 }, 3, 4, 5, 6, 128);
  const others = [
    hashSource({ k0: 0, k1: 2 }, 3, 4, 5, 6, 128),
    hashSource({ k0: 1, k1: 0 }, 3, 4, 5, 6, 128),
    hashSource({ k0: 1, k1: 2 }, 0, 4, 5, 6, 128),
    hashSource({ k0: 1, k1: 2 }, 3, 0, 5, 6, 128),
    hashSource({ k0: 1, k1: 2 }, 3, 4, 0, 6, 128),
    hashSource({ k0: 1, k1: 2 }, 3, 4, 5, 0, 128),
    hashSource({ k0: 1, k1: 2 }, 3, 4, 5, 6, 64),
  ];
  assert.equal(new Set([base, ...others]).size, 8);
});

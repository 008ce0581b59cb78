import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hashSource, randomSeed } from "../../src/detect/keyed-hash.ts";
import { bytesOfWords, halfSipHash13 } from "./half-sip-hash.ts";

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

const anyWord = fc.integer({ min: 0, max: 0xffff_ffff });

test("hashSource is the reference's hash of the address and its width, for any of them", () => {
  const words = fc.tuple(anyWord, anyWord, anyWord, anyWord);
  fc.assert(
    fc.property(anyWord, anyWord, words, fc.integer({ min: 0, max: 128 }), (k0, k1, [w0, w1, w2, w3], bits) => {
      const message = Buffer.concat([bytesOfWords([w0, w1, w2, w3]), Buffer.of(bits)]);
      assert.equal(hashSource({ k0, k1 }, w0, w1, w2, w3, bits) >>> 0, halfSipHash13({ k0, k1 }, message));
    }),
  );
});

test("a random seed has 64 bits, each of which is set now and then", () => {
  let [ever0, ever1] = [0, 0];
  for (let draw = 0; draw < 64; draw++) {
    const { k0, k1 } = randomSeed();
    assert.ok(k0 >= 0 && k1 >= 0 && k0 <= 0xffff_ffff && k1 <= 0xffff_ffff);
    ever0 = (ever0 | k0) >>> 0;
    ever1 = (ever1 | k1) >>> 0;
  }
  // One bit stays unset with 2^-64.
  assert.deepEqual([ever0, ever1], [0xffff_ffff, 0xffff_ffff]);
});

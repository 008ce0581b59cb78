// HalfSipHash-1-3 of an address block: a hash for tables whose keys an attacker chooses. Without the key nobody can
// find sources that collide, so a lookup stays short. (Aumasson and Bernstein's SipHash in the 32-bit form that
// Linux uses for its own hash tables.) Not for the silence test: that needs a longer key and more rounds.

import { randomInt } from "node:crypto";

/** Two random 32-bit words, drawn at start; never shown. */
export interface HashSeed {
  readonly k0: number;
  readonly k1: number;
}

export function randomSeed(): HashSeed {
  return { k0: randomInt(2 ** 32), k1: randomInt(2 ** 32) };
}

/** Message: the four words, little endian, and one byte of `bits`: 17 bytes. Returns 32 bits, signed. */
export function hashSource(seed: HashSeed, w0: number, w1: number, w2: number, w3: number, bits: number): number {
  let v0 = seed.k0 | 0;
  let v1 = seed.k1 | 0;
  let v2 = 0x6c796765 ^ seed.k0;
  let v3 = 0x74656462 ^ seed.k1;
  // Five rounds take the message in, three finish.
  for (let step = 0; step < 8; step++) {
    let message = 0;
    if (step === 0) message = w0;
    else if (step === 1) message = w1;
    else if (step === 2) message = w2;
    else if (step === 3) message = w3;
    else if (step === 4) message = (17 << 24) | bits;
    else if (step === 5) v2 ^= 0xff;
    v3 ^= message;

    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);

    v0 ^= message;
  }
  return v1 ^ v3;
}

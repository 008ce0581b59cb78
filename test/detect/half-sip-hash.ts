// HalfSipHash-1-3 as its reference says it (Aumasson and Bernstein), over any number of bytes: slow, and independent of src/.
const rotate = (word: number, bits: number) => ((word << bits) | (word >>> (32 - bits))) >>> 0;

/** One round for each word of the message, three to finish; the last word ends with the length in bytes. */
export function halfSipHash13(seed: { readonly k0: number; readonly k1: number }, message: Uint8Array): number {
  let [v0, v1, v2, v3] = [seed.k0 >>> 0, seed.k1 >>> 0, (0x6c796765 ^ seed.k0) >>> 0, (0x74656462 ^ seed.k1) >>> 0];
  const round = () => {
    v0 = (v0 + v1) >>> 0;
    v1 = (rotate(v1, 5) ^ v0) >>> 0;
    v0 = rotate(v0, 16);
    v2 = (v2 + v3) >>> 0;
    v3 = (rotate(v3, 8) ^ v2) >>> 0;
    v0 = (v0 + v3) >>> 0;
    v3 = (rotate(v3, 7) ^ v0) >>> 0;
    v2 = (v2 + v1) >>> 0;
    v1 = (rotate(v1, 13) ^ v2) >>> 0;
    v2 = rotate(v2, 16);
  };
  const padded = Buffer.alloc((Math.floor(message.length / 4) + 1) * 4);
  padded.set(message);
  padded[padded.length - 1] = message.length & 0xff;
  for (let at = 0; at < padded.length; at += 4) {
    const word = padded.readUInt32LE(at);
    v3 = (v3 ^ word) >>> 0;
    round();
    v0 = (v0 ^ word) >>> 0;
  }
  v2 = (v2 ^ 0xff) >>> 0;
  for (let count = 0; count < 3; count++) round();
  return (v1 ^ v3) >>> 0;
}

/** Words as the hash takes them in: little-endian. */
export function bytesOfWords(words: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(words.length * 4);
  for (const [at, word] of words.entries()) bytes.writeUInt32LE(word >>> 0, at * 4);
  return bytes;
}

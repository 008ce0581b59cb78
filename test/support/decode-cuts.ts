// Runs the decoder over a packet cut at every length, and proves that nothing outside the cut is ever looked at:
// what lies before and behind it is filled with zeros, with ones, and with the packet's own rest, to the same result.
import assert from "node:assert/strict";
import { decodePacket } from "../../src/wire/decode.ts";
import { DecodeResult, Packet } from "../../src/wire/packet.ts";

export interface Decoded {
  readonly result: DecodeResult;
  readonly packet: Packet;
}

const LEAD_BYTES = 5;

/** Decodes the whole of the bytes into a new Packet. */
export function decodeWhole(bytes: Uint8Array): Decoded {
  const packet = new Packet();
  return { result: decodePacket(bytes, 0, bytes.length, packet), packet };
}

/** The decodings of the first 0, 1, ... bytes.length bytes; positions count from the packet's first byte. */
export function decodeEveryCut(bytes: Uint8Array): Decoded[] {
  return Array.from({ length: bytes.length + 1 }, (_, end) => decodeCut(bytes, end));
}

function decodeCut(bytes: Uint8Array, end: number): Decoded {
  const exact = decodeWhole(bytes.slice(0, end));
  for (const surroundings of [filled(bytes, 0), filled(bytes, 0xff), filled(bytes, 0x45), withOwnRest(bytes)]) {
    surroundings.set(bytes.subarray(0, end), LEAD_BYTES);
    const packet = new Packet();
    const result = decodePacket(surroundings, LEAD_BYTES, LEAD_BYTES + end, packet);
    if (packet.transportAt > 0) packet.transportAt -= LEAD_BYTES;
    if (packet.tcpOptionsAt > 0) packet.tcpOptionsAt -= LEAD_BYTES;
    if (packet.endAt > 0) packet.endAt -= LEAD_BYTES;
    assert.deepEqual({ result, packet }, exact, `bytes outside the first ${end} were looked at`);
  }
  return exact;
}

function filled(bytes: Uint8Array, value: number): Uint8Array {
  return new Uint8Array(LEAD_BYTES + bytes.length + 64).fill(value);
}

function withOwnRest(bytes: Uint8Array): Uint8Array {
  const surroundings = filled(bytes, 0xa5);
  surroundings.set(bytes, LEAD_BYTES);
  return surroundings;
}

/** "Truncated 40, Ok 5": the results of consecutive cuts, each with how many cuts in a row had it. */
export function summarizeResults(cuts: readonly Decoded[]): string {
  const names = new Map<number, string>(Object.entries(DecodeResult).map(([name, code]) => [code, name]));
  const runs: { name: string; count: number }[] = [];
  for (const { result } of cuts) {
    const name = names.get(result) ?? `code ${result}`;
    const last = runs.at(-1);
    if (last?.name === name) last.count++;
    else runs.push({ name, count: 1 });
  }
  return runs.map((run) => `${run.name} ${run.count}`).join(", ");
}

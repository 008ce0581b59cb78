// How many packets a second decodePacket reads; prints, asserts nothing. Run: node build/test/wire/decode.bench.js
import { decodePacket } from "../../src/wire/decode.ts";
import { DecodeResult, Packet } from "../../src/wire/packet.ts";
import { buildTcp } from "../support/build-packet.ts";
import { nmapSyn, nmapSyn6, nmapUdp } from "../support/captures.ts";

const ROUNDS = 5;
const PACKETS_PER_ROUND = 5_000_000;

const destinationOptions = { type: 60, bytes: [0, 0, 1, 4, 0, 0, 0, 0] };
const chained = buildTcp({
  source: "2001:db8::1",
  destination: "2001:db8::2",
  sourcePort: 1,
  destinationPort: 2,
  extensionHeaders: [destinationOptions, destinationOptions, destinationOptions],
});

const packet = new Packet();
for (const [name, bytes] of [
  ["IPv4 SYN", nmapSyn],
  ["IPv4 UDP", nmapUdp],
  ["IPv6 SYN", nmapSyn6],
  ["IPv6 SYN behind 3 extension headers", chained],
] as const) {
  for (let round = 0; round < ROUNDS; round++) {
    const { packetsPerSecond, heapBytes } = measure(bytes);
    if (round < ROUNDS - 1) continue;
    const rate = (packetsPerSecond / 1e6).toFixed(1);
    console.log(`${name}: ${rate} million packets/s, ${(heapBytes / PACKETS_PER_ROUND).toFixed(2)} heap bytes/packet`);
  }
}

function measure(bytes: Uint8Array): { packetsPerSecond: number; heapBytes: number } {
  const heapBefore = process.memoryUsage().heapUsed;
  const startNs = process.hrtime.bigint();
  let read = 0;
  for (let count = 0; count < PACKETS_PER_ROUND; count++) {
    // Each packet is another source: the words leave the small-integer range, as they do in life.
    bytes[12] = count & 255;
    if (decodePacket(bytes, 0, bytes.length, packet) === DecodeResult.Ok) read++;
  }
  const seconds = Number(process.hrtime.bigint() - startNs) / 1e9;
  return { packetsPerSecond: read / seconds, heapBytes: process.memoryUsage().heapUsed - heapBefore };
}

// What several sources that use one tool have in common: a number of the header fields, and none of what kernels send.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hasKernelOptions, headerSignature, isKernelSyn } from "../../../src/detect/tap/header-signature.ts";
import { decodePacket } from "../../../src/wire/decode.ts";
import { Packet, TcpFlag } from "../../../src/wire/packet.ts";
import { buildTcp, buildUdp, type TcpOptions } from "../../support/build-packet.ts";

const packet = new Packet();
const MSS = [2, 4, 5, 0xb4];
const KERNEL = [...MSS, 4, 2, 1, 1];

function decode(more: Partial<TcpOptions>): Uint8Array {
  const flow = { source: "192.0.2.1", destination: "203.0.113.1", sourcePort: 40_000, destinationPort: 7 };
  const bytes = buildTcp({ ...flow, flags: TcpFlag.Syn, window: 1_024, ttl: 50, ...more });
  decodePacket(bytes, 0, bytes.length, packet);
  return bytes;
}

function signatureOf(more: Partial<TcpOptions>): number {
  decode(more);
  return headerSignature(packet);
}

test("it goes by flags, window, options, DF and where the hop limit began, and by nothing else", () => {
  const base = signatureOf({});
  assert.notEqual(base, 0);
  assert.equal(signatureOf({ source: "198.51.100.9", sourcePort: 1, destinationPort: 9, sequence: 7 }), base);
  const others = [
    signatureOf({ window: 1_025 }),
    signatureOf({ tcpOptions: MSS }),
    signatureOf({ dontFragment: true }),
    signatureOf({ flags: TcpFlag.Fin }),
    signatureOf({ ttl: 65 }),
    signatureOf({ ttl: 129 }),
  ];
  assert.equal(new Set([base, ...others]).size, 7);
});

test("hop limits begin at 64, 128 and 255: what arrives below one of them began there", () => {
  for (const [last, first] of [
    [64, 1],
    [128, 65],
    [255, 129],
  ] as const) {
    assert.equal(signatureOf({ ttl: last }), signatureOf({ ttl: first }), `${first} to ${last}`);
    if (last < 255) assert.notEqual(signatureOf({ ttl: last }), signatureOf({ ttl: last + 1 }), `${last + 1}`);
  }
});

test("a kernel's own SYN has none, and no other protocol; a lone ACK with options has", () => {
  assert.equal(signatureOf({ tcpOptions: KERNEL }), 0);
  assert.notEqual(signatureOf({ tcpOptions: KERNEL, flags: TcpFlag.Ack }), 0);
  const udp = buildUdp({ source: "192.0.2.1", destination: "203.0.113.1", sourcePort: 1, destinationPort: 2 });
  decodePacket(udp, 0, udp.length, packet);
  assert.equal(headerSignature(packet), 0);
});

test("eight bytes of options make a kernel's SYN, also where the capture has cut them off", () => {
  for (const [options, isKernels] of [
    [[], false],
    [MSS, false],
    [KERNEL, true],
  ] as const) {
    const bytes = decode({ tcpOptions: options });
    assert.equal(isKernelSyn(packet), isKernels);
    assert.equal(hasKernelOptions(packet, bytes), isKernels);
    assert.equal(hasKernelOptions(packet, bytes.subarray(0, 40)), isKernels);
  }
});

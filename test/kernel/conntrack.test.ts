import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Flow, readFlow } from "../../src/kernel/conntrack.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { hex } from "../support/hex.ts";

const NEW = 0x0100;

function read(payload: Buffer, type = NEW): Flow | undefined {
  return readFlow({ type, flags: 0, portId: 0, bytes: payload, at: 0, end: payload.length });
}

const told = (flow: Flow | undefined) =>
  flow && [
    formatPrefix(flow.source),
    formatPrefix(flow.destination),
    flow.answered,
    flow.protocol,
    flow.sourcePort,
    flow.destinationPort,
  ];

// nfgenmsg; CTA_TUPLE_ORIG { CTA_TUPLE_IP { src, dst }, CTA_TUPLE_PROTO { ... } }; CTA_TUPLE_REPLY; CTA_STATUS
const ipv4 = Buffer.from(
  hex(`02000000
    3400 0180  1400 0180 0800 0100 c6336401 0800 0200 cb007107  1c00 0280 0500 0100 06000000 0600 0200 9c400000 0600 0300 00190000
    1800 0280  1400 0180 0800 0100 cb007107 0800 0200 c6336401
    0800 0300 0000018e`),
);
const ipv6 = Buffer.from(
  hex(`0a000000
    3000 0180  2c00 0180 1400 0300 20010db8000a00000000000000000001 1400 0400 20010db8000b00070000000000000001
    0800 0300 00000188`),
);

test("the original direction and whether it was answered, in both families", () => {
  assert.deepEqual(told(read(ipv4)), ["198.51.100.1", "203.0.113.7", true, 6, 40_000, 25]);
  assert.deepEqual(told(read(ipv6)), ["2001:db8:a::1", "2001:db8:b:7::1", false, 0, 0, 0]);
});

test("other messages and entries without an address are none", () => {
  assert.equal(read(ipv4, 0x0102), undefined);
  assert.equal(read(Buffer.from(hex("02000000 0800 0300 0000018e"))), undefined);
});

test("never a throw: every truncation, and any bytes", () => {
  for (let length = 4; length < ipv4.length; length++) read(ipv4.subarray(0, length));
  fc.assert(fc.property(fc.uint8Array({ minLength: 4, maxLength: 120 }), (bytes) => void read(Buffer.from(bytes))));
});

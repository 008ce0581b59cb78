// The layout of a header's options, byte by byte: what tools send, what kernels send, and options that lie about their length.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Layout, layoutOf } from "../../../src/detect/tool/header-layout.ts";
import { decodePacket } from "../../../src/wire/decode.ts";
import { Packet, TcpFlag } from "../../../src/wire/packet.ts";
import { buildTcp } from "../../support/build-packet.ts";

const packet = new Packet();
const STAMP = [8, 10, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
const NOP = 1;
const MSS = [2, 4, 5, 0xb4];

function layoutWith(options: readonly number[], cutTo = Number.POSITIVE_INFINITY): Layout {
  const flow = {
    source: "192.0.2.1",
    destination: "203.0.113.1",
    sourcePort: 1,
    destinationPort: 2,
    flags: TcpFlag.Syn,
  };
  const whole = buildTcp({ ...flow, tcpOptions: options });
  const bytes = whole.subarray(0, Math.min(whole.length, cutTo));
  decodePacket(bytes, 0, bytes.length, packet);
  return layoutOf(packet, bytes);
}

test("no options, a lone MSS of 1460, Windows' own", () => {
  assert.equal(layoutWith([]), Layout.None);
  assert.equal(layoutWith(MSS), Layout.OnlyMss1460);
  assert.equal(layoutWith([2, 4, 5, 0xb3]), Layout.Other);
  const windows = [...MSS, 1, 3, 3, 8, 1, 1, 4, 2];
  assert.equal(layoutWith(windows), Layout.Windows);
  for (const at of [7, 11]) assert.equal(layoutWith(windows.with(at, 9)), Layout.Other, `byte ${at}`);
});

test("a time stamp of all ones and no echo is nmap's -O, wherever it stands", () => {
  assert.equal(layoutWith([NOP, NOP, ...STAMP]), Layout.LastTimestamp);
  assert.equal(layoutWith([...STAMP, NOP, NOP]), Layout.LastTimestamp);
  assert.equal(layoutWith([3, 3, 10, NOP, ...MSS, ...STAMP, 4, 2]), Layout.LastTimestamp);
  assert.equal(layoutWith([NOP, NOP, ...STAMP.with(5, 0xfe)]), Layout.Other, "another time");
  assert.equal(layoutWith([NOP, NOP, ...STAMP.with(9, 1)]), Layout.Other, "an echo");
  assert.equal(layoutWith([0, NOP, ...STAMP]), Layout.Other, "behind the end of the list");
});

test("an option that claims less than itself, or more than there is, ends the look", () => {
  for (const length of [0, 1]) assert.equal(layoutWith([3, length, ...STAMP]), Layout.Other, `length ${length}`);
  assert.equal(layoutWith([3, 13, ...STAMP]), Layout.Other, "beyond the end");
  assert.equal(layoutWith([3, 2, ...STAMP]), Layout.LastTimestamp, "length 2");
  assert.equal(layoutWith([NOP, NOP, NOP, 8]), Layout.Other, "a kind without a length");
  assert.equal(layoutWith([NOP, NOP, ...STAMP.slice(0, 9), 0].with(3, 11)), Layout.Other);
});

test("a header that was cut has no layout", () => {
  assert.equal(layoutWith(MSS, 40), Layout.Unknown);
  assert.equal(layoutWith([NOP, NOP, ...STAMP], 44), Layout.Unknown);
});

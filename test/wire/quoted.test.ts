// The packet inside an ICMP error, as Linux quotes it, as RFC 792 cuts it, and as a forger may.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodePacket } from "../../src/wire/decode.ts";
import { DecodeResult, IpProtocol, Packet } from "../../src/wire/packet.ts";
import { decodeQuoted, isIcmpError } from "../../src/wire/quoted.ts";
import { buildIcmp, buildTcp } from "../support/build-packet.ts";
import { concat } from "../support/capture-writer.ts";
import { linuxUnreachable, linuxUnreachable6, nmapSyn, nmapSyn6, nmapUdp, nmapUdp6 } from "../support/captures.ts";
import { decodeWhole } from "../support/decode-cuts.ts";

const ipv4 = { source: "192.0.2.1", destination: "198.51.100.7" };
const ipv6 = { source: "2001:db8::1", destination: "2001:db8::2" };

/** Decodes bytes[0..end), then the quote in it. */
function quoted(bytes: Uint8Array, end = bytes.length): { result: DecodeResult; packet: Packet } {
  const outer = new Packet();
  decodePacket(bytes, 0, end, outer);
  const packet = new Packet();
  return { result: decodeQuoted(bytes, outer, packet), packet };
}

test("Linux's port unreachable, both families: the datagram as it was sent", () => {
  for (const [error, datagram] of [
    [linuxUnreachable, nmapUdp],
    [linuxUnreachable6, nmapUdp6],
  ] as const) {
    const at = error.length - datagram.length;
    const { result, packet } = quoted(error);
    assert.equal(result, DecodeResult.Ok);
    packet.transportAt -= at;
    packet.endAt -= at;
    assert.deepEqual(packet, decodeWhole(datagram).packet);
  }
});

test("cut behind the ports, as RFC 792 has it: ports and sequence number are there", () => {
  const error = buildIcmp({ ...ipv4, type: 11, code: 0, payload: nmapSyn.slice(0, 28) });
  const { result, packet } = quoted(error);
  assert.equal(result, DecodeResult.Truncated);
  assert.deepEqual([packet.sourcePort, packet.destinationPort, packet.tcpSequence], [45009, 23, 2026141661]);
  assert.equal(packet.protocol, IpProtocol.Tcp);
});

test("what lies behind the capture's end is never part of the quote", () => {
  const error = buildIcmp({ ...ipv4, type: 3, code: 1, payload: nmapSyn });
  for (let end = 0; end <= error.length; end++) {
    const outer = new Packet();
    const seen = decodePacket(error, 0, end, outer);
    if (seen !== DecodeResult.Ok) continue;
    assert.deepEqual(quoted(error, end), quoted(error.slice(0, end)));
    assert.deepEqual(quoted(error, end), quoted(concat([error.slice(0, end), new Uint8Array(60).fill(0x45)]), end));
  }
  // Bytes behind the outer packet's own length are the frame's padding.
  const short = buildIcmp({ ...ipv4, type: 3, code: 1, payload: nmapSyn.slice(0, 22) });
  assert.equal(quoted(concat([short, nmapSyn])).packet.sourcePort, 0);
});

test("which messages are errors", () => {
  const errors = { 4: [3, 11, 12], 6: [1, 2, 3, 4] };
  for (const [addresses, family] of [
    [ipv4, 4],
    [ipv6, 6],
  ] as const) {
    for (let type = 0; type < 256; type++) {
      const { packet } = decodeWhole(buildIcmp({ ...addresses, type, code: 0, payload: nmapSyn }));
      assert.equal(isIcmpError(packet), errors[family].includes(type), `family ${family} type ${type}`);
    }
  }
  assert.ok(!isIcmpError(decodeWhole(nmapSyn).packet));
});

test("no error, an empty quote, another family's packet, an address that never travels", () => {
  const echo = buildIcmp({ ...ipv4, type: 8, code: 0, payload: nmapSyn });
  assert.deepEqual(quoted(echo), { result: DecodeResult.NotIp, packet: new Packet() });
  const empty = buildIcmp({ ...ipv4, type: 3, code: 3 });
  assert.deepEqual(quoted(empty), { result: DecodeResult.Truncated, packet: new Packet() });
  const crossed = buildIcmp({ ...ipv4, type: 3, code: 3, payload: nmapSyn6 });
  assert.deepEqual(quoted(crossed), { result: DecodeResult.Malformed, packet: new Packet() });
  const crossed6 = buildIcmp({ ...ipv6, type: 1, code: 4, payload: nmapSyn });
  assert.deepEqual(quoted(crossed6), { result: DecodeResult.Malformed, packet: new Packet() });
});

test("the record may be the error's own", () => {
  const payload = buildTcp({ ...ipv4, sourcePort: 7, destinationPort: 9 });
  const error = buildIcmp({ source: ipv4.destination, destination: ipv4.source, type: 3, code: 13, payload });
  const packet = new Packet();
  decodePacket(error, 0, error.length, packet);
  assert.equal(decodeQuoted(error, packet, packet), DecodeResult.Ok);
  assert.deepEqual([packet.sourcePort, packet.destinationPort], [7, 9]);
});

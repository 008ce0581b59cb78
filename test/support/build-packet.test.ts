// The builders against captures: what nmap and Linux sent is built again, byte for byte, checksums and all.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TcpFlag } from "../../src/wire/packet.ts";
import { buildIcmp, buildSctp, buildTcp, buildUdp } from "./build-packet.ts";
import {
  linuxUnreachable6,
  nmapRecordRoute,
  nmapSctpInit,
  nmapSyn,
  nmapSyn6,
  nmapUdp,
  nmapUdp6,
  nmapXmas,
} from "./captures.ts";
import { checksumCrc32c, checksumInternet } from "./checksum.ts";
import { hex } from "./hex.ts";

const ipv4 = { source: "198.51.100.7", destination: "198.51.100.7" };
const ipv6 = { source: "2001:db8::7", destination: "2001:db8::7" };
const mss1460 = [2, 4, 5, 0xb4];

test("TCP over IPv4, with and without options", () => {
  const syn = { ...ipv4, ttl: 45, identification: 0xa752, sourcePort: 45009, destinationPort: 23 };
  assert.deepEqual(buildTcp({ ...syn, sequence: 2026141661, tcpOptions: mss1460 }), nmapSyn);
  const xmas = { ...ipv4, ttl: 57, identification: 2856, sourcePort: 41962, destinationPort: 24 };
  const flags = TcpFlag.Fin | TcpFlag.Psh | TcpFlag.Urg;
  assert.deepEqual(buildTcp({ ...xmas, sequence: 1462871503, flags }), nmapXmas);
});

test("TCP behind IP options, which are padded", () => {
  const ipOptions = [1, 7, 39, 4, ...new Array<number>(35).fill(0)];
  const ip = { ...ipv4, ttl: 38, identification: 0xf461, ipOptions };
  const ports = { sourcePort: 45414, destinationPort: 28 };
  assert.deepEqual(buildTcp({ ...ip, ...ports, sequence: 3883949966, tcpOptions: mss1460 }), nmapRecordRoute);
});

test("TCP and UDP over IPv6", () => {
  const syn = { ...ipv6, ttl: 255, sourcePort: 63384, destinationPort: 29, sequence: 2288264370 };
  assert.deepEqual(buildTcp({ ...syn, tcpOptions: mss1460 }), nmapSyn6);
  assert.deepEqual(buildUdp({ ...ipv6, ttl: 255, sourcePort: 63738, destinationPort: 30 }), nmapUdp6);
});

test("UDP over IPv4", () => {
  const ip = { ...ipv4, ttl: 50, identification: 25558 };
  assert.deepEqual(buildUdp({ ...ip, sourcePort: 48729, destinationPort: 26 }), nmapUdp);
});

test("ICMPv6; the flow label is Linux's own", () => {
  const built = buildIcmp({ ...ipv6, type: 1, code: 4, payload: nmapUdp6 });
  built.set([0x0a, 0x75, 0xe2], 1);
  assert.deepEqual(built, linuxUnreachable6);
});

test("ICMP sums to zero over itself and has no pseudo-header", () => {
  const built = buildIcmp({ ...ipv4, type: 3, code: 3, payload: nmapUdp });
  assert.equal(checksumInternet([built.subarray(20)]), 0);
  assert.deepEqual(built.subarray(20, 28), hex("0303 518c 0000 0000"));
});

test("SCTP", () => {
  const ip = { ...ipv4, ttl: 54, identification: 48434 };
  const chunks = hex("0100 0014 e03b 9468 0000 8000 000a 0800 d727 be2e");
  assert.deepEqual(buildSctp({ ...ip, sourcePort: 52777, destinationPort: 27, chunks }), nmapSctpInit);
});

test("the checksums against published values", () => {
  assert.equal(checksumCrc32c(Buffer.from("123456789")), 0xe3069283);
  // RFC 1071 section 3: the bytes 00 01 f2 03 f4 f5 f6 f7 sum to ddf2.
  assert.equal(checksumInternet([hex("0001 f203 f4f5 f6f7")]), ~0xddf2 & 0xffff);
  assert.equal(checksumInternet([hex("0001"), hex("f203 f4f5 f6f7")]), ~0xddf2 & 0xffff);
});

test("two families in one packet are refused", () => {
  const mixed = { source: "192.0.2.1", destination: "2001:db8::7", sourcePort: 1, destinationPort: 2 };
  assert.throws(() => buildTcp(mixed), /two families/);
});

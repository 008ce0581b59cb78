// Which datagrams are answers by their own bytes: those that amplifiers send to a victim. A question of the same service, which a scan
// sends, must not pass for one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isAmplified, isDhcpAnswer } from "../../../src/detect/tap/amplified.ts";
import { decodePacket } from "../../../src/wire/decode.ts";
import { Packet } from "../../../src/wire/packet.ts";
import { buildUdp } from "../../support/build-packet.ts";

const flow = { source: "203.0.113.9", destination: "192.0.2.1" };
const text = (line: string): number[] => [...Buffer.from(line)];
const padded = (bytes: readonly number[], length: number): number[] => [
  ...bytes,
  ...new Array<number>(Math.max(0, length - bytes.length)).fill(0),
];

function decoded(sourcePort: number, destinationPort: number, payload: readonly number[], captured = 1_500) {
  const whole = buildUdp({ ...flow, sourcePort, destinationPort, payload: Uint8Array.from(payload) });
  const bytes = whole.subarray(0, captured);
  const packet = new Packet();
  decodePacket(bytes, 0, bytes.length, packet);
  return { packet, bytes };
}

function isAnswer(port: number, payload: readonly number[], captured?: number): boolean {
  const { packet, bytes } = decoded(port, 40_000, payload, captured);
  return isAmplified(packet, bytes);
}

for (const { service, port, answers, questions } of [
  {
    service: "DNS",
    port: 53,
    answers: [padded([0x12, 0x34, 0x81, 0x80], 40)],
    questions: [padded([0x12, 0x34, 0x01, 0x20], 40), [0x12, 0x34, 0x81, 0x80]],
  },
  { service: "mDNS", port: 5353, answers: [padded([0, 0, 0x84, 0], 40)], questions: [padded([0, 0, 0, 0], 40)] },
  { service: "NetBIOS", port: 137, answers: [padded([0, 1, 0x84, 0], 60)], questions: [padded([0, 1, 0, 0x10], 50)] },
  {
    service: "NTP",
    port: 123,
    // A server's time, and the answers to ntpq and to monlist.
    answers: [padded([0x24, 1], 48), padded([0x16, 0x82], 12), padded([0xd7, 0, 3, 42], 48)],
    questions: [padded([0x23], 48), padded([0x16, 0x02], 12), padded([0x17, 0, 3, 42], 48), [0x24, 1]],
  },
  {
    service: "portmapper",
    port: 111,
    answers: [padded([9, 9, 9, 9, 0, 0, 0, 1], 32)],
    questions: [padded([9, 9, 9, 9, 0, 0, 0, 0], 40), [9, 9, 9, 9, 0, 0, 0, 1]],
  },
  {
    service: "SNMP",
    port: 161,
    answers: [
      [0x30, 40, 2, 1, 1, 4, 6, ...text("public"), 0xa2, 27, ...padded([], 27)],
      [0x30, 0x82, 0, 44, 2, 1, 0, 4, 6, ...text("public"), 0xa2, 31, ...padded([], 31)],
    ],
    questions: [
      [0x30, 40, 2, 1, 1, 4, 6, ...text("public"), 0xa0, 27, ...padded([], 27)],
      // A response that is not where SNMP has its own.
      [0x30, 40, 2, 1, 1, 0xa2, 6, ...text("public"), 0xa1, 27, ...padded([], 27)],
      padded([0x31, 40, 2, 1, 1, 4, 6, ...text("public"), 0xa2], 40),
      [0x30, 14, 2, 1, 1, 4, 60, ...text("public"), 0xa2, 1, 1],
    ],
  },
  {
    service: "LDAP",
    port: 389,
    answers: [padded([0x30, 60, 2, 1, 7, 0x64, 50], 60), padded([0x30, 0x84, 0, 0, 0, 60, 2, 1, 7, 0x65], 66)],
    questions: [padded([0x30, 60, 2, 1, 7, 0x63, 50], 60)],
  },
  {
    service: "SSDP",
    port: 1900,
    answers: [text("HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n")],
    questions: [text("M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\n"), text("HTTP/1.1 200 OK")],
  },
  {
    service: "memcached",
    port: 11_211,
    answers: [[0, 0, 0, 0, 0, 1, 0, 0, ...text("VALUE key 0 1000\r\nxxxxxxxxxxxxx")]],
    questions: [[0, 0, 0, 0, 0, 1, 0, 0, ...text("stats\r\nstats\r\nstats\r\nstats\r\n")]],
  },
  {
    service: "TFTP",
    port: 69,
    answers: [
      [0, 3, 0, 1],
      [0, 5, 0, 1],
    ],
    questions: [
      [0, 1, 0x61, 0],
      [0, 3],
    ],
  },
  { service: "RIP", port: 520, answers: [padded([2, 1], 24)], questions: [padded([1, 1], 24), [2, 1]] },
  {
    service: "CoAP",
    port: 5683,
    answers: [
      [0x60, 0x45, 0, 1],
      [0x50, 0x84, 0, 1],
    ],
    questions: [
      [0x40, 1, 0, 1],
      [0xc0, 0x45, 0, 1],
    ],
  },
  { service: "chargen", port: 19, answers: [text("abcdefghijklmnopqrstuvwxyzabcdefghi")], questions: [text("a")] },
])
  test(`${service}: an answer is one, a question or a piece of an answer is none`, () => {
    for (const answer of answers) {
      assert.ok(isAnswer(port, answer), `${answer}`);
      assert.ok(!isAnswer(4_444, answer), "from a port of no such service");
    }
    for (const question of questions) assert.ok(!isAnswer(port, question), `${question}`);
  });

test("what the capture has cut off is not read, and what it has left decides", () => {
  const dns = padded([0x12, 0x34, 0x81, 0x80], 100);
  const headers = 28;
  for (let captured = headers; captured < headers + 12; captured++) assert.ok(!isAnswer(53, dns, captured));
  assert.ok(isAnswer(53, dns, headers + 12));
});

test("a large datagram from such a port is an answer, whatever it says; from DHCP's it is a server's offer", () => {
  const large = new Array<number>(1_000).fill(7);
  for (const port of [17, 19, 53, 123, 389, 3702]) assert.ok(isAnswer(port, large), `${port}`);
  for (const port of [67, 547, 4_444]) assert.ok(!isAnswer(port, large), `${port}`);
  const isOffer = (from: number, to: number) => isDhcpAnswer(decoded(from, to, large).packet);
  assert.deepEqual([isOffer(67, 68), isOffer(547, 546)], [true, true]);
  assert.deepEqual(
    [isOffer(68, 67), isOffer(546, 547), isOffer(67, 546), isOffer(67, 9)],
    [false, false, false, false],
  );
});

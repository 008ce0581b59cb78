// Datagrams and answers that nobody asked for, hosts of ours that ask others, and captures of one direction only.
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildIcmp } from "../../support/build-packet.ts";
import { ranges } from "../probes.ts";
import { A, Ack, B, Psh, Rst, Syn, tcp, Watch } from "./contact-watch.ts";

const victim = `${A} 31337`;
const text = (words: string) => [...words].map((letter) => letter.charCodeAt(0));
const padded = (bytes: readonly number[], length: number) => [...bytes, ...new Array(length).fill(0x55)];

const answers: readonly (readonly [port: number, payload: number[]])[] = [
  [53, padded([0, 1, 0x81, 0x80], 60)],
  [5353, padded([0, 0, 0x84, 0], 60)],
  [137, padded([0, 1, 0x84, 0], 60)],
  [123, padded([0xd7, 0, 3, 0x2a], 436)],
  [123, padded([0x24, 1, 0, 0], 44)],
  [161, [0x30, 0x82, 1, 0, 2, 1, 1, 4, 6, ...text("public"), 0xa2, 0x81, 0xf0, 2, 1, 0]],
  [389, padded([0x30, 0x84, 0, 0, 1, 0, 2, 1, 1, 0x64, 0x84], 60)],
  [1900, text("HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\n")],
  [11211, [0, 0, 0, 0, 0, 1, 0, 0, ...text("STAT pid 1\r\nSTAT uptime 200000\r\n")]],
  [19, text(" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMN")],
  [17, text("A quotation of the day, long enough to be one.")],
  [111, padded([1, 2, 3, 4, 0, 0, 0, 1], 40)],
  [3702, text('<?xml version="1.0"?><Envelope><Header></Header></Envelope>')],
  [5683, [0x60, 0x45, 0, 1, 0xff]],
];

test("answers of amplifiers to who never asked open nothing", () => {
  for (const [port, payload] of answers) {
    const watch = new Watch().bothSides();
    assert.equal(watch.udp(`${B} ${port}`, victim, payload), "amplified", `port ${port}`);
    assert.deepEqual(watch.end().lines, []);
  }
});

test("a long datagram from an amplifier's port is an answer whatever it says", () => {
  for (const [port] of answers) {
    const watch = new Watch();
    assert.equal(watch.udp(`${B} ${port}`, victim, new Array(400).fill(7)), "amplified", `port ${port}`);
  }
  const other = new Watch();
  assert.equal(other.udp(`${B} 4000`, `${A} 500`, new Array(400).fill(7)), "opens");
});

test("the same answers to who did ask are answers", () => {
  for (const [port, payload] of answers) {
    const watch = new Watch();
    watch.udp(victim, `${B} ${port}`);
    assert.equal(watch.udp(`${B} ${port}`, victim, payload), "answers");
    assert.deepEqual(watch.brief, ["opened udp pending", "decided udp accepted"]);
  }
});

test("a scan from an amplifier's port is a scan: its datagrams are no answers", () => {
  for (const [port] of answers) {
    for (const payload of [[], padded([0, 1, 1, 0], 20), padded([0x23, 0, 0, 0], 8)]) {
      const watch = new Watch();
      assert.equal(watch.udp(`${B} ${port}`, `${A} 500`, payload), "opens", `port ${port}`);
    }
  }
});

test("from a service's port to a client's: held back, told if it is refused or left unanswered", () => {
  const quic = `${B} 443`;
  const client = `${A} 51000`;
  const underWay = new Watch().bothSides();
  assert.equal(underWay.udp(quic, client), "held");
  underWay.udp(client, quic);
  underWay.udp(quic, client);
  assert.deepEqual(underWay.end().lines, []);
  const scan = new Watch().bothSides();
  scan.udp(quic, client);
  assert.deepEqual(scan.end().brief, ["opened udp pending", "decided udp unanswered"]);
});

test("answers to a group's or a network's question come from hosts that were not asked", () => {
  for (const group of ["239.255.255.250", "255.255.255.255", "192.0.2.255"]) {
    const watch = new Watch();
    watch.udp(`${A} 40000`, `${group} 1900`);
    watch.told.length = 0;
    assert.equal(watch.udp("192.0.2.9 50000", `${A} 40000`), "continues", group);
    assert.equal(watch.udp("192.0.2.9 50000", `${A} 40001`), "opens");
  }
});

test("a DHCP server's offer asks nothing", () => {
  const watch = new Watch();
  assert.equal(watch.udp("0.0.0.0 68", "255.255.255.255 67"), "noContact");
  assert.equal(watch.udp("192.0.2.254 67", "192.0.2.9 68"), "continues");
  assert.deepEqual(watch.end().lines, []);
});

test("with homes, only what is asked of them is told; what they ask is remembered", () => {
  const watch = new Watch({ homes: ranges("198.51.100.0/24") });
  assert.equal(watch.tcp(`${A} 50000`, `${B} 80`, Syn), "opens");
  assert.equal(watch.tcp(`${B} 40000`, `${A} 443`, Syn), "continues");
  assert.equal(watch.tcp(`${A} 443`, `${B} 40000`, Syn | Ack), "answers");
  assert.equal(watch.udp(`${B} 40000`, `${A} 53`), "continues");
  assert.equal(watch.udp(`${A} 53`, `${B} 40000`, padded([0, 1, 0x81, 0x80], 60)), "answers");
  assert.equal(watch.tcp(`${A} 1`, "203.0.113.5 80", Syn), "noContact");
  // Of a connection that is older than the capture, with our own side first.
  assert.equal(watch.tcp(`${B} 40001`, `${A} 993`, Ack), "continues");
  assert.equal(watch.tcp(`${A} 993`, `${B} 40001`, Ack | Psh), "answers");
  // One host of ours that asks another is seen.
  assert.equal(watch.tcp("198.51.100.9 50000", `${B} 22`, Syn), "opens");
  assert.deepEqual(
    watch.end().lines.filter((line) => line.startsWith("opened")),
    [`opened syn ${A}>${B}:80/6 pending`, `opened syn 198.51.100.9>${B}:22/6 pending`],
  );
});

test("an empty list of homes is none", () => {
  const watch = new Watch({ homes: ranges() });
  assert.equal(watch.tcp(`${A} 50000`, `${B} 80`, Syn), "opens");
});

test("in a capture of one direction every outcome is unknown, after a minute or at the end", () => {
  const watch = new Watch();
  watch.tcp(`${A} 50000`, `${B} 80`, Syn);
  watch.udp(`${A} 50000`, `${B} 161`);
  watch.see(buildIcmp({ source: A, destination: B, type: 8, code: 0 }), 58_000);
  assert.equal(watch.told.length, 3);
  watch.see(tcp(`${A} 50000`, `${B} 81`, Syn), 2_000);
  assert.deepEqual(watch.brief.slice(3).sort(), ["decided syn unknown", "decided udp unknown", "opened syn pending"]);
  watch.end();
  assert.deepEqual(
    watch.brief.filter((line) => line.startsWith("decided") && !line.endsWith("unknown")),
    [],
  );
});

test("the first answer makes a capture two-sided, and what had waited for it is unanswered", () => {
  const watch = new Watch();
  watch.tcp(`${A} 50000`, `${B} 80`, Syn);
  watch.see(tcp(`${A} 50000`, `${B} 81`, Syn), 10_000);
  assert.equal(watch.told.length, 2);
  watch.see(tcp(`${B} 81`, `${A} 50000`, Rst | Ack), 1);
  watch.see(tcp(`${A} 50000`, `${B} 82`, Syn), 1);
  assert.deepEqual(watch.lines.slice(2), [
    `decided syn ${A}>${B}:81/6 refused`,
    `decided syn ${A}>${B}:80/6 unanswered`,
    `opened syn ${A}>${B}:82/6 pending`,
  ]);
});

test("a capture that stops early knows nothing of its last moments", () => {
  const endAfter = (answerMs: number, waitMs: number) => {
    const watch = new Watch();
    watch.tcp(`${A} 50000`, `${B} 79`, Syn);
    watch.see(tcp(`${B} 79`, `${A} 50000`, Rst | Ack), answerMs);
    watch.tcp(`${A} 50000`, `${B} 80`, Syn);
    return watch.end(waitMs).brief.at(-1);
  };
  assert.equal(endAfter(600, 999), "decided syn unknown");
  assert.equal(endAfter(600, 1000), "decided syn unanswered");
  // Where all answers came at once, a shorter wait is enough.
  assert.equal(endAfter(1, 99), "decided syn unknown");
  assert.equal(endAfter(1, 100), "decided syn unanswered");
  assert.equal(endAfter(50, 199), "decided syn unknown");
  assert.equal(endAfter(50, 200), "decided syn unanswered");
  const twice = new Watch().bothSides();
  twice.tcp(`${A} 50000`, `${B} 80`, Syn);
  twice.tcp(`${A} 50001`, `${B} 80`, Syn);
  assert.deepEqual(twice.end(50).brief.slice(2), ["decided syn unanswered"]);
});

test("a clock that is set back leaves nobody waiting", () => {
  const watch = new Watch().bothSides();
  watch.tcp(`${A} 50000`, `${B} 80`, Syn);
  watch.see(tcp(`${A} 50000`, `${B} 81`, Syn), -3_600_000);
  assert.deepEqual(watch.brief, ["opened syn pending", "decided syn unanswered", "opened syn pending"]);
});

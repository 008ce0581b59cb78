// Everything but TCP on a tap: datagrams, SCTP, bare protocols, ICMP, ARP and neighbours, fragments.
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildIcmp, buildIp, buildSctp, buildUdp } from "../../support/build-packet.ts";
import { A, A6, Ack, B, B6, ends, Rst, Syn, tcp, Watch } from "./contact-watch.ts";

const client = `${A} 50000`;
const service = `${B} 161`;

function udpQuestion(payload: number[] = []): Uint8Array {
  return buildUdp({ ...ends(client, service), payload: Uint8Array.from(payload) });
}

function unreachable(quoted: Uint8Array, code: number): Uint8Array {
  return buildIcmp({ source: B, destination: A, type: 3, code, payload: quoted.subarray(0, 28) });
}

for (const payload of [[], [0x30, 0x26, 2, 1, 1]]) {
  const what = payload.length === 0 ? "an empty datagram" : "a datagram with a payload";
  test(`${what} is answered, refused by port unreachable, or neither`, () => {
    const answered = new Watch();
    answered.see(udpQuestion(payload));
    assert.equal(answered.udp(service, client), "answers");
    assert.equal(answered.udp(client, service), "continues");
    assert.deepEqual(answered.lines, [`opened udp ${A}>${B}:161/17 pending`, `decided udp ${A}>${B}:161/17 accepted`]);
    const refused = new Watch();
    refused.see(udpQuestion(payload));
    assert.equal(refused.see(unreachable(udpQuestion(payload), 3)), "answers");
    assert.equal(refused.see(udpQuestion(payload)), "again");
    assert.deepEqual(refused.brief, ["opened udp pending", "decided udp refused", "again udp refused"]);
    const neither = new Watch().bothSides();
    neither.see(udpQuestion(payload));
    assert.deepEqual(neither.end().brief.slice(1), ["decided udp unanswered"]);
  });
}

const initAck = Uint8Array.from([2, 0, 0, 4]);
const abort = Uint8Array.from([6, 0, 0, 4]);
const cookieEcho = Uint8Array.from([10, 0, 0, 8, 0, 0, 0, 0]);
const sctpClient = `${A} 40000`;
const sctpServer = `${B} 3868`;

function sctp(from: string, to: string, chunks?: Uint8Array): Uint8Array {
  return buildSctp({ ...ends(from, to), ...(chunks === undefined ? {} : { chunks }) });
}

test("SCTP: an INIT is accepted by INIT-ACK and refused by ABORT", () => {
  for (const [reply, outcome] of [
    [initAck, "accepted"],
    [abort, "refused"],
  ] as const) {
    const watch = new Watch();
    assert.equal(watch.see(sctp(sctpClient, sctpServer)), "opens");
    watch.see(sctp(sctpServer, sctpClient, reply));
    assert.deepEqual(watch.lines, [
      `opened sctp-init ${A}>${B}:3868/132 pending`,
      `decided sctp-init ${A}>${B}:3868/132 ${outcome}`,
    ]);
  }
});

test("SCTP: a COOKIE-ECHO without an INIT is a question of its own; with one it goes on", () => {
  const alone = new Watch().bothSides();
  assert.equal(alone.see(sctp(sctpClient, sctpServer, cookieEcho)), "opens");
  alone.see(sctp(sctpServer, sctpClient, abort));
  assert.deepEqual(alone.brief, ["opened sctp-cookie-echo pending", "decided sctp-cookie-echo refused"]);
  const filtered = new Watch().bothSides();
  filtered.see(sctp(sctpClient, sctpServer, cookieEcho));
  assert.deepEqual(filtered.end().brief.slice(1), ["decided sctp-cookie-echo unanswered"]);
  const after = new Watch();
  after.see(sctp(sctpClient, sctpServer));
  after.see(sctp(sctpServer, sctpClient, initAck));
  assert.equal(after.see(sctp(sctpClient, sctpServer, cookieEcho)), "continues");
});

test("SCTP: answers without a question, and what is older than the capture, open nothing", () => {
  const watch = new Watch().bothSides();
  assert.equal(watch.see(sctp(sctpServer, sctpClient, initAck)), "backscatter");
  assert.equal(watch.see(sctp(sctpServer, sctpClient, abort)), "backscatter");
  assert.equal(watch.see(sctp(sctpServer, sctpClient, Uint8Array.from([0, 3, 0, 17, 0]))), "late");
  assert.deepEqual(watch.end().lines, []);
});

test("an IP protocol is refused by protocol unreachable, accepted by itself", () => {
  const question = buildIp({ source: A, destination: B }, 99, new Uint8Array());
  const refused = new Watch();
  refused.see(question);
  refused.see(unreachable(question, 2));
  assert.deepEqual(refused.lines, [
    `opened ip-protocol ${A}>${B}:0/99 pending`,
    `decided ip-protocol ${A}>${B}:0/99 refused`,
  ]);
  const accepted = new Watch();
  accepted.see(buildIp({ source: A, destination: B }, 47, Uint8Array.of(0, 0, 8, 0)));
  accepted.see(buildIp({ source: B, destination: A }, 47, Uint8Array.of(0, 0, 8, 0)));
  assert.deepEqual(accepted.brief.slice(1), ["decided ip-protocol accepted"]);
  const refused6 = new Watch();
  const question6 = buildIp({ source: A6, destination: B6 }, 99, Uint8Array.of(0));
  refused6.see(question6);
  refused6.see(buildIcmp({ source: B6, destination: A6, type: 4, code: 1, payload: question6 }));
  assert.deepEqual(refused6.brief.slice(1), ["decided ip-protocol refused"]);
});

test("an empty packet of a protocol with ports asks for the protocol", () => {
  for (const protocol of [33, 136]) {
    const question = buildIp({ source: A, destination: B }, protocol, new Uint8Array());
    const watch = new Watch();
    assert.equal(watch.see(question), "opens");
    watch.see(unreachable(question, 2));
    assert.deepEqual(watch.brief, ["opened ip-protocol pending", "decided ip-protocol refused"]);
  }
  assert.equal(new Watch().see(buildIp({ source: A, destination: B }, 6, new Uint8Array())), "noContact");
});

const id = (identifier: number) => ({ rest: [identifier >> 8, identifier & 255, 0, 1] as const });

test("ICMP questions by type, answered by the same identifier only", () => {
  for (const [name, source, destination, type, reply] of [
    ["icmp-echo", A, B, 8, 0],
    ["icmp-timestamp", A, B, 13, 14],
    ["icmp-netmask", A, B, 17, 18],
    ["icmp-echo", A6, B6, 128, 129],
  ] as const) {
    const ask = { source, destination, type, code: 0 };
    const answer = { source: destination, destination: source, type: reply, code: 0 };
    const watch = new Watch().bothSides();
    assert.equal(watch.see(buildIcmp({ ...ask, ...id(0x1234) })), "opens");
    assert.equal(watch.see(buildIcmp({ ...answer, ...id(0x4321) })), "late");
    assert.equal(watch.see(buildIcmp({ ...answer, ...id(0x1234) })), "answers");
    assert.equal(watch.see(buildIcmp({ ...ask, ...id(0x1234) })), "continues");
    assert.deepEqual(watch.brief, [`opened ${name} pending`, `decided ${name} accepted`]);
    const silent = new Watch().bothSides();
    silent.see(buildIcmp({ ...ask, ...id(1) }));
    assert.equal(silent.see(buildIcmp({ ...ask, ...id(2) })), "again");
    assert.deepEqual(silent.end().brief.slice(2), [`decided ${name} unanswered`]);
    const smurf = new Watch();
    assert.equal(smurf.see(buildIcmp({ ...answer, ...id(1) })), "backscatter");
    assert.deepEqual(smurf.end().lines, []);
  }
});

test("two that ping the same host in turns both get their answers", () => {
  const watch = new Watch();
  const ask = { source: A, destination: B, type: 8, code: 0 };
  watch.see(buildIcmp({ ...ask, ...id(1) }));
  watch.see(buildIcmp({ ...ask, ...id(2) }));
  assert.equal(watch.see(buildIcmp({ source: B, destination: A, type: 0, code: 0, ...id(1) })), "answers");
  assert.equal(watch.see(buildIcmp({ source: B, destination: A, type: 0, code: 0, ...id(2) })), "answers");
});

test("ARP: a request opens, its reply accepts; probes and announcements of an address ask nobody", () => {
  const watch = new Watch();
  assert.equal(watch.arp(1, "192.0.2.1", "192.0.2.7"), "opens");
  assert.equal(watch.arp(1, "192.0.2.1", "192.0.2.8"), "opens");
  assert.equal(watch.arp(2, "192.0.2.7", "192.0.2.1"), "answers");
  assert.equal(watch.arp(1, "0.0.0.0", "192.0.2.9"), "noContact");
  assert.equal(watch.arp(1, "192.0.2.9", "192.0.2.9"), "noContact");
  assert.equal(watch.arp(2, "192.0.2.9", "192.0.2.1"), "noContact");
  assert.deepEqual(watch.end().lines, [
    "opened arp 192.0.2.1>192.0.2.7:0/2054 pending",
    "opened arp 192.0.2.1>192.0.2.8:0/2054 pending",
    "decided arp 192.0.2.1>192.0.2.7:0/2054 accepted",
    "decided arp 192.0.2.1>192.0.2.8:0/2054 unanswered",
  ]);
});

test("ARP that is never answered says nothing where a switch hides the answers, whatever IP shows", () => {
  const watch = new Watch().bothSides();
  watch.arp(1, "192.0.2.1", "192.0.2.7");
  assert.deepEqual(watch.end().brief.slice(1), ["decided arp unknown"]);
});

test("an answer on the link does not show that a capture holds both directions of IP", () => {
  const watch = new Watch();
  watch.arp(1, "192.0.2.1", "192.0.2.7");
  watch.arp(2, "192.0.2.7", "192.0.2.1");
  watch.tcp(client, `${B} 22`, Syn);
  assert.deepEqual(watch.end(100_000).brief.slice(2), ["opened syn pending", "decided syn unknown"]);
});

test("neighbour solicitations open by their target, whoever advertises it", () => {
  const target = [0x20, 1, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
  const solicitation = {
    source: A6,
    destination: "ff02::1:ff00:2",
    type: 135,
    code: 0,
    payload: Uint8Array.from(target),
  };
  const watch = new Watch();
  assert.equal(watch.see(buildIcmp(solicitation)), "opens");
  const advertisement = { ...solicitation, source: "2001:db8:1::99", destination: A6, type: 136 };
  assert.equal(watch.see(buildIcmp(advertisement)), "answers");
  assert.deepEqual(watch.lines, [
    `opened neighbor ${A6}>${B6}:0/58 pending`,
    `decided neighbor ${A6}>${B6}:0/58 accepted`,
  ]);
  assert.equal(watch.see(buildIcmp({ ...solicitation, source: "::" })), "noContact");
  assert.equal(watch.see(buildIcmp({ ...advertisement, destination: "ff02::1" })), "noContact");
});

test("a first fragment that ends within the TCP header is a probe of its port", () => {
  const whole = tcp(client, `${B} 22`, Syn);
  const tiny = buildIp(
    { source: A, destination: B, moreFragments: true, identification: 7 },
    6,
    whole.subarray(20, 28),
  );
  const rest = buildIp({ source: A, destination: B, fragmentOffset: 8, identification: 7 }, 6, whole.subarray(28));
  const watch = new Watch();
  assert.equal(watch.see(tiny), "opens");
  assert.equal(watch.see(rest), "continues");
  watch.tcp(`${B} 22`, client, Rst | Ack);
  assert.deepEqual(watch.lines, [
    `opened fragment! ${A}>${B}:22/6 pending`,
    `decided fragment! ${A}>${B}:22/6 refused`,
  ]);
});

test("a header that only the capture has cut opens nothing", () => {
  const watch = new Watch();
  assert.equal(
    watch.see(tcp(client, `${B} 22`, Syn, { moreFragments: true, payload: new Uint8Array(100) }).subarray(0, 30)),
    "noContact",
  );
  assert.equal(watch.see(tcp(client, `${B} 22`, Syn).subarray(0, 33)), "noContact");
});

test("a later fragment that stays alone is a probe; in any company it is none", () => {
  const first = (identification: number) =>
    buildIp({ source: A, destination: B, moreFragments: true, identification }, 17, udpQuestion([1]).subarray(20));
  const later = (identification: number) =>
    buildIp({ source: A, destination: B, fragmentOffset: 1480, identification }, 17, new Uint8Array(64));
  const alone = new Watch().bothSides();
  assert.equal(alone.see(later(1)), "held");
  assert.deepEqual(alone.end().lines, [
    `opened fragment ${A}>${B}:0/17 pending`,
    `decided fragment ${A}>${B}:0/17 unanswered`,
  ]);
  const inOrder = new Watch().bothSides();
  inOrder.see(first(2));
  assert.equal(inOrder.see(later(2)), "continues");
  const overtaken = new Watch().bothSides();
  assert.equal(overtaken.see(later(3)), "held");
  overtaken.see(first(3));
  for (const watch of [inOrder, overtaken]) {
    assert.deepEqual(watch.end().brief, ["opened udp pending", "decided udp unanswered"]);
  }
});

test("nmap -O: what no other scan sends", () => {
  const tcpCases = [
    [0, { window: 128, dontFragment: true }, "os-detection!"],
    [0, { window: 128, dontFragment: false }, "null!"],
    [0, { window: 1024, dontFragment: true }, "null!"],
    [0x2b, { window: 256 }, "os-detection!"],
    [0x2b, { window: 1024 }, "synfin!"],
    [0x29, { window: 65535 }, "os-detection!"],
    [0x29, { window: 1024 }, "xmas!"],
  ] as const;
  for (const [flags, more, name] of tcpCases) {
    const watch = new Watch();
    watch.tcp(client, `${B} 22`, flags, more);
    assert.deepEqual(watch.brief, [`opened ${name} pending`]);
  }
  const echo = new Watch();
  echo.see(buildIcmp({ source: A, destination: B, type: 8, code: 0, ...id(5) }));
  assert.equal(echo.see(buildIcmp({ source: A, destination: B, type: 8, code: 9, ...id(5) })), "again");
  assert.deepEqual(echo.brief, ["opened icmp-echo pending", "again os-detection! pending"]);
  const u1 = new Watch();
  u1.udp(client, `${B} 44444`, new Array(300).fill(0x43));
  u1.udp(client, `${B} 44445`, new Array(300).fill(0x44));
  u1.udp(client, `${B} 44446`, new Array(299).fill(0x43));
  assert.deepEqual(u1.brief, ["opened os-detection! pending", "opened udp pending", "opened udp pending"]);
});

test("an idle scan's SYN+ACKs to its zombie are told from a victim's", () => {
  const watch = new Watch();
  const zombie = `${B} 80`;
  const seen = [0, 1, 2, 3, 4, 5].map((count) => {
    const name = watch.tcp(`${A} ${41000 + count}`, zombie, Syn | Ack);
    watch.tcp(zombie, `${A} ${41000 + count}`, Rst);
    return name;
  });
  assert.deepEqual(seen, ["backscatter", "backscatter", "backscatter", "idProbe", "idProbe", "idProbe"]);
  // The zombie's port may have been asked by a scan before.
  watch.tcp(client, `${B} 443`, Syn);
  watch.told.length = 0;
  const after = [0, 1, 2, 3].map((count) => watch.tcp(`${A} ${42000 + count}`, `${B} 443`, Syn | Ack));
  assert.deepEqual(after, ["late", "late", "late", "idProbe"]);
  assert.deepEqual(watch.brief, ["idProbed idle-scan pending"]);
  watch.told.length = 0;
  // A victim repeats itself, and answers to the forger's changing ports.
  for (let count = 0; count < 8; count++) {
    assert.equal(watch.tcp("203.0.113.5 443", `${B} 5555`, Syn | Ack), "backscatter");
    assert.equal(watch.tcp("203.0.113.6 8080", `${B} ${2000 + count}`, Syn | Ack), "backscatter");
  }
  assert.deepEqual(watch.end().brief, ["decided syn unknown"]);
});

test("an ACK ends what a SYN+ACK from the scanned host began, not the scanner's own", () => {
  const watch = new Watch();
  watch.tcp(client, `${B} 80`, Syn);
  watch.tcp(`${B} 80`, client, Syn | Ack);
  watch.tcp(`${B} 80`, client, Ack);
  assert.deepEqual(watch.brief, ["opened syn pending"]);
});

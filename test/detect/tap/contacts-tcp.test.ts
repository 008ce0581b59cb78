// TCP on a tap: which segments open a contact, what kind it is, and how it ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Layout } from "../../../src/detect/tool/header-layout.ts";
import { buildIcmp } from "../../support/build-packet.ts";
import { A, A6, Ack, B, B6, Cwr, Ece, Fin, Psh, Rst, START_MS, Syn, tcp, Urg, Watch } from "./contact-watch.ts";

const client = `${A} 50000`;
const server = `${B} 80`;
const data = { payload: Uint8Array.of(1, 2, 3) };

test("a SYN to a closed port is refused by its RST", () => {
  const watch = new Watch();
  assert.equal(watch.tcp(client, server, Syn), "opens");
  assert.equal(watch.tcp(server, client, Rst | Ack), "answers");
  assert.deepEqual(watch.lines, [`opened syn ${A}>${B}:80/6 pending`, `decided syn ${A}>${B}:80/6 refused`]);
  assert.equal(watch.told[1]?.contact.timeMs, START_MS + 1);
  assert.deepEqual(watch.end().lines.slice(2), [], "told once");
});

test("a SYN scan of an open port stays a SYN: it breaks off half open", () => {
  const watch = new Watch();
  watch.tcp(client, server, Syn);
  watch.tcp(server, client, Syn | Ack);
  assert.equal(watch.told.length, 1, "whether it completes is not known yet");
  assert.equal(watch.tcp(client, server, Rst), "continues");
  assert.deepEqual(watch.brief.slice(1), ["decided syn accepted"]);
});

test("a SYN whose SYN+ACK is never acknowledged is accepted when the wait is over", () => {
  const watch = new Watch();
  watch.tcp(client, server, Syn);
  watch.tcp(server, client, Syn | Ack);
  watch.see(tcp(server, client, Syn | Ack), 1000);
  watch.see(tcp(`${A} 9`, `${B} 9`, Syn), 1999);
  assert.deepEqual(watch.brief, ["opened syn pending", "decided syn accepted", "opened syn pending"]);
});

test("a completed handshake is a connect, by the ACK alone, with data, or closed at once", () => {
  for (const third of [Ack, Ack | Psh, Fin | Ack]) {
    const watch = new Watch();
    watch.tcp(client, server, Syn);
    watch.tcp(server, client, Syn | Ack);
    watch.tcp(client, server, third, data);
    watch.tcp(client, server, Rst | Ack);
    assert.deepEqual(watch.brief.slice(1), ["decided connect accepted"]);
  }
});

test("a filtered port leaves a SYN unanswered, after the wait and not before", () => {
  const watch = new Watch().bothSides();
  watch.tcp(client, server, Syn);
  watch.see(tcp(`${A} 1`, `${B} 1`, Syn), 2999);
  assert.equal(watch.told.length, 2);
  watch.see(tcp(`${A} 1`, `${B} 1`, Syn), 1);
  assert.deepEqual(watch.lines.slice(2, 3), [`decided syn ${A}>${B}:80/6 unanswered`]);
});

test("an answer that comes too late still accepts", () => {
  const watch = new Watch().bothSides();
  watch.tcp(client, server, Syn);
  watch.see(tcp(`${A} 1`, `${B} 1`, Syn), 5000);
  watch.tcp(server, client, Syn | Ack);
  watch.tcp(client, server, Ack);
  const of80 = watch.told.filter(({ contact }) => contact.port === 80).map(({ contact }) => contact.outcome);
  assert.deepEqual(of80, [0, 3, 1]);
});

test("every flag set that only a scan sends opens with its name and is evidence", () => {
  const cases: readonly (readonly [flags: number, name: string])[] = [
    [0, "null!"],
    [Fin, "fin!"],
    [Fin | Psh | Urg, "xmas!"],
    [Syn | Fin, "synfin!"],
    [Syn | Fin | Ack, "unknown"],
    [Psh, "unknown!"],
    [Urg, "unknown!"],
    [Syn | Psh | Urg, "unknown!"],
    [Syn | Rst, "unknown"],
    [Ece | Cwr, "null!"],
    [Syn | Ece | Cwr, "syn"],
  ];
  for (const [flags, name] of cases) {
    const refused = new Watch();
    assert.equal(refused.tcp(client, server, flags), "opens", name);
    refused.tcp(server, client, Rst | Ack);
    assert.deepEqual(refused.brief, [`opened ${name} pending`, `decided ${name} refused`]);
    const open = new Watch().bothSides();
    open.tcp(client, server, flags);
    assert.deepEqual(open.end().brief.slice(1), [`decided ${name} unanswered`]);
  }
});

test("a lone ACK or FIN+ACK is told once the host refuses it, as what it was", () => {
  const kinds = [
    [Ack, "ack"],
    [Ack | Psh, "ack"],
    [Fin | Ack, "maimon"],
    [Fin | Psh | Ack, "maimon"],
    [Ack | Urg, "unknown"],
  ] as const;
  for (const [flags, name] of kinds) {
    const watch = new Watch();
    assert.equal(
      watch.tcp(client, server, flags, { window: 1024, acknowledgment: 77, tcpOptions: [2, 4, 5, 180] }),
      "held",
    );
    assert.deepEqual(watch.brief, []);
    watch.see(tcp(server, client, Rst, { window: 0 }), 5);
    assert.deepEqual(watch.brief, [`opened ${name} pending`, `decided ${name} refused`]);
    const { packet, layout } = watch.told[0] ?? {};
    assert.equal(packet?.tcpFlags, flags);
    assert.equal(packet?.tcpAcknowledgment, 77);
    assert.equal(layout, Layout.OnlyMss1460);
    assert.equal(watch.told[0]?.contact.timeMs, START_MS + 1);
  }
});

test("a lone ACK that a filter swallows is told as unanswered, if the other side is seen at all", () => {
  const watch = new Watch().bothSides();
  watch.tcp(client, server, Ack);
  watch.tcp(client, server, Ack);
  assert.deepEqual(watch.end().brief, ["opened ack pending", "decided ack unanswered"]);
  assert.equal(watch.told[1]?.contact.probes, 2);
  const oneSided = new Watch();
  oneSided.tcp(client, server, Ack);
  assert.deepEqual(oneSided.end().brief, []);
});

test("a connection that began before the capture is no probe, whichever side is seen first", () => {
  for (const [first, second] of [
    [client, server],
    [server, client],
  ] as const) {
    const watch = new Watch().bothSides();
    assert.equal(watch.tcp(first, second, Ack), "held");
    assert.equal(watch.tcp(second, first, Ack | Psh, data), "answers");
    assert.equal(watch.tcp(first, second, Ack), "continues");
    watch.tcp(second, first, Fin | Ack);
    watch.tcp(first, second, Rst);
    watch.tcp(second, first, Rst | Ack);
    assert.deepEqual(watch.end().lines, []);
  }
});

test("late segments are no probes: with data, from a service's port, or many of them", () => {
  const late: readonly (() => Watch)[] = [
    () => {
      const watch = new Watch().bothSides();
      watch.tcp(client, server, Ack | Psh, data);
      watch.tcp(server, client, Rst);
      return watch;
    },
    () => {
      const watch = new Watch().bothSides();
      // A web server gives up a client that has gone, and the client's host knows of nothing.
      watch.tcp(server, client, Fin | Ack);
      watch.tcp(client, server, Rst);
      return watch;
    },
    () => {
      const watch = new Watch().bothSides();
      for (let count = 0; count < 6; count++) watch.tcp(client, server, Ack);
      return watch;
    },
  ];
  for (const run of late) assert.deepEqual(run().end().lines, []);
});

test("RST and SYN+ACK without a question are backscatter", () => {
  const watch = new Watch().bothSides();
  for (const flags of [Syn | Ack, Syn | Ack | Ece, Rst, Rst | Ack, Rst | Psh | Ack]) {
    assert.equal(watch.tcp(server, client, flags), "backscatter");
  }
  assert.deepEqual(watch.end().lines, []);
  assert.equal(watch.table.counters.backscatter, 5);
});

test("a connection under way that opens a new one begins a contact", () => {
  const watch = new Watch();
  watch.tcp(client, server, Ack);
  watch.tcp(server, client, Ack);
  assert.equal(watch.tcp(`${A} 50001`, server, Syn), "opens");
  assert.deepEqual(watch.brief, ["opened syn pending"]);
});

test("what was held and then begins anew waits from its beginning", () => {
  const watch = new Watch().bothSides();
  watch.tcp(client, server, Ack);
  watch.see(tcp(client, server, Syn), 2_500);
  watch.see(tcp(`${A} 1`, `${B} 1`, Syn), 2_999);
  assert.deepEqual(watch.brief, ["opened syn pending", "opened syn pending"]);
  watch.see(tcp(`${A} 1`, `${B} 2`, Syn), 1);
  assert.deepEqual(watch.lines.slice(2, 3), [`decided syn ${A}>${B}:80/6 unanswered`]);
});

test("what is asked again is told as again, with the kind of the packet at hand", () => {
  const watch = new Watch().bothSides();
  watch.tcp(client, server, Syn);
  assert.equal(watch.tcp(`${A} 50001`, server, Syn), "again");
  watch.tcp(server, client, Rst | Ack);
  assert.equal(watch.tcp(client, server, Fin | Psh | Urg), "again");
  assert.equal(watch.tcp(client, server, Ack), "again");
  assert.equal(watch.tcp(client, server, Ack, data), "late");
  assert.deepEqual(watch.brief, [
    "opened syn pending",
    "again syn pending",
    "decided syn refused",
    "again xmas! refused",
    "again ack refused",
  ]);
  assert.deepEqual(
    watch.told.map(({ contact }) => contact.probes),
    [1, 2, 2, 3, 4],
  );
});

test("an ICMP error refuses the SYN that it quotes, from the host or a router", () => {
  for (const [source, destination, error, type, code] of [
    [A, B, "203.0.113.9", 3, 13],
    [A, B, B, 3, 3],
    [A6, B6, "2001:db8:9::9", 1, 1],
  ] as const) {
    const watch = new Watch();
    const question = tcp(`${source} 50000`, `${destination} 80`, Syn);
    watch.see(question);
    const quote = question.subarray(0, source === A ? 28 : 48);
    assert.equal(watch.see(buildIcmp({ source: error, destination: source, type, code, payload: quote })), "answers");
    assert.deepEqual(watch.brief, ["opened syn pending", "decided syn refused"]);
  }
});

test("an ICMP error decides nothing that it does not know: path MTU, time exceeded, a forger's quote", () => {
  const question = tcp(client, server, Syn);
  const quote = question.subarray(0, 28);
  const send = (type: number, code: number, destination = A) => {
    const watch = new Watch().bothSides();
    watch.see(question);
    const seen = watch.see(buildIcmp({ source: "203.0.113.9", destination, type, code, payload: quote }));
    return [seen, ...watch.end().brief.slice(1)];
  };
  assert.deepEqual(send(3, 4), ["answers", "decided syn unanswered"]);
  assert.deepEqual(send(11, 0), ["answers", "decided syn unknown"]);
  assert.deepEqual(send(3, 3, "203.0.113.77"), ["backscatter", "decided syn unanswered"]);
  const forged = new Watch();
  assert.equal(forged.see(buildIcmp({ source: B, destination: A, type: 3, code: 3, payload: quote })), "backscatter");
  assert.deepEqual(forged.end().lines, []);
});

test("an error about an answer says nothing of the contact", () => {
  const watch = new Watch();
  watch.tcp(client, server, Syn);
  const answer = tcp(server, client, Syn | Ack);
  watch.see(answer);
  const error = (quoted: Uint8Array) =>
    watch.see(buildIcmp({ source: A, destination: B, type: 3, code: 10, payload: quoted.subarray(0, 28) }));
  assert.equal(error(answer), "continues");
  assert.equal(error(tcp(`${B} 4444`, client, Syn | Ack)), "backscatter", "of a conversation that nobody knows");
  assert.deepEqual(watch.end().brief.slice(1), ["decided syn accepted"]);
});

test("IPv6 contacts have their own keys", () => {
  const watch = new Watch().bothSides();
  watch.tcp(`${A6} 50000`, `${B6} 80`, Syn);
  watch.tcp("2001:db8:0:1::1 50000", `${B6} 80`, Syn);
  watch.tcp(`${B6} 80`, `${A6} 50000`, Syn | Ack);
  watch.tcp(`${A6} 50000`, `${B6} 80`, Ack);
  assert.deepEqual(watch.end().lines.slice(2), [
    `decided connect ${A6}>${B6}:80/6 accepted`,
    `decided syn 2001:db8:0:1::1>${B6}:80/6 unanswered`,
  ]);
});

test("a host that has accepted has accepted, though it resets the connection or an error comes afterwards", () => {
  for (const afterwards of ["reset", "error"] as const) {
    const watch = new Watch().bothSides();
    const question = tcp(client, server, Syn);
    watch.see(question);
    watch.tcp(server, client, Syn | Ack);
    if (afterwards === "reset") watch.tcp(server, client, Rst);
    else watch.see(buildIcmp({ source: B, destination: A, type: 3, code: 10, payload: question.subarray(0, 28) }));
    assert.deepEqual(watch.end().brief, ["opened syn pending", "decided syn accepted"], afterwards);
  }
});

test("a router that could not forward a question does not decide it when the host answers after all", () => {
  const watch = new Watch().bothSides();
  const question = tcp(client, server, Syn);
  watch.see(question);
  const error = () =>
    watch.see(
      buildIcmp({ source: "203.0.113.9", destination: A, type: 11, code: 0, payload: question.subarray(0, 28) }),
    );
  error();
  watch.tcp(server, client, Syn | Ack);
  error();
  watch.tcp(client, server, Ack);
  assert.equal(watch.end().brief.at(-1), "decided syn accepted");
});

// What outcome tracking costs a packet: nanoseconds of CPU, printed; decoded packets, so the decoder is not in it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ContactTable } from "../../src/detect/tap/contacts.ts";
import { decodePacket } from "../../src/wire/decode.ts";
import { DecodeResult, Packet, TcpFlag } from "../../src/wire/packet.ts";
import { seed } from "../detect/probes.ts";
import { buildTcp, buildUdp } from "../support/build-packet.ts";

const PACKETS = 2_000_000;
const { Ack, Psh, Rst, Syn } = TcpFlag;

class Counting {
  opens = 0;
  decisions = 0;
  opened(): void {
    this.opens++;
  }
  again(): void {}
  idProbed(): void {}
  decided(): void {
    this.decisions++;
  }
}

const CAPACITY = 1_048_576;

function newTable() {
  const sink = new Counting();
  return { sink, table: new ContactTable({ capacity: CAPACITY, seed, answerWaitMs: 3000, sink }) };
}

function decoded(bytes: Uint8Array): Packet {
  const packet = new Packet();
  assert.equal(decodePacket(bytes, 0, bytes.length, packet), DecodeResult.Ok);
  return packet;
}

const bytes = buildTcp({ source: "192.0.2.1", destination: "198.51.100.2", sourcePort: 50000, destinationPort: 443 });
const question = decoded(bytes);
const answer = decoded(
  buildTcp({ source: "198.51.100.2", destination: "192.0.2.1", sourcePort: 443, destinationPort: 50000 }),
);
const query = decoded(
  buildUdp({ source: "192.0.2.1", destination: "198.51.100.2", sourcePort: 50000, destinationPort: 53 }),
);
const reply = decoded(
  buildUdp({ source: "198.51.100.2", destination: "192.0.2.1", sourcePort: 53, destinationPort: 50000 }),
);

/** Runs `send` for each packet; answers with CPU ns a packet. */
function cost(send: (index: number) => void): number {
  const { user, system } = process.cpuUsage();
  for (let index = 0; index < PACKETS; index++) send(index);
  const after = process.cpuUsage();
  return ((after.user + after.system - user - system) * 1000) / PACKETS;
}

/** Never 0: nobody asks in the name of 0.0.0.0. */
const scatter = (value: number) => Math.imul(value + 1, 0x9e3779b1) >>> 0;

/** Packets of so many conversations in turns, data one way and ACKs the other. */
function transfer(conversations: number, one: Packet, other: Packet): number {
  const { table } = newTable();
  const send = (index: number, isOpening: boolean) => {
    const packet = (index & 3) === 3 ? one : other;
    const client = scatter(index % conversations);
    if (packet === one) packet.source3 = client;
    else packet.destination3 = client;
    packet.tcpFlags = isOpening ? (packet === one ? Syn : Syn | Ack) : packet === one ? Ack : Ack | Psh;
    packet.payloadBytes = packet === one ? 0 : 1400;
    table.see(packet, DecodeResult.Ok, bytes, 1_700_000_000_000 + index / 100);
  };
  // Each client asks once, so that all of it is known.
  for (let index = 0; index < conversations; index++) {
    one.source3 = scatter(index);
    one.tcpFlags = Syn;
    table.see(one, DecodeResult.Ok, bytes, 1_700_000_000_000);
  }
  cost((index) => send(index, false));
  return cost((index) => send(index, false));
}

const tell = (what: string, nanoseconds: number) => `${what}: ${nanoseconds.toFixed(0)} ns a packet`;

for (const conversations of [1, 1_000, 100_000]) {
  test(`${conversations} known conversations`, (t) => {
    t.diagnostic(tell("TCP", transfer(conversations, question, answer)));
    t.diagnostic(tell("UDP", transfer(conversations, query, reply)));
  });
}

test("a scan: each SYN a new port or host, each refused", (t) => {
  const { table, sink } = newTable();
  const nanoseconds = cost((index) => {
    const isProbe = (index & 1) === 0;
    const packet = isProbe ? question : answer;
    const host = 0xc6336400 + (index >>> 17);
    const port = (index >>> 1) & 0xffff;
    if (isProbe) {
      packet.source3 = 0xc0000201;
      packet.destination3 = host;
      packet.destinationPort = port;
      packet.tcpFlags = Syn;
    } else {
      packet.destination3 = 0xc0000201;
      packet.source3 = host;
      packet.sourcePort = port;
      packet.tcpFlags = Rst | Ack;
    }
    table.see(packet, DecodeResult.Ok, bytes, 1_700_000_000_000 + index / 100);
  });
  assert.equal(sink.opens, PACKETS / 2);
  assert.equal(sink.decisions, PACKETS / 2);
  t.diagnostic(`${tell("SYN and RST", nanoseconds)}, ${table.counters.evictions} of ${sink.opens} contacts given up`);
});

test("a flood from random sources, never answered", (t) => {
  const { table, sink } = newTable();
  question.destination3 = 0xc6336402;
  question.destinationPort = 80;
  question.tcpFlags = Syn;
  const nanoseconds = cost((index) => {
    question.source3 = scatter(index);
    table.see(question, DecodeResult.Ok, bytes, 1_700_000_000_000 + index / 500);
  });
  assert.equal(sink.opens, PACKETS);
  const { contacts, evictions } = table.counters;
  assert.equal(contacts + evictions, PACKETS);
  t.diagnostic(`${tell("SYN", nanoseconds)}, ${contacts} contacts in a table for ${CAPACITY}`);
});

test("backscatter from random sources", (t) => {
  const { table } = newTable();
  const nanoseconds = cost((index) => {
    question.source3 = scatter(index);
    question.tcpFlags = Syn | Ack;
    table.see(question, DecodeResult.Ok, bytes, 1_700_000_000_000 + index / 500);
  });
  assert.equal(table.counters.contacts, 0);
  t.diagnostic(tell("SYN+ACK", nanoseconds));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { type DecoyGroup, Decoys } from "../../../src/detect/tap/decoys.ts";
import { Packet } from "../../../src/wire/packet.ts";

interface Member {
  shared: number;
  group: DecoyGroup | undefined;
}

const member = (): Member => ({ shared: 0, group: undefined });

function probe(port: number, sequence: number): Packet {
  const packet = new Packet();
  packet.destination3 = 0xc0000201;
  packet.sourcePort = 40_000;
  packet.destinationPort = port;
  packet.tcpSequence = sequence;
  return packet;
}

test("sources that send the same probes again and again are one group", () => {
  const decoys = new Decoys<Member>({ k0: 1, k1: 2 });
  const members = [member(), member(), member()];
  for (let port = 1; port <= 10; port++) for (const each of members) decoys.note(probe(port, 7_777 + port), each);
  assert.deepEqual(new Set(members.map(({ group }) => group?.number)), new Set([1]));
  assert.equal(members[0]?.group?.members, 3);
});

test("one probe that is alike is chance; others of their own are none", () => {
  const decoys = new Decoys<Member>({ k0: 1, k1: 2 });
  const [one, other] = [member(), member()];
  decoys.note(probe(1, 5), one);
  decoys.note(probe(1, 5), other);
  for (let port = 2; port < 500; port++) {
    decoys.note(probe(port, port * 3), one);
    decoys.note(probe(port, port * 5), other);
  }
  assert.equal(one.group, undefined);
  assert.equal(other.group, undefined);
});

test("groups and their members are bounded, and what is left out is counted", () => {
  const decoys = new Decoys<Member>({ k0: 1, k1: 2 });
  const members = Array.from({ length: 200 }, member);
  for (let port = 1; port <= 10; port++) for (const each of members) decoys.note(probe(port, port), each);
  assert.equal(members.filter(({ group }) => group !== undefined).length, 128);
  assert.equal(members[0]?.group?.members, 128);
  assert.ok(decoys.unnamed >= 200 - 128);
});

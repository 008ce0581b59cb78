// The key of a contact: both directions of a conversation have one key, services have keys of their own, and its hash is the one that
// its reference says.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  ContactKey,
  FRAGMENT_WHAT,
  GROUP_WHAT,
  hashKey,
  protocolOf,
  whatOf,
} from "../../../src/detect/tap/contact-key.ts";
import { ARP_PROTOCOL, Packet } from "../../../src/wire/packet.ts";
import { bytesOfWords, halfSipHash13 } from "../half-sip-hash.ts";

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const address = fc.tuple(word, word, word, word);

function packetOf(family: 4 | 6, source: readonly number[], destination: readonly number[]): Packet {
  const packet = new Packet();
  packet.family = family;
  [packet.source0 = 0, packet.source1 = 0, packet.source2 = 0, packet.source3 = 0] =
    family === 4 ? [0, 0, 0xffff, source[3]] : source;
  [packet.destination0 = 0, packet.destination1 = 0, packet.destination2 = 0, packet.destination3 = 0] =
    family === 4 ? [0, 0, 0xffff, destination[3]] : destination;
  return packet;
}

const keyOf = (set: (key: ContactKey) => void) => {
  const key = new ContactKey();
  set(key);
  return key;
};

test("its hash is HalfSipHash-1-3 of three words for IPv4 and of nine for IPv6", () => {
  fc.assert(
    fc.property(word, word, fc.constantFrom(4, 6), address, address, word, (k0, k1, family, source, host, what) => {
      const key = keyOf((one) => one.setForward(packetOf(family, source, host), what));
      const ends = [source[3], host[3], what];
      const words = family === 4 ? ends : [...source.slice(0, 3), ...host.slice(0, 3), ...ends];
      assert.equal(hashKey({ k0, k1 }, key) >>> 0, halfSipHash13({ k0, k1 }, bytesOfWords(words)));
    }),
  );
});

test("a packet and its answer have the same key, whichever of them is seen", () => {
  fc.assert(
    fc.property(fc.constantFrom(4, 6), address, address, word, (family, source, host, what) => {
      const asked = keyOf((key) => key.setForward(packetOf(family, source, host), what));
      const answered = keyOf((key) => key.setReverse(packetOf(family, host, source), what));
      const from = family === 4 ? 6 : 0;
      assert.deepEqual(asked.words.slice(from), answered.words.slice(from));
      assert.equal(asked.isIpv4, answered.isIpv4);
      const ends = keyOf((key) => {
        key.isIpv4 = family === 4;
        key.setEnds(source[3], host[3], what);
      });
      assert.deepEqual(ends.words.slice(6), asked.words.slice(6));
    }),
  );
});

test("ports, lone fragments and datagrams to a group are told apart, for every protocol, and the protocol is read back", () => {
  const protocols = [1, 6, 17, 58, 132, 136, ARP_PROTOCOL];
  const whats = protocols.flatMap((protocol) =>
    [0, 1, 65_535].flatMap((port) => {
      const plain = whatOf(protocol, port);
      return [plain, FRAGMENT_WHAT | plain, GROUP_WHAT | plain];
    }),
  );
  assert.equal(new Set(whats).size, whats.length);
  for (const protocol of protocols)
    for (const mark of [0, FRAGMENT_WHAT, GROUP_WHAT]) assert.equal(protocolOf(mark | whatOf(protocol, 443)), protocol);
});

test("any host: the key is the same whatever host was asked; a neighbour's host is the one that was asked for", () => {
  const one = packetOf(6, [1, 2, 3, 4], [5, 6, 7, 8]);
  const other = packetOf(6, [1, 2, 3, 4], [50, 60, 70, 80]);
  const cleared = [one, other].map((packet) =>
    keyOf((key) => {
      key.setForward(packet, 7);
      key.clearHost();
    }),
  );
  assert.deepEqual(cleared[0]?.words, cleared[1]?.words);
  assert.deepEqual(
    [...(cleared[0]?.words.slice(0, 8) ?? [])].map((part) => part >>> 0),
    [1, 2, 3, 0, 0, 0, 4, 0],
  );
  Object.assign(one, { neighbor0: 9, neighbor1: 10, neighbor2: 11, neighbor3: 12 });
  const neighbor = keyOf((key) => {
    key.setForward(one, 7);
    key.setNeighborHost(one);
  });
  const asked = keyOf((key) => key.setForward(packetOf(6, [1, 2, 3, 4], [9, 10, 11, 12]), 7));
  assert.deepEqual(neighbor.words, asked.words);
});

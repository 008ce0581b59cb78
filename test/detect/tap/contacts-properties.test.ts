// What holds for any packets at all: no exception, a bounded table, each contact opened once and decided, and nothing
// but Unknown where only one direction was captured.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Contact, Outcome, Seen } from "../../../src/detect/tap/contact.ts";
import { ContactTable } from "../../../src/detect/tap/contacts.ts";
import { decodePacket } from "../../../src/wire/decode.ts";
import { decodeFrame, LinkType } from "../../../src/wire/link.ts";
import { Packet } from "../../../src/wire/packet.ts";
import { buildIcmp, buildIp, buildSctp, buildTcp, buildUdp } from "../../support/build-packet.ts";
import { seed } from "../probes.ts";
import { Watch } from "./contact-watch.ts";

const CAPACITY = 32;
const hosts = ["192.0.2.1", "192.0.2.2", "198.51.100.1", "198.51.100.2"] as const;
const hosts6 = ["2001:db8::1", "2001:db8::2", "2001:db8:1::1"] as const;
const ports = fc.constantFrom(53, 80, 1900, 33000, 50000, 50001);

/** Few hosts and ports, so that questions meet answers; any flags, types and chunks. */
const packets: fc.Arbitrary<Uint8Array> = fc
  .record({
    ends: fc.oneof(
      fc.record({ source: fc.constantFrom(...hosts), destination: fc.constantFrom(...hosts) }),
      fc.record({ source: fc.constantFrom(...hosts6), destination: fc.constantFrom(...hosts6) }),
    ),
    form: fc.constantFrom("tcp", "udp", "icmp", "sctp", "ip", "quote"),
    sourcePort: ports,
    destinationPort: ports,
    flags: fc.integer({ min: 0, max: 255 }),
    type: fc.constantFrom(0, 3, 8, 11, 13, 17, 128, 129, 1, 135, 136),
    chunk: fc.integer({ min: 0, max: 12 }),
    fragmentOffset: fc.constantFrom(0, 0, 0, 8, 1480),
    moreFragments: fc.boolean(),
    payload: fc.uint8Array({ maxLength: 40 }),
  })
  .map(({ ends, form, chunk, type, flags, payload, ...rest }) => {
    const common = { ...ends, ...rest, payload };
    switch (form) {
      case "tcp":
        return buildTcp({ ...common, flags });
      case "udp":
        return buildUdp(common);
      case "icmp":
        return buildIcmp({ ...common, type, code: flags & 15 });
      case "sctp":
        return buildSctp({ ...common, chunks: Uint8Array.of(chunk, 0, 0, 4) });
      case "ip":
        return buildIp(common, flags, payload);
      default: {
        const reversed = { ...common, source: ends.destination, destination: ends.source };
        return buildIcmp({ ...ends, type: type === 11 ? 11 : 3, code: 1, payload: buildTcp({ ...reversed, flags }) });
      }
    }
  });

const steps = fc.array(fc.record({ bytes: packets, afterMs: fc.constantFrom(0, 1, 900, 4000, -5000) }), {
  maxLength: 200,
});

function idOf(contact: Contact): string {
  const { source0, source1, source2, source3, host0, host1, host2, host3, protocol, port } = contact;
  return [source0, source1, source2, source3, host0, host1, host2, host3, protocol, port].join(" ");
}

test("the table never passes its bound, and every contact that opens is decided", () => {
  fc.assert(
    fc.property(steps, (run) => {
      const watch = new Watch({ capacity: CAPACITY });
      for (const { bytes, afterMs } of run) {
        watch.see(bytes, afterMs);
        assert.ok(watch.table.counters.contacts <= CAPACITY);
      }
      watch.end();
      // ICMP questions of several types share port 0, so they are counted together.
      const balance = new Map<string, number>();
      for (const { what, contact } of watch.told) {
        const id = idOf(contact);
        if (what === "opened") balance.set(id, (balance.get(id) ?? 0) + 1);
        if (what === "decided" && contact.outcome !== Outcome.Pending) {
          // Accepted may follow another outcome.
          const open = balance.get(id) ?? 0;
          if (open > 0) balance.set(id, open - 1);
          else assert.equal(contact.outcome, Outcome.Accepted, "decided before it opened, or twice");
        }
      }
      // With an Accepted that follows, one of two equal ids may be counted down twice: never up.
      assert.deepEqual(
        [...balance.values()].filter((open) => open !== 0),
        [],
      );
    }),
    { numRuns: 300 },
  );
});

test("every packet is counted as one thing", () => {
  fc.assert(
    fc.property(steps, (run) => {
      const watch = new Watch({ capacity: CAPACITY });
      for (const { bytes, afterMs } of run) watch.see(bytes, afterMs);
      const { contacts, opened, evictions, decidedEarly, heldForgotten, pairsForgotten, sendersForgotten, ...seen } =
        watch.table.counters;
      const sum = Object.values(seen).reduce((total, count) => total + count, 0);
      assert.equal(sum, run.length);
      assert.ok(
        [contacts, opened, evictions, decidedEarly, heldForgotten, pairsForgotten, sendersForgotten].every(
          (count) => count >= 0,
        ),
      );
    }),
    { numRuns: 50 },
  );
});

test("of one direction alone nothing is known but that somebody asks", () => {
  fc.assert(
    fc.property(steps, (run) => {
      // Any packets whose source is the first host: nothing ever comes back to it.
      const watch = new Watch({ capacity: 1024 });
      for (const { bytes, afterMs } of run) {
        if (bytes[0] === 0x45 && bytes[15] === 1 && bytes[19] !== 1) watch.see(bytes, afterMs);
      }
      watch.end(100_000);
      for (const { what, contact } of watch.told) {
        if (what === "decided") assert.equal(contact.outcome, Outcome.Unknown);
      }
    }),
    { numRuns: 200 },
  );
});

test("no bytes, of whatever link, make it throw", () => {
  const links = Object.values(LinkType);
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 120 }), { maxLength: 30 }), fc.double(), (frames, startMs) => {
      const nothing = () => {};
      const sink = { opened: nothing, again: nothing, decided: nothing, idProbed: nothing };
      const table = new ContactTable({ capacity: CAPACITY, seed, answerWaitMs: 3000, sink });
      const packet = new Packet();
      for (const [index, bytes] of frames.entries()) {
        const link = links[index % links.length] ?? 1;
        table.see(packet, decodeFrame(link, bytes, 0, bytes.length, packet), bytes, startMs + index);
        table.see(packet, decodePacket(bytes, 0, bytes.length, packet), bytes, startMs + index);
      }
      table.end(startMs);
      assert.ok(table.counters.contacts <= CAPACITY);
    }),
    { numRuns: 500 },
  );
});

test("the stalest goes: who keeps asking is not forgotten among many strangers", () => {
  const watch = new Watch({ capacity: 64 });
  const regular = { source: "192.0.2.1", destination: "198.51.100.1", sourcePort: 50000, destinationPort: 80 };
  watch.see(buildTcp(regular));
  let stranger = 0;
  for (let round = 0; round < 200; round++) {
    for (let count = 0; count < 4; count++, stranger++) {
      watch.see(buildTcp({ ...regular, source: `203.0.${stranger >> 8}.${stranger & 255}` }));
    }
    watch.see(buildTcp(regular));
  }
  const { contacts, evictions, decidedEarly } = watch.table.counters;
  assert.equal(watch.told.filter(({ what, contact }) => what === "opened" && contact.source3 === 0xc0000201).length, 1);
  assert.equal(contacts, 64);
  assert.equal(evictions, 801 - contacts);
  assert.ok(decidedEarly > 0);
  const early = watch.told.filter(({ what }) => what === "decided");
  assert.ok(early.every(({ contact }) => contact.outcome === Outcome.Unknown));
});

test("more is held than there is room for: the oldest is forgotten, never told", () => {
  const HELD_SLOTS = 4_096;
  const watch = new Watch({ capacity: 16_384 }).bothSides();
  const probes = HELD_SLOTS + 100;
  for (let port = 1; port <= probes; port++) {
    const ends = { source: "192.0.2.1", destination: "198.51.100.1", sourcePort: 50_000, destinationPort: port };
    assert.equal(watch.see(buildTcp({ ...ends, flags: 0x10 }), 0), "held");
  }
  watch.end();
  const opened = watch.told.filter(({ what }) => what === "opened");
  assert.equal(opened.length, HELD_SLOTS);
  assert.ok(opened.every(({ contact, packet }) => packet?.destinationPort === contact.port && contact.port > 100));
  assert.equal(watch.table.counters.heldForgotten, 100);
});

test("the codes have their names in order", () => {
  assert.deepEqual(
    Object.keys(Seen).map((name) => name.toLowerCase()),
    Object.keys(new ContactTable({ capacity: 16, seed, answerWaitMs: 1, sink: new Silent() }).counters)
      .slice(0, Object.keys(Seen).length)
      .map((name) => name.toLowerCase()),
  );
});

class Silent {
  opened(): void {}
  again(): void {}
  decided(): void {}
  idProbed(): void {}
}

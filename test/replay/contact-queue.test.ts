// What one thread tells of contacts arrives in the other as it was told.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSharedRing } from "../../src/capture/shared-ring.ts";
import { Layout } from "../../src/detect/header-layout.ts";
import { Kind } from "../../src/detect/kinds.ts";
import { Contact, type ContactSink, Outcome } from "../../src/detect/tap/contact.ts";
import { ContactQueueReader, ContactQueueWriter } from "../../src/replay/contact-queue.ts";
import { Packet } from "../../src/wire/packet.ts";

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const time = fc.double({ min: 0, max: 4e12, noNaN: true });

const contacts = fc.record({
  source0: word,
  source1: word,
  source2: word,
  source3: word,
  host0: word,
  host1: word,
  host2: word,
  host3: word,
  protocol: fc.integer({ min: 0, max: 0x0806 }),
  port: fc.integer({ min: 0, max: 65_535 }),
  kind: fc.constantFrom(...Object.values(Kind)),
  outcome: fc.constantFrom(...Object.values(Outcome)),
  timeMs: time,
  probes: word,
  isEvidence: fc.boolean(),
});

/** Fields of 32 bits; the others have 16 at most. */
const wide = /^(source|destination|neighbor)\d$|^tcp(Sequence|Acknowledgment)$/;
const fields = Object.fromEntries(
  Object.keys(new Packet()).map((name) => [name, wide.test(name) ? word : fc.integer({ min: 0, max: 65_535 })]),
);
const told = fc.record({
  what: fc.constantFrom("opened", "again", "decided", "idProbed"),
  contact: contacts,
  packet: fc.record(fields),
  layout: fc.constantFrom(...Object.values(Layout)),
  nowMs: time,
});

test("every number of a contact and its packet, in their order", () => {
  fc.assert(
    fc.property(fc.array(told, { maxLength: 40 }), fc.integer({ min: 1, max: 7 }), (all, perTurn) => {
      const memory = createSharedRing(16_384);
      const heard: unknown[] = [];
      const keep =
        (what: string): ContactSink["again"] =>
        (contact, packet, layout, timeMs) =>
          heard.push({ what, contact: { ...contact }, packet: { ...packet }, layout, timeMs });
      const sink: ContactSink = {
        opened: (contact, packet, layout) => keep("opened")(contact, packet, layout, 0),
        again: keep("again"),
        idProbed: (contact, packet, layout) => keep("idProbed")(contact, packet, layout, 0),
        decided: (contact) => void heard.push({ what: "decided", contact: { ...contact } }),
      };
      const reader = new ContactQueueReader(memory, sink);
      const writer = new ContactQueueWriter(memory, () => undefined);
      const expected: unknown[] = [];
      for (const [index, { what, contact, packet, layout, nowMs }] of all.entries()) {
        const record = Object.assign(new Contact(), contact);
        const given = Object.assign(new Packet(), packet);
        if (what === "decided") writer.decided(record);
        else if (what === "again") writer.again(record, given, layout, nowMs);
        else if (what === "opened") writer.opened(record, given, layout);
        else writer.idProbed(record, given, layout);
        const more = { packet: { ...given }, layout, timeMs: what === "again" ? nowMs : 0 };
        expected.push({ what, contact: { ...record }, ...(what !== "decided" && more) });
        writer.publish();
        if (index % perTurn === 0) reader.drain(perTurn);
      }
      reader.drain(all.length);
      assert.deepEqual(heard, expected);
    }),
    { numRuns: 200 },
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { copyPacket, Packet, resetPacket } from "../../src/wire/packet.ts";
import { decodeUsualFrame } from "../../src/wire/usual-frame.ts";

/** Each field has a value of its own. */
function filled(): Packet {
  const packet = new Packet();
  for (const [index, field] of Object.keys(packet).entries()) Object.assign(packet, { [field]: index + 1 });
  return packet;
}

test("a packet is copied whole", () => {
  const to = new Packet();
  copyPacket(filled(), to);
  assert.deepEqual(to, filled());
});

test("a packet that is reset is a new one", () => {
  const packet = filled();
  resetPacket(packet);
  assert.deepEqual(packet, new Packet());
});

test("the short way leaves nothing of the packet before", () => {
  const frame = new Uint8Array(54);
  // EtherType IPv4, version and header length, total length 40, TCP; data offset 5.
  frame.set([0x08, 0x00, 0x45, 0, 0, 40], 12);
  frame[23] = 6;
  frame[46] = 0x50;
  const [clean, used] = [new Packet(), filled()];
  assert.ok(decodeUsualFrame(frame, 0, frame.length, clean) && decodeUsualFrame(frame, 0, frame.length, used));
  assert.deepEqual(used, clean);
  assert.equal(clean.protocol, 6);
});

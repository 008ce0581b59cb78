import assert from "node:assert/strict";
import { test } from "node:test";
import { classify } from "../../src/detect/classify.ts";
import { Kind, kindAt, kindNames, kinds, MAX_KINDS } from "../../src/detect/kinds.ts";
import { Disposition, evidenceOf, Probe } from "../../src/detect/probe.ts";
import { kindOf, withKind } from "../../src/detect/tap/contact-state.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { IpProtocol, Packet } from "../../src/wire/packet.ts";

const all = Object.values(Kind);

test("kinds are numbered 0, 1, 2 ... in the order in which they stand, so that rows are found by number", () => {
  assert.deepEqual(
    all,
    all.map((_, index) => index),
  );
  for (const kind of all) {
    assert.equal(kindAt(kind), kind);
    assert.equal(kindNames[kind], kinds[kind].name);
  }
  assert.equal(kindAt(all.length), undefined);
  assert.equal(kindAt(-1), undefined);
  assert.equal(new Set(kindNames).size, all.length);
});

test("a source's kinds fit into a mask of 32 bits without its sign, and a contact's kind into its state", () => {
  assert.ok(all.length <= MAX_KINDS, `${all.length} kinds`);
  assert.ok(1 << (MAX_KINDS - 1) > 0);
  assert.ok(1 << MAX_KINDS < 0);
  for (const kind of all) assert.equal(kindOf(withKind(~0, kind)), kind);
});

test("what the sensor's packets are worth is what a backtest makes of their events, which hold no flags", () => {
  const near = new AddressRanges([]);
  const out = new Probe();
  for (const protocol of [IpProtocol.Tcp, IpProtocol.Udp, IpProtocol.Sctp, IpProtocol.UdpLite]) {
    // ACK and RST make the sensor call a packet a stray.
    for (const tcpFlags of [0x00, 0x01, 0x02, 0x03, 0x08, 0x20, 0x29, 0x2b]) {
      const packet = Object.assign(new Packet(), { family: 4, protocol, tcpFlags, destinationPort: 23 });
      for (const disposition of Object.values(Disposition)) {
        classify(packet, disposition, near, out);
        assert.equal(evidenceOf(out.kind, protocol, 0, disposition), out.evidence, `${protocol} ${tcpFlags}`);
      }
    }
  }
});

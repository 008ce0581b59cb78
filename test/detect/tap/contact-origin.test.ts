// Which side asks: a packet to a home is a question to us, one from a home is our own, and all others are nobody's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ContactKey } from "../../../src/detect/tap/contact-key.ts";
import { Origin, originOf } from "../../../src/detect/tap/contact-origin.ts";
import { Packet } from "../../../src/wire/packet.ts";
import { prefix, ranges } from "../probes.ts";

function origin(source: string, destination: string, homes: readonly string[] | undefined): Origin {
  const [from, to] = [prefix(source), prefix(destination)];
  const packet = Object.assign(new Packet(), {
    family: source.includes(":") ? 6 : 4,
    ...{ source0: from.w0, source1: from.w1, source2: from.w2, source3: from.w3 },
    ...{ destination0: to.w0, destination1: to.w1, destination2: to.w2, destination3: to.w3 },
  });
  const key = new ContactKey();
  key.setForward(packet, 0);
  return originOf(key, homes === undefined ? undefined : ranges(...homes));
}

for (const { family, home, other, outside, stranger } of [
  { family: "IPv4", home: "192.0.2.0/24", other: "192.0.2.77", outside: "192.0.3.77", stranger: "203.0.113.7" },
  {
    family: "IPv6",
    home: "2001:db8:5:6:7:8::/96",
    other: "2001:db8:5:6:7:8:0:9",
    outside: "2001:db8:5:6:7:9:0:9",
    stranger: "2001:db8:a:b:c:d:e:f",
  },
]) {
  test(`${family}: whose question a packet is depends on which side is at home`, () => {
    assert.equal(origin(stranger, other, [home]), Origin.Asked);
    assert.equal(origin(other, stranger, [home]), Origin.Own);
    assert.equal(origin(outside, stranger, [home]), Origin.Outside);
    assert.equal(origin(stranger, outside, [home]), Origin.Outside);
    assert.equal(origin(outside, stranger, undefined), Origin.Asked, "without homes every host may be asked");
  });
}

test("IPv6: every part of an address counts for whether it is at home", () => {
  for (const [home, alike] of [
    [
      "2001:db8:5:6:7:8:9:a",
      ["2001:db9:5:6:7:8:9:a", "2001:db8:5:7:7:8:9:a", "2001:db8:5:6:7:9:9:a", "2001:db8:5:6:7:8:9:b"],
    ],
  ] as const)
    for (const other of alike) {
      assert.equal(origin(other, "2001:db8:ff::1", [home]), Origin.Outside, other);
      assert.equal(origin("2001:db8:ff::1", other, [home]), Origin.Outside, other);
      assert.equal(origin(other, home, [home]), Origin.Asked, other);
    }
  assert.equal(origin("2001:db8:5:6:7:8:9:a", "2001:db8:ff::1", ["2001:db8:5:6:7:8:9:a"]), Origin.Own);
});

test("nobody asks in the name of the unspecified address, and groups are not asked", () => {
  for (const [source, destination] of [
    ["0.0.0.0", "192.0.2.1"],
    ["::", "2001:db8::1"],
    ["192.0.2.1", "224.0.0.1"],
    ["192.0.2.1", "255.255.255.255"],
    ["2001:db8::1", "ff02::1"],
  ] as const)
    assert.equal(origin(source, destination, undefined), Origin.Outside, `${source} to ${destination}`);
  // An address that is zero in all parts but one is a host like any.
  for (const source of ["::1:0:0", "0:0:1::", "2000::"])
    assert.equal(origin(source, "2001:db8::1", undefined), Origin.Asked, source);
});

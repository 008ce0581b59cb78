// From a listener's arrival to a probe that the detector takes: every field, and the source's key.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Kind } from "../../src/detect/kinds.ts";
import { Disposition, Evidence, Probe } from "../../src/detect/probe.ts";
import { probeOfArrival } from "../../src/detect/probe-of-arrival.ts";
import { formatPrefix, prefixOfWords } from "../../src/wire/address.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { Arrival } from "../../src/wire/arrival.ts";
import { prefix } from "../support/prefix.ts";

const near = new AddressRanges([prefix("2001:db8:1::/64"), prefix("fe80::/10")]);

function probeFrom(text: string, protocol: number): Probe {
  const { w0, w1, w2, w3 } = prefix(text);
  const arrival = Object.assign(new Arrival(), { source0: w0, source1: w1, source2: w2, source3: w3 });
  Object.assign(arrival, { protocol, port: 143, timeMs: 77 });
  const probe = new Probe();
  // What the probe before it left in the record.
  Object.assign(probe, {
    tcpFlags: 2,
    hasIpOptions: 1,
    sourceBits: 64,
    disposition: Disposition.Held,
    source3: 9,
    isBehind: 1,
    sourcePort: 9,
    target0: 9,
  });
  probeOfArrival(arrival, near, probe);
  return probe;
}

function keyOf({ source0, source1, source2, source3, sourceBits }: Probe): string {
  return formatPrefix(prefixOfWords(source0, source1, source2, source3, sourceBits));
}

test("every field is written", () => {
  const probe = probeFrom("192.0.2.7", 6);
  assert.deepEqual(
    { ...probe },
    {
      isBehind: 0,
      source0: 0,
      source1: 0,
      source2: 0xffff,
      source3: 0xc0000207,
      sourceBits: 128,
      protocol: 6,
      port: 143,
      kind: Kind.Connect,
      evidence: Evidence.Direct,
      disposition: Disposition.Probe,
      tcpFlags: 0,
      hasIpOptions: 0,
      sourcePort: 0,
      ...{ target0: 0, target1: 0, target2: 0, target3: 0 },
      timeMs: 77,
    },
  );
  assert.equal(probeFrom("192.0.2.7", 17).protocol, 17);
});

test("IPv6 sources count by /64, those on a link of ours by address", () => {
  assert.equal(keyOf(probeFrom("2001:db8:9::1:2", 6)), "2001:db8:9::/64");
  assert.equal(keyOf(probeFrom("2001:db8:1::1:2", 6)), "2001:db8:1::1:2");
  assert.equal(keyOf(probeFrom("fe80::5", 6)), "fe80::5");
  assert.equal(probeFrom("2001:db8:9::1:2", 6).source3, 0);
});

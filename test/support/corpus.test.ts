// The corpus is what its .expected.json files say: nobody speaks in a capture whom they do not account for.
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";
import { kindNames } from "../../src/detect/kinds.ts";
import { formatWords, parsePrefix } from "../../src/wire/address.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { decodePacket } from "../../src/wire/decode.ts";
import { DecodeResult, Packet } from "../../src/wire/packet.ts";
import { captures, ETHERNET_BYTES, frames } from "./corpus.ts";

const MAX_BYTES = 1_500_000;
const names = new Set<string>(kindNames);
const packet = new Packet();

for (const capture of captures()) {
  const { homes, scanners, decoys, innocent, oneSided, unanswered } = capture.expected;
  test(`${capture.name}: whoever speaks is home, a scanner, a decoy or innocent, and every scanner speaks`, () => {
    const home = new AddressRanges(homes.map((text) => parsePrefix(text) ?? assert.fail(text)));
    const guilty = scanners.map(({ source }) => source);
    const known = new Set([...guilty, ...decoys, ...innocent]);
    const spoke = new Set<string>();
    let fromHome = 0;
    let lastMs = 0;
    for (const { bytes, timeMs } of frames(capture)) {
      assert.ok(timeMs >= lastMs, "in the order of time");
      lastMs = timeMs;
      const result = decodePacket(bytes, ETHERNET_BYTES, bytes.length, packet);
      if (packet.family === 0) continue;
      assert.notEqual(result, DecodeResult.Malformed);
      const source = formatWords(packet.source0, packet.source1, packet.source2, packet.source3);
      spoke.add(source);
      const isHome = home.contains(packet.source0, packet.source1, packet.source2, packet.source3);
      if (isHome) fromHome++;
      assert.ok(isHome || known.has(source), `${source} is not accounted for`);
    }
    // decodePacket knows no ARP, and half of the innocent captures are of answers that home does not answer.
    if (capture.name !== "nmap/arp-sweep") {
      for (const source of guilty) assert.ok(spoke.has(source), source);
      const isSilent = oneSided === true || unanswered === true;
      if (guilty.length > 0) assert.equal(fromHome === 0, isSilent, `${fromHome} packets of home's`);
    }
    for (const { kinds } of scanners) for (const kind of kinds) assert.ok(names.has(kind), kind);
  });
}

test("the corpus stays small, and has all groups", () => {
  const all = captures();
  const bytes = all.reduce((sum, { file }) => sum + statSync(file).size, 0);
  assert.ok(bytes < MAX_BYTES, `${bytes} bytes`);
  for (const group of ["innocent", "nmap", "tools"]) assert.ok(captures(group).length > 15, group);
});

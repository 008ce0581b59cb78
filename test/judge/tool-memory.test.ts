import assert from "node:assert/strict";
import { test } from "node:test";
import { classify } from "../../src/detect/classify.ts";
import { hashSource } from "../../src/detect/keyed-hash.ts";
import { Kind } from "../../src/detect/kinds.ts";
import { Disposition, Probe } from "../../src/detect/probe.ts";
import { SourceNames } from "../../src/judge/source-names.ts";
import { ToolMemory } from "../../src/judge/tool-memory.ts";
import type { Verdict } from "../../src/judge/verdict.ts";
import { formatWords } from "../../src/wire/address.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { decodePacket } from "../../src/wire/decode.ts";
import { Packet, TcpFlag } from "../../src/wire/packet.ts";
import { captures, ETHERNET_BYTES, frames } from "../support/corpus.ts";
import { nthIpv4, prefix } from "../support/prefix.ts";

const seed = { k0: 1, k1: 2 };
const NOW_MS = 1_700_000_000_000;
const packet = new Packet();
const probe = new Probe();
const near = new AddressRanges([]);

/** The SYNs of a capture, as the engine notes them. */
function feed(memory: ToolMemory, name: string, disposition: Disposition = Disposition.Probe): string {
  const capture = captures("nmap").find((one) => one.name.endsWith(name)) ?? assert.fail(`no capture ${name}`);
  const scanner = capture.expected.scanners[0]?.source ?? "";
  for (const { bytes } of frames(capture)) {
    decodePacket(bytes, ETHERNET_BYTES, bytes.length, packet);
    const source = formatWords(packet.source0, packet.source1, packet.source2, packet.source3);
    if (source !== scanner || packet.tcpFlags !== TcpFlag.Syn) continue;
    classify(packet, disposition, near, probe);
    probe.timeMs = NOW_MS;
    memory.note(probe, packet, bytes);
  }
  return scanner;
}

test("nmap's SYN scan: named after its packets, in verdicts, for probes and in sentences", () => {
  const memory = new ToolMemory(seed, NOW_MS);
  const scanner = feed(memory, "/syn");
  assert.equal(memory.toolOf(probe), "nmap");
  const names = new SourceNames(memory, [{ prefix: prefix(scanner), name: "Example\u202e University" }]);
  const verdict: Verdict = {
    action: "log",
    finding: {
      source: prefix(scanner),
      kind: Kind.Syn,
      protocol: 6,
      port: 1,
      tcpFlags: 2,
      hasIpOptions: false,
      probes: 3,
      contacts: 3,
      firstMs: NOW_MS,
      timeMs: NOW_MS,
      policy: "score",
    },
  };
  const { finding } = names.name(verdict);
  assert.deepEqual([finding.tool, finding.known], ["nmap", "Example\u202e University"]);
  const [known = "", tool = ""] = names.describe(prefix(scanner));
  assert.equal(known, 'The source is known as "Example\\u202e University" (KNOWN_SCANNERS).');
  assert.match(tool, /^\d+ packets bear the marks of nmap; by chance one source in 2\^\d+ looks like that\.$/);
  names.setKnown([]);
  assert.equal(names.name(verdict).finding.known, undefined);
  const stranger: Verdict = { ...verdict, finding: { ...verdict.finding, source: prefix("203.0.113.99") } };
  assert.equal(names.name(stranger), stranger, "nothing is known of it: the same verdict");
});

test("what is neither a direct probe nor a SYN to a tolerated port is not looked at", () => {
  const tolerated = new ToolMemory(seed, NOW_MS);
  feed(tolerated, "/syn", Disposition.Quiet);
  assert.equal(tolerated.size, 1);
  for (const disposition of [Disposition.Stray, Disposition.Held, Disposition.Guarded]) {
    const memory = new ToolMemory(seed, NOW_MS);
    feed(memory, "/syn", disposition);
    assert.equal(memory.size, 0);
  }
});

test("it is bounded, and in a flood of new sources takes in 2,048 at once and 100 a second", () => {
  const memory = new ToolMemory(seed, NOW_MS, 100);
  const scanner = feed(memory, "/syn");
  const bytes = new Uint8Array(64);
  let passed = 0;
  for (let index = 0; index < 10_000; index++) {
    const { w0, w1, w2, w3 } = nthIpv4(index);
    [probe.source0, probe.source1, probe.source2, probe.source3] = [w0, w1, w2, w3];
    probe.timeMs = NOW_MS;
    const before = memory.counters.toolSourcesPassedOver;
    memory.note(probe, packet, bytes);
    passed += memory.counters.toolSourcesPassedOver - before;
  }
  // One token is the scanner's.
  assert.equal(passed, 10_000 - 2_047);
  assert.equal(memory.size, 100);
  assert.deepEqual(memory.toolsOf(prefix(scanner)), [], "the oldest went");
  probe.timeMs = NOW_MS + 1_000;
  memory.note(probe, packet, bytes);
  assert.equal(memory.counters.toolSourcesPassedOver, passed);
});

test("of two sources with one hash the second has no tool named: it is not taken for the first, whatever they share", () => {
  const memory = new ToolMemory(seed, NOW_MS);
  const scanner = prefix(feed(memory, "/syn"));
  const before = memory.toolsOf(scanner);
  assert.ok((before[0]?.packets ?? 0) > 0);
  const hash = hashSource(seed, scanner.w0, scanner.w1, scanner.w2, scanner.w3, scanner.bits);
  const capture = captures("nmap").find(({ name }) => name.endsWith("/syn")) ?? assert.fail();
  for (const field of ["source0", "source1", "source2", "source3"] as const) {
    for (const { bytes } of frames(capture)) {
      decodePacket(bytes, ETHERNET_BYTES, bytes.length, packet);
      if (packet.source3 !== scanner.w3 || packet.tcpFlags !== TcpFlag.Syn) continue;
      classify(packet, Disposition.Probe, near, probe);
      probe.timeMs = NOW_MS;
      probe[field] = (probe[field] ^ 1) >>> 0;
      memory.note(probe, packet, bytes, hash);
    }
    assert.deepEqual(memory.toolsOf(scanner), before, field);
  }
});

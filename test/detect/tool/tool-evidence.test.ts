import assert from "node:assert/strict";
import { test } from "node:test";
import { firstBits, NAMED_AT_BITS, packetsNeeded } from "../../../src/detect/tool/fingerprint-bits.ts";
import { fitsCookie } from "../../../src/detect/tool/fingerprint-match.ts";
import { Cookie, fingerprints } from "../../../src/detect/tool/fingerprints.ts";
import { layoutOf } from "../../../src/detect/tool/header-layout.ts";
import { ToolEvidence } from "../../../src/detect/tool/tool-evidence.ts";
import { formatWords } from "../../../src/wire/address.ts";
import { decodePacket } from "../../../src/wire/decode.ts";
import { Packet, TcpFlag } from "../../../src/wire/packet.ts";
import { buildTcp, type TcpOptions } from "../../support/build-packet.ts";
import { type Capture, captures, ETHERNET_BYTES, frames } from "../../support/corpus.ts";

const packet = new Packet();
/** Of each source all packets but bare RSTs: the contact table gives ToolEvidence fewer still. */
function evidenceOf(capture: Capture): Map<string, ToolEvidence> {
  const sources = new Map<string, ToolEvidence>();
  for (const { bytes } of frames(capture)) {
    decodePacket(bytes, ETHERNET_BYTES, bytes.length, packet);
    if (packet.family === 0 || (packet.tcpFlags & ~TcpFlag.Ack) === TcpFlag.Rst) continue;
    const source = formatWords(packet.source0, packet.source1, packet.source2, packet.source3);
    const evidence = sources.get(source) ?? new ToolEvidence();
    sources.set(source, evidence);
    evidence.note(packet, layoutOf(packet, bytes));
  }
  return sources;
}

for (const capture of captures("nmap").concat(captures("tools"))) {
  test(`${capture.name}: the tool is named, and no other`, () => {
    const evidence = evidenceOf(capture);
    for (const scanner of capture.expected.scanners) {
      const named = (evidence.get(scanner.source)?.tools() ?? []).map((found) => found.tool).sort();
      const wanted = scanner.tool === null ? [] : [...(scanner.tools ?? [scanner.tool])].sort();
      const bits = (evidence.get(scanner.source)?.tools() ?? []).map((found) => found.chanceBits);
      assert.equal(evidence.get(scanner.source)?.strongestBits() ?? 0, Math.max(0, ...bits));
      assert.deepEqual(named, wanted, `${scanner.source}: ${JSON.stringify(evidence.get(scanner.source)?.tools())}`);
    }
  });
}

test("nobody innocent has a tool, nor has home", () => {
  let sources = 0;
  for (const capture of captures()) {
    const guilty = new Set([...capture.expected.scanners.map((one) => one.source), ...capture.expected.decoys]);
    for (const [source, evidence] of evidenceOf(capture)) {
      if (guilty.has(source)) continue;
      sources++;
      assert.deepEqual(evidence.tools(), [], `${capture.name}: ${source}`);
    }
  }
  assert.ok(sources > 100, `${sources} innocent sources were looked at`);
});

test("every row of the table has a capture in which it is found", () => {
  const found = new Set<string>();
  for (const capture of [...captures("nmap"), ...captures("tools")]) {
    for (const evidence of evidenceOf(capture).values()) {
      for (const { tool, variants } of evidence.tools())
        for (const variant of variants) found.add(`${tool} ${variant}`);
    }
  }
  assert.deepEqual([...found].sort(), fingerprints.map(({ tool, variant }) => `${tool} ${variant}`).sort());
});

test("what each row needs: few packets, and beyond chance or, by habits alone, three that agree", () => {
  const needed = Object.fromEntries(fingerprints.map((row) => [`${row.tool} ${row.variant}`, packetsNeeded(row)]));
  assert.deepEqual(needed, {
    "mirai telnet scanner": 1,
    "masscan SYN": 1,
    "zmap before 4.1, SYN": 2,
    "zmap before 4.1, UDP": 2,
    "zmap before 4.1, ICMP": 2,
    "zmap since 4.1": 3,
    "nmap -O": 1,
    "masscan SYN behind destination NAT": 2,
    "unicornscan SYN": 2,
    "nmap -sS": 2,
    "nmap -sN": 2,
    "nmap -sF": 2,
    "nmap -sX": 2,
    "nmap -sM": 2,
    "nmap -sA or -sW": 2,
    "nmap --scanflags": 2,
    "nmap -sY": 3,
    "mirai telnet scanner behind destination NAT": 2,
    "naabu SYN": 3,
    "naabu SYN with a source address given": 3,
    "masscan SYN over IPv6": 3,
    "hping3 TCP": 3,
  });
  for (const row of fingerprints) assert.ok(firstBits(row) < 64 && NAMED_AT_BITS === 30);
});

/** The first SYN of each stack, as p0f.fp 3 lists them. */
const timestamp = (ticks: number) => [8, 10, 0, 0, ticks >> 8, ticks & 255, 0, 0, 0, 0];
const mss = [2, 4, 0x05, 0xb4];
const stacks = {
  linux: { ttl: 52, window: 64_240, tcpOptions: [...mss, 4, 2, ...timestamp(4711), 1, 3, 3, 7] },
  windows: { ttl: 115, window: 64_240, tcpOptions: [...mss, 1, 3, 3, 8, 1, 1, 4, 2] },
  windows7: { ttl: 115, window: 8192, tcpOptions: [...mss, 1, 3, 3, 8, 1, 1, 4, 2] },
  macos: { ttl: 52, window: 65_535, tcpOptions: [...mss, 1, 3, 3, 6, 1, 1, ...timestamp(4711), 4, 2, 0, 0] },
  freebsd: { ttl: 52, window: 65_535, tcpOptions: [...mss, 1, 3, 3, 6, 4, 2, ...timestamp(4711)] },
  openbsd: { ttl: 52, window: 16_384, tcpOptions: [...mss, 1, 1, 4, 2, 1, 3, 3, 6, 1, 1, ...timestamp(4711)] },
  bareEmbedded: { ttl: 244, window: 5840, tcpOptions: mss },
};
const flow = { source: "192.0.2.1", destination: "198.51.100.1" };
const flow6 = { source: "2001:db8::1", destination: "2001:db8:a::1" };

function note(evidence: ToolEvidence, bytes: Uint8Array): void {
  decodePacket(bytes, 0, bytes.length, packet);
  evidence.note(packet, layoutOf(packet, bytes));
}

for (const [name, stack] of Object.entries(stacks)) {
  for (const addresses of [flow, flow6]) {
    for (const dontFragment of [true, false]) {
      const how = `over IPv${addresses === flow ? 4 : 6}${dontFragment ? "" : ", its DF flag cleared on the way"}`;
      test(`${name} ${how}: connections, and SYNs sent again, are no tool's`, () => {
        const evidence = new ToolEvidence();
        for (let i = 0; i < 300; i++) {
          const sourcePort = 50_000 + i;
          const built = {
            ...addresses,
            ...stack,
            dontFragment,
            sourcePort,
            destinationPort: 20 + (i % 9),
            identification: i,
          };
          const bytes = buildTcp({ ...built, sequence: Math.imul(i, 0x9e3779b1) >>> 0 });
          decodePacket(bytes, 0, bytes.length, packet);
          for (let again = 0; again < 3; again++) evidence.note(packet, layoutOf(packet, bytes));
        }
        assert.deepEqual(evidence.tools(), []);
      });
    }
  }
}

/** xorshift32. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

test("the habits of masscan without its cookie: chance alone, in 200,000 packets, names nobody", () => {
  const random = numbers(1);
  const evidence = new ToolEvidence();
  const bytes = buildTcp({ ...flow, sourcePort: 1, destinationPort: 1, ttl: 250, window: 1024 });
  let hits = 0;
  for (let i = 0; i < 200_000; i++) {
    decodePacket(bytes, 0, bytes.length, packet);
    packet.identification = random() & 0xffff;
    packet.tcpSequence = random();
    packet.destinationPort = random() & 0xffff;
    if (fitsCookie(Cookie.IdOfTarget, packet)) hits++;
    evidence.note(packet, layoutOf(packet, bytes));
  }
  assert.ok(hits > 0, "chance has had its day");
  assert.deepEqual(evidence.tools(), []);
});

test("one SYN repeated for hours is one proof, not many", () => {
  const evidence = new ToolEvidence();
  const bytes = buildTcp({
    ...flow,
    sourcePort: 40_000,
    destinationPort: 23,
    window: 1024,
    ttl: 50,
    tcpOptions: mss,
    sequence: 77,
  });
  for (let i = 0; i < 1000; i++) note(evidence, bytes);
  assert.deepEqual(evidence.tools(), []);
});

/** What so much of the packet is named for, sent to eight ports. */
function toolsOf(packet: Packet, bytes: Uint8Array): readonly string[] {
  const evidence = new ToolEvidence();
  for (let port = 1; port <= 8; port++) {
    packet.destinationPort = port;
    evidence.note(packet, layoutOf(packet, bytes));
  }
  return evidence.tools().map(({ tool }) => tool);
}

test("a packet cut by the capture, and fragments, are given no name and read nowhere", () => {
  const whole = buildTcp({ ...flow, sourcePort: 1, destinationPort: 23, ttl: 64, sequence: 0xc6336401 });
  decodePacket(whole, 0, whole.length, packet);
  assert.deepEqual(toolsOf(packet, whole), ["mirai"]);
  for (let length = 0; length < whole.length; length++) {
    const cut = whole.subarray(0, length);
    decodePacket(cut, 0, cut.length, packet);
    assert.deepEqual(toolsOf(packet, cut), [], `${length} bytes`);
  }
  decodePacket(whole, 0, whole.length, packet);
  packet.moreFragments = 1;
  assert.deepEqual(toolsOf(packet, whole), []);
});

test("two scans of one source after the other are both counted, though their keys differ", () => {
  const evidence = new ToolEvidence();
  for (const [sequence, count] of [
    [0x12345678, 100],
    [0x9abc1234, 100],
  ] as const) {
    for (let port = 1; port <= count; port++) {
      note(
        evidence,
        buildTcp({ ...flow, sourcePort: 40_000, destinationPort: port, ttl: 50, tcpOptions: mss, sequence }),
      );
    }
  }
  const [found] = evidence.tools();
  assert.equal(found?.tool, "nmap");
  assert.ok((found?.packets ?? 0) > 180, `${found?.packets} of 200`);
});

test("packets that a tool's own cannot be are not taken for them: hop limit, flags and cookie decide", () => {
  const mirai = (port: number) => ({ ...flow, sourcePort: 1, destinationPort: port, ttl: 64, sequence: 0xc6336401 });
  // Its identification follows from destination, port and sequence number.
  const masscan = (port: number) => ({
    ...mirai(port),
    ttl: 250,
    identification: 0x6401 ^ port ^ 0x77,
    sequence: 0x77,
  });
  const namesOf = (own: (port: number) => TcpOptions, other: Partial<TcpOptions>) => {
    const evidence = new ToolEvidence();
    for (let port = 1; port <= 6; port++) note(evidence, buildTcp({ ...own(port), ...other }));
    return evidence.tools().map(({ tool }) => tool);
  };
  const { Syn, Ack, Ece, Cwr } = TcpFlag;
  for (const [tool, own, hops] of [
    ["mirai", mirai, [65, 255]],
    ["masscan", masscan, [64, 128]],
  ] as const) {
    assert.deepEqual(namesOf(own, {}), [tool]);
    assert.deepEqual(namesOf(own, { flags: Syn | Ece | Cwr }), [tool], "ECN says nothing");
    for (const ttl of hops) assert.deepEqual(namesOf(own, { ttl }), [], `${tool} ${ttl}`);
    for (const other of [{ dontFragment: true }, { flags: Syn | Ack }])
      assert.deepEqual(namesOf(own, other), [], `${tool} ${JSON.stringify(other)}`);
  }
});

test("of two programs behind one address the one with more packets is believed, and the other takes as many to be", () => {
  const evidence = new ToolEvidence();
  let port = 1;
  const send = (count: number, sequence: number): number => {
    for (let at = 0; at < count; at++) {
      const own = { ...flow, sourcePort: 40_000, destinationPort: port++, ttl: 50, tcpOptions: mss, sequence };
      note(evidence, buildTcp(own));
    }
    return evidence.tools()[0]?.packets ?? 0;
  };
  const first = send(4, 0x12345678);
  assert.ok(first >= 3, `${first} packets`);
  assert.equal(send(4, 0x0badcafe), first, "four against four");
  assert.equal(send(1, 0x0badcafe), first + 1, "the fifth has the majority");
});

test("nmap is known by each of the windows that it has ever had, and by no other", () => {
  const namesOf = (window: number) => {
    const evidence = new ToolEvidence();
    for (let port = 1; port <= 6; port++) {
      const own = {
        ...flow,
        sourcePort: 40_000,
        destinationPort: port,
        ttl: 50,
        tcpOptions: mss,
        sequence: 0x12345678,
      };
      note(evidence, buildTcp({ ...own, window }));
    }
    return evidence.tools().map(({ tool }) => tool);
  };
  for (const window of [1_024, 2_048, 3_072, 4_096]) assert.deepEqual(namesOf(window), ["nmap"], `${window}`);
  for (const window of [1_023, 1_025, 2_047, 3_071, 4_095, 5_120]) assert.deepEqual(namesOf(window), [], `${window}`);
});

test("a packet of another program before a scan costs the scan one packet more at most", () => {
  const nmap = (destinationPort: number, sequence: number) =>
    buildTcp({ ...flow, sourcePort: 40_000, destinationPort, ttl: 50, tcpOptions: mss, sequence });
  const packetsUntilNamed = (evidence: ToolEvidence) => {
    for (let port = 1; port <= 20; port++) {
      note(evidence, nmap(port, 0x12345678));
      if (evidence.tools().length > 0) return port;
    }
    return Number.NaN;
  };
  const alone = packetsUntilNamed(new ToolEvidence());
  const behind = new ToolEvidence();
  note(behind, nmap(2_000, 0x00010002));
  const more = packetsUntilNamed(behind) - alone;
  assert.ok(more === 0 || more === 1, `${more}`);
});

// The ring's filters on whole packets, by the interpreter in test/support; test/lab/ring.test.ts asks the kernel.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  buildHostFilter,
  buildTapFilter,
  type HostFilter,
  MAX_SERVED_UDP,
  MAX_SKIPPED_INTERFACES,
  type TapFilter,
} from "../../../src/capture/ring/probe-filter.ts";
import { TcpFlag } from "../../../src/wire/packet.ts";
import { type FilteredPacket, runFilter } from "../../support/bpf.ts";
import { buildIcmp, buildSctp, buildTcp, buildUdp } from "../../support/build-packet.ts";

const SNAP = 128;
/** A packet as it is. */
const WHOLE = 65_535;
const host: HostFilter = {
  snapBytes: SNAP,
  skipLoopback: true,
  skipInterfaces: [7, 9],
  ephemeral: { first: 32_768, last: 60_999 },
  servedUdp: [53, 443],
};
const tap: TapFilter = { snapBytes: SNAP, skipLoopback: false, skipInterfaces: [], passBulk: false };
const four = { source: "203.0.113.9", destination: "198.51.100.1" };
const six = { source: "2001:db8:b::9", destination: "2001:db8:a::1" };
const ports = { sourcePort: 40_000, destinationPort: 23 };
const families = [
  { ends: four, protocol: 0x0800 },
  { ends: six, protocol: 0x86dd },
];

function takes(filter: HostFilter | TapFilter, packet: Omit<FilteredPacket, "protocol">, protocol: number): boolean {
  const program = "servedUdp" in filter ? buildHostFilter(filter) : buildTapFilter(filter);
  const taken = runFilter(program, { ...packet, protocol });
  // A tap's frames have their link header.
  const whole = "servedUdp" in filter ? SNAP : SNAP + 22;
  assert.ok(taken === 0 || taken === whole, `takes ${taken} bytes`);
  return taken === whole;
}

const { Fin, Syn, Rst, Psh, Ack, Urg, Ece, Cwr } = TcpFlag;

test("host: of TCP passes what has neither ACK nor RST, and SYN+ACK", () => {
  for (const { ends, protocol } of families) {
    for (let flags = 0; flags < 256; flags++) {
      const bytes = buildTcp({ ...ends, ...ports, flags });
      const isOpening = (flags & (Ack | Rst)) === 0;
      const isAnswer = (flags & (Syn | Ack | Rst | Fin)) === (Syn | Ack);
      assert.equal(takes(host, { bytes }, protocol), isOpening || isAnswer, `flags ${flags}`);
      // What we send: our questions, and that a port is served.
      assert.equal(takes(host, { bytes, packetType: 4 }, protocol), (flags & Syn) !== 0, `sent, flags ${flags}`);
    }
  }
  assert.ok(takes(host, { bytes: buildTcp({ ...four, ...ports, flags: Syn | Ece | Cwr }) }, 0x0800));
});

test("host: of UDP passes what is neither served nor our own port, both ways", () => {
  const at = (destinationPort: number, packetType = 0) =>
    families.map(({ ends, protocol }) => {
      const packetPorts = { sourcePort: destinationPort, destinationPort };
      return takes(host, { bytes: buildUdp({ ...ends, ...packetPorts }), packetType }, protocol);
    });
  for (const packetType of [0, 4]) {
    for (const port of [1, 52, 54, 161, 32_767, 61_000, 65_535]) assert.deepEqual(at(port, packetType), [true, true]);
    for (const port of [53, 443, 32_768, 45_000, 60_999]) assert.deepEqual(at(port, packetType), [false, false]);
  }
});

test("host: other protocols, other people's packets, tags, interfaces", () => {
  const syn = buildTcp({ ...four, ...ports });
  assert.ok(takes(host, { bytes: syn }, 0x0800));
  assert.ok(!takes(host, { bytes: buildIcmp({ ...four, type: 8, code: 0 }) }, 0x0800));
  assert.ok(takes(host, { bytes: buildSctp({ ...four, ...ports }) }, 0x0800));
  assert.ok(takes(host, { bytes: buildSctp({ ...six, ...ports }) }, 0x86dd));
  for (const packetType of [1, 2, 3]) assert.ok(!takes(host, { bytes: syn, packetType }, 0x0800), `type ${packetType}`);
  assert.ok(!takes(host, { bytes: syn }, 0x0806), "ARP");
  assert.ok(!takes(host, { bytes: syn, vlanTag: 10 }, 0x0800), "of a VLAN, which has its own interface");
  assert.ok(takes(host, { bytes: syn, vlanTag: 0x6000 }, 0x0800), "a priority without a VLAN");
  assert.ok(!takes(host, { bytes: syn, hardwareType: 772 }, 0x0800), "loopback");
  assert.ok(takes({ ...host, skipLoopback: false }, { bytes: syn, hardwareType: 772 }, 0x0800));
  assert.ok(!takes(host, { bytes: syn, interfaceIndex: 9 }, 0x0800));
  assert.ok(takes(host, { bytes: syn, interfaceIndex: 8 }, 0x0800));
});

test("host: of frames to everybody and to groups passes what UDP takes", () => {
  for (const packetType of [1, 2, 3]) {
    for (const { ends, protocol } of families) {
      const at = (build: typeof buildUdp, destination = ends.destination) =>
        takes(host, { bytes: build({ ...ends, ...ports, destination }), packetType }, protocol);
      assert.equal(at(buildUdp), packetType !== 3, `type ${packetType}`);
      assert.ok(!at(buildTcp));
      for (const group of protocol === 0x0800 ? ["224.0.0.251", "255.255.255.255"] : ["ff02::fb"])
        assert.ok(!at(buildUdp, group), group);
    }
  }
});

test("host: a second tag passes whole if it names no VLAN", () => {
  const at = (tag: number, outer: number, packetType = 0) => {
    const bytes = Uint8Array.of(tag >> 8, tag & 255, 0x08, 0x00, ...buildTcp({ ...four, ...ports }));
    return runFilter(buildHostFilter(host), { bytes, protocol: outer, packetType, vlanTag: 0x2000 });
  };
  for (const outer of [0x8100, 0x88a8]) {
    assert.equal(at(0x6000, outer), WHOLE);
    assert.equal(at(0x6000, outer, 2), WHOLE);
    assert.equal(at(0x6000, outer, 3), 0, "for another host");
    assert.equal(at(0x600a, outer), 0, "of a VLAN, which has its own interface");
  }
  assert.equal(at(0, 0x9100), 0, "no tag for the kernel");
});

test("host: IPv4 options move the ports, fragments and extension headers hide nothing", () => {
  const options = [7, 4, 4, 0, 1, 1, 1, 1];
  const at = (more: object) =>
    takes(host, { bytes: buildTcp({ ...four, ...ports, ipOptions: options, ...more }) }, 0x0800);
  assert.ok(at({}));
  assert.ok(!at({ flags: Ack }));
  const cut = buildTcp({ ...four, ...ports, flags: Ack, moreFragments: true }).subarray(0, 28);
  assert.ok(takes(host, { bytes: cut }, 0x0800), "a first fragment of 8 bytes");
  assert.ok(takes(host, { bytes: buildTcp({ ...four, ...ports, fragmentOffset: 8 }) }, 0x0800), "with the flags");
  assert.ok(!takes(host, { bytes: buildTcp({ ...four, ...ports, fragmentOffset: 16 }) }, 0x0800), "a later one");
  assert.ok(!takes(host, { bytes: buildUdp({ ...four, ...ports, fragmentOffset: 8 }) }, 0x0800), "of UDP");
  for (const type of [0, 43, 44, 60]) {
    const bytes = buildTcp({ ...six, ...ports, extensionHeaders: [{ type, bytes: [0, 0, 0, 0, 0, 0, 0, 0] }] });
    const taken = runFilter(buildHostFilter(host), { bytes, protocol: 0x86dd });
    assert.equal(taken, WHOLE, `extension header ${type}: what is behind it may be far away`);
    assert.equal(runFilter(buildTapFilter(tap), { bytes, protocol: 0x86dd }), WHOLE, `on a tap, header ${type}`);
  }
});

test("tap: answers that tell an outcome pass, bulk does not", () => {
  for (const { ends, protocol } of families) {
    const at = (more: object, filter = tap) =>
      takes(filter, { bytes: buildTcp({ ...ends, ...ports, ...more }) }, protocol);
    for (const flags of [0, Syn, Syn | Ack, Rst, Rst | Ack, Fin, Fin | Ack, Urg | Ack, Psh, Fin | Psh | Urg])
      assert.ok(at({ flags }), `flags ${flags}`);
    const payload = new Uint8Array(100);
    assert.ok(at({ flags: Ack }), "a bare ACK may be an ACK scan's");
    assert.ok(!at({ flags: Ack, payload }));
    assert.ok(!at({ flags: Ack | Psh, payload }));
    assert.ok(!at({ flags: Ack, tcpOptions: [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 1] }), "with time stamps");
    assert.ok(at({ flags: Ack, payload }, { ...tap, passBulk: true }));
    assert.ok(takes(tap, { bytes: buildUdp({ ...ends, ...ports }) }, protocol));
    assert.ok(takes(tap, { bytes: buildIcmp({ ...ends, type: 3, code: 3 }) }, protocol));
    assert.ok(takes(tap, { bytes: buildTcp({ ...ends, ...ports }), vlanTag: 10, packetType: 3 }, protocol));
  }
  assert.ok(
    !takes(
      tap,
      { bytes: buildTcp({ ...four, ...ports, flags: Ack, ipOptions: [1, 1, 1, 0], payload: Uint8Array.of(1) }) },
      0x0800,
    ),
  );
  assert.ok(takes(tap, { bytes: buildTcp({ ...four, ...ports, flags: Ack, ipOptions: [1, 1, 1, 0] }) }, 0x0800));
  assert.ok(takes(tap, { bytes: buildTcp({ ...four, ...ports, flags: Ack, fragmentOffset: 800 }) }, 0x0800));
  assert.ok(takes(tap, { bytes: new Uint8Array(28) }, 0x0806), "ARP");
  assert.ok(!takes(tap, { bytes: new Uint8Array(28) }, 0x88cc), "LLDP");
});

test("tap: under a second VLAN tag the same passes", () => {
  const tagged = (bytes: Uint8Array, protocol: number) => Uint8Array.of(0, 20, protocol >> 8, protocol & 255, ...bytes);
  for (const outer of [0x8100, 0x88a8, 0x9100]) {
    for (const { ends, protocol } of families) {
      const at = (more: object) =>
        takes(tap, { bytes: tagged(buildTcp({ ...ends, ...ports, ...more }), protocol), vlanTag: 10 }, outer);
      assert.ok(at({}));
      assert.ok(at({ flags: Ack }));
      assert.ok(!at({ flags: Ack, payload: Uint8Array.of(1) }));
    }
    assert.ok(takes(tap, { bytes: tagged(new Uint8Array(28), 0x0806), vlanTag: 10 }, outer));
    assert.ok(takes(tap, { bytes: tagged(new Uint8Array(28), 0x8100), vlanTag: 10 }, outer), "a third tag");
    assert.ok(!takes(tap, { bytes: tagged(new Uint8Array(28), 0x88cc), vlanTag: 10 }, outer));
  }
});

test("datagrams to and from reserved ports are taken as others are", () => {
  const filter = { ...host, reserved: [{ first: 40_000, last: 40_001 }] };
  for (const { ends, protocol } of families) {
    for (const [port, isTaken] of [
      [39_999, false],
      [40_000, true],
      [40_001, true],
      [40_002, false],
    ] as const) {
      const to = buildUdp({ ...ends, sourcePort: 9, destinationPort: port });
      assert.equal(takes(filter, { bytes: to }, protocol), isTaken, `to ${port}`);
      const out = buildUdp({ ...ends, sourcePort: port, destinationPort: 9 });
      assert.equal(takes(filter, { bytes: out, packetType: 4 }, protocol), isTaken, `from ${port}`);
    }
  }
});

test("the longest lists still make programs whose jumps reach", () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => 1_000 + index);
  const reserved = many(1_000).map((first) => ({ first: first + 40_000, last: first + 40_000 }));
  const filter = { ...host, skipInterfaces: many(1_000), servedUdp: many(1_000), reserved };
  const syn = buildTcp({ ...four, ...ports });
  assert.ok(takes(filter, { bytes: syn }, 0x0800));
  const last = 1_000 + MAX_SKIPPED_INTERFACES - 1;
  assert.ok(!takes(filter, { bytes: syn, interfaceIndex: last }, 0x0800));
  const udp = (destinationPort: number) => buildUdp({ ...four, sourcePort: 9, destinationPort });
  assert.ok(!takes(filter, { bytes: udp(1_000 + MAX_SERVED_UDP - 1) }, 0x0800));
  assert.ok(takes(filter, { bytes: udp(1_000 + MAX_SERVED_UDP) }, 0x0800), "beyond the list it is looked at above");
  assert.ok(takes({ ...tap, skipInterfaces: many(1_000) }, { bytes: syn }, 0x0800));
});

test("no bytes make a program run on, or take a number of its own", () => {
  const programs = [buildHostFilter(host), buildTapFilter(tap)];
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 80 }),
      fc.constantFrom(0x0800, 0x86dd, 0x0806, 0x8100, 0x1234),
      fc.constantFrom(0, 4),
      (bytes, protocol, packetType) => {
        for (const program of programs) {
          const taken = runFilter(program, { bytes, protocol, packetType });
          assert.ok([0, SNAP, SNAP + 22, WHOLE].includes(taken));
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

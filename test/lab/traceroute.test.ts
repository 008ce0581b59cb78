// A customer who looks for the way to this host by traceroute, tracepath or mtr is no scanner. The packets are made here as these
// programs make them; those that are for hops before this host do not arrive.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { buildTcp, buildUdp } from "../support/build-packet.ts";
import { families, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { assertInnocent } from "./support/innocent.ts";
import { Lab } from "./support/lab.ts";
import { sendPackets } from "./support/raw.ts";
import { shipped } from "./support/settings.ts";
import { waitUntil } from "./support/wait.ts";

interface Tracer {
  readonly name: string;
  readonly protocol: "tcp" | "udp";
  readonly count: number;
  /** The destination port of the probe that arrives as the `index`-th. */
  readonly portOf: (index: number) => number;
}

/** Sixteen at once; the ones behind the first that arrives come too, with more hops to live. */
const IN_PARALLEL = 16;
/** A minute of one probe a second to each of ten hops, of which this host is the last. */
const CYCLES = 60;
const HOPS = 10;

const mtrUdp: Tracer = {
  ...{ name: "mtr --udp", protocol: "udp", count: CYCLES },
  portOf: (index) => 33_000 + HOPS * (index + 1) - 1,
};
const tracepath: Tracer = { name: "tracepath", protocol: "udp", count: 3, portOf: (index) => 44_454 + index };
const tracers: readonly Tracer[] = [
  { name: "traceroute", protocol: "udp", count: IN_PARALLEL, portOf: (index) => 33_464 + index },
  { name: "traceroute -U", protocol: "udp", count: IN_PARALLEL, portOf: () => 53 },
  { name: "traceroute -T", protocol: "tcp", count: IN_PARALLEL, portOf: () => 80 },
  { name: "traceroute -T -p 443", protocol: "tcp", count: IN_PARALLEL, portOf: () => 443 },
  { name: "mtr --tcp", protocol: "tcp", count: CYCLES, portOf: () => 80 },
];

async function setUp(t: TestContext, range?: string): Promise<{ lab: Lab; daemon: Daemon }> {
  const lab = await Lab.open();
  t.after(() => lab.close());
  if (range !== undefined) await lab.target.set("net.ipv4.ip_local_port_range", range);
  return { lab, daemon: await Daemon.start(lab, shipped) };
}

async function trace(lab: Lab, { protocol, count, portOf }: Tracer, number: number): Promise<void> {
  const build = protocol === "tcp" ? buildTcp : buildUdp;
  for (const family of families) {
    const packets = Array.from({ length: count }, (_, index) =>
      build({
        source: source(number)[family],
        destination: TARGET[family],
        sourcePort: 40_000 + index,
        destinationPort: portOf(index),
        sequence: 1_000 * index,
        ttl: 1 + Math.floor(index / 3),
      }),
    );
    await sendPackets(lab, packets);
  }
}

async function assertNoScanners(lab: Lab, daemon: Daemon, traced: readonly Tracer[]): Promise<void> {
  for (const [index, tracer] of traced.entries()) await trace(lab, tracer, 1 + index);
  await assertInnocent(
    lab,
    daemon,
    traced.map((_, index) => source(1 + index)),
  );
}

test("traceroute, tracepath and mtr are innocent, with ip_local_port_range as it usually is", async (t) => {
  const { lab, daemon } = await setUp(t);
  await assertNoScanners(lab, daemon, [...tracers, mtrUdp, tracepath]);
});

test("with ip_local_port_range moved up mtr --udp is found, which asks a closed port a probe as a scan does, and the others are not", async (t) => {
  const { lab, daemon } = await setUp(t, "49152 65535");
  await assertNoScanners(lab, daemon, tracers);
  await trace(lab, mtrUdp, 100);
  const found = async () => (await daemon.eventsOf(source(100).ipv4)).find(({ type }) => type === "finding");
  await waitUntil("it is found", async () => (await found()) !== undefined);
  assert.equal((await found())?.kind, "udp");
});

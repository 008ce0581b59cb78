// What reading a capture of 2 million packets costs: CPU nanoseconds a packet, alone and with decoding, beside tcpdump and,
// where it is installed, tshark. Printed; asserted is what replay's speed needs of the reader.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { readCapture } from "../../src/capture/file/capture-file.ts";
import type { FrameSink } from "../../src/capture/file/capture-report.ts";
import { decodeFrame } from "../../src/wire/link.ts";
import { Packet } from "../../src/wire/packet.ts";
import { writeManyPackets } from "../support/many-packets.ts";

const PACKETS = 2_000_000;
const ROUNDS = 3;
/** 2 million packets a second leave 500 ns for all; reading may have this of it. */
const MAX_READ_NS = 80;

const folder = mkdtempSync(join(tmpdir(), "portreeve-bench-"));
after(() => rmSync(folder, { recursive: true }));

/** The best of some rounds, in CPU nanoseconds a packet. */
async function measure(path: string, sink: FrameSink): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    const report = await readCapture(path, sink);
    const { user, system } = process.cpuUsage(before);
    assert.equal(report.packets, PACKETS);
    assert.deepEqual(report.problems, []);
    best = Math.min(best, ((user + system) * 1000) / PACKETS);
  }
  return best;
}

class EmptySink implements FrameSink {
  bytes = 0;

  frame(_bytes: Uint8Array, at: number, end: number): void {
    this.bytes += end - at;
  }
}

class DecodingSink implements FrameSink {
  readonly packet = new Packet();
  faults = 0;

  frame(bytes: Uint8Array, at: number, end: number, linkType: number): void {
    this.faults += decodeFrame(linkType, bytes, at, end, this.packet);
  }
}

for (const format of ["pcap", "pcapng"] as const) {
  test(`${format}: ${PACKETS} packets`, async (t) => {
    const path = join(folder, format);
    writeManyPackets(path, format, PACKETS);
    const empty = await measure(path, new EmptySink());
    const sink = new DecodingSink();
    const decoding = await measure(path, sink);
    assert.equal(sink.faults, 0);
    assert.equal(sink.packet.destinationPort, 40_000);
    t.diagnostic(`read ${empty.toFixed(0)} ns, read and decoded ${decoding.toFixed(0)} ns of CPU a packet`);
    t.diagnostic(`resident: ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`);
    assert.ok(empty < MAX_READ_NS);
    for (const argv of [
      ["tcpdump", "-r", path, "-w", "/dev/null"],
      ["tshark", "-n", "-r", path],
    ]) {
      t.diagnostic(timeProgram(argv));
    }
  });
}

test("pcap within gzip", async (t) => {
  const path = join(folder, "pcap.gz");
  writeFileSync(path, gzipSync(readFileSync(join(folder, "pcap")), { level: 1 }));
  t.diagnostic(`read ${(await measure(path, new EmptySink())).toFixed(0)} ns of CPU a packet, all threads`);
});

function timeProgram([program = "", ...args]: readonly string[]): string {
  const started = performance.now();
  const { status, error } = spawnSync(program, args, { stdio: "ignore" });
  if (error !== undefined) return `${program}: not installed, not compared`;
  assert.equal(status, 0, program);
  return `${program}: ${(((performance.now() - started) * 1e6) / PACKETS).toFixed(0)} ns a packet by the clock`;
}

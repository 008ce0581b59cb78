// The capture against the kernel: both groups deliver, with the rule's tag; a group that is taken says so.
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { afterEach, test } from "node:test";
import { NflogSource } from "../../src/capture/nflog.ts";
import type { PacketSink } from "../../src/capture/packet-source.ts";
import { Libnftables } from "../../src/kernel/libnftables.ts";
import { enterOwnNamespace, mustDo } from "./support/own-namespace.ts";
import { waitUntil } from "./support/wait.ts";

enterOwnNamespace(import.meta.filename);
mustDo("ip", "link", "set", "lo", "up");

const PROMPT = 5001;
const BATCH = 5002;
const COPY_BYTES = 64;
const HEADERS = 28;

const nft = new Libnftables();
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

interface Seen {
  readonly tag: string;
  readonly port: number;
  readonly bytes: number;
  readonly sequence: number;
}

class Recording implements PacketSink {
  readonly packets: Seen[] = [];
  batches = 0;
  onBatch: () => void = () => undefined;

  packet(bytes: Uint8Array, at: number, end: number, tag: number): void {
    const view = Buffer.from(bytes.subarray(at, end));
    assert.equal(view.readUInt8(0), 0x45);
    const sequence = view.readUInt32BE(HEADERS);
    this.packets.push({ tag: String.fromCharCode(tag), port: view.readUInt16BE(22), bytes: view.length, sequence });
  }

  batchEnd(): void {
    this.batches++;
    this.onBatch();
  }
}

function open(): NflogSource {
  const source = new NflogSource({ promptGroup: PROMPT, batchGroup: BATCH, copyBytes: COPY_BYTES });
  closers.push(() => source.close());
  return source;
}

/** Logs UDP datagrams to port 7001 to the prompt group, to 7002 to the batch group, to 7003 without a prefix. */
function setUp(): { source: NflogSource; sink: Recording } {
  const source = open();
  const log = (port: number, what: string) => `add rule inet t c udp dport ${port} log ${what} snaplen ${COPY_BYTES}`;
  const { ok, error } = nft.run(`flush ruleset
    add table inet t
    add chain inet t c { type filter hook input priority 0; }
    ${log(7001, `prefix "probe" group ${PROMPT}`)}
    ${log(7002, `prefix "held" group ${BATCH}`)}
    ${log(7003, `group ${PROMPT}`)}`);
  assert.ok(ok, error);
  const sink = new Recording();
  source.start(sink, (failure) => assert.fail(String(failure)));
  return { source, sink };
}

function sender(): (port: number, sequence: number, bytes?: number) => Promise<void> {
  const socket = createSocket("udp4");
  closers.push(() => socket.close());
  return (port, sequence, bytes = 4) =>
    new Promise((resolve, reject) => {
      const payload = Buffer.alloc(bytes);
      payload.writeUInt32BE(sequence);
      socket.send(payload, port, "127.0.0.1", (error) => (error === null ? resolve() : reject(error)));
    });
}

test("both groups deliver what their rules log, with its tag, cut to the length asked for", async () => {
  const { source, sink } = setUp();
  const send = sender();
  await send(7001, 1);
  await send(7002, 2, 500);
  await send(7003, 3);
  await waitUntil("three packets", () => sink.packets.length === 3);
  const bySequence = sink.packets.toSorted((a, b) => a.sequence - b.sequence);
  assert.deepEqual(bySequence, [
    { tag: "p", port: 7001, bytes: HEADERS + 4, sequence: 1 },
    { tag: "h", port: 7002, bytes: COPY_BYTES, sequence: 2 },
    { tag: "\0", port: 7003, bytes: HEADERS + 4, sequence: 3 },
  ]);
  assert.equal(source.lost + source.malformed, 0);
});

test("the prompt group delivers each packet by itself, the batch group many at a time, none is lost", async (t) => {
  const { source, sink } = setUp();
  const send = sender();
  const latencies: number[] = [];
  for (let round = 0; round < 200; round++) {
    const got = new Promise<void>((resolve) => {
      sink.onBatch = resolve;
    });
    const start = process.hrtime.bigint();
    await send(7001, round);
    await got;
    latencies.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  const p50 = latencies.sort((a, b) => a - b)[100] ?? 0;
  t.diagnostic(
    `prompt group: p50 ${p50.toFixed(2)} ms from send() to judgement, ${latencies.at(-1)?.toFixed(2)} ms at most`,
  );
  assert.equal(sink.batches, 200);
  sink.onBatch = () => undefined;
  await Promise.all(Array.from({ length: 5_000 }, (_, sequence) => send(7002, sequence)));
  await waitUntil("all of the batch", () => sink.packets.length === 5_200);
  assert.ok(sink.batches - 200 < 2_500, `${sink.batches - 200} deliveries for 5,000 packets`);
  assert.equal(new Set(sink.packets.slice(200).map(({ sequence }) => sequence)).size, 5_000);
  assert.equal(source.lost + source.malformed, 0);
});

test("behind a flood, in which it only looks now and then, it is prompt again, and nothing is lost", async () => {
  const { source, sink } = setUp();
  const send = sender();
  for (let sent = 0; sent < 30_000; sent += 1_000) {
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => send(7002, sent + index)));
    await send(7001, sent);
  }
  await waitUntil("all of the flood", () => sink.packets.length === 30_030);
  assert.ok(sink.batches < 5_000, `${sink.batches} deliveries`);
  await send(7001, 1);
  await waitUntil("one more", () => sink.packets.length === 30_031);
  await send(7002, 2);
  await waitUntil("and one of the batch", () => sink.packets.length === 30_032);
  assert.equal(source.lost + source.malformed, 0);
});

test("what arrives between binding and start() waits", async () => {
  const { source, sink } = setUp();
  source.close();
  const later = open();
  await sender()(7001, 9);
  later.start(sink, (failure) => assert.fail(String(failure)));
  await waitUntil("the packet", () => sink.packets.length === 1);
});

test("a group that another process has is refused in words, and the other group is given back", () => {
  const source = open();
  const expected = {
    name: "KernelError",
    code: "EBUSY",
    message: `log group ${PROMPT} is taken by another process: EBUSY; is another Portreeve running in this network namespace?`,
  };
  assert.throws(() => new NflogSource({ promptGroup: PROMPT, batchGroup: 5003, copyBytes: 64 }), expected);
  const batchTaken = { promptGroup: 5003, batchGroup: BATCH, copyBytes: 64 };
  assert.throws(() => new NflogSource(batchTaken), { code: "EBUSY" });
  new NflogSource({ promptGroup: 5003, batchGroup: 5004, copyBytes: 64 }).close();
  source.close();
  open();
});

test("what a sink throws goes to onError, and the next packet is delivered all the same", async () => {
  const { source, sink } = setUp();
  source.close();
  const again = open();
  const errors: unknown[] = [];
  const failing: PacketSink = {
    packet(bytes, at, end, tag) {
      sink.packet(bytes, at, end, tag);
      if (sink.packets.length === 1) throw new Error("a bug");
    },
    batchEnd: () => sink.batchEnd(),
  };
  again.start(failing, (error) => errors.push(error));
  const send = sender();
  await send(7001, 1);
  await waitUntil("the error", () => errors.length === 1);
  assert.equal(sink.batches, 1, "the delivery that failed has its end");
  await send(7001, 2);
  await waitUntil("the next packet", () => sink.packets.length === 2);
});

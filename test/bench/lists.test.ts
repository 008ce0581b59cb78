// A long list: a start with a million blocks, single addresses and networks of both families, with an empty kernel and with
// one that still has them; the issue wants 15 s and 300 MB. And what one more network costs among 100,000.
import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { BlockList } from "../../src/enforce/block-list.ts";
import type { Block } from "../../src/judge/block.ts";
import { openStore } from "../../src/record/sqlite-store.ts";
import { formatPrefix, type Prefix, prefixOfWords } from "../../src/wire/address.ts";
import { block } from "../judge/blocks.ts";
import { DaemonHere } from "../lab/support/daemon-here.ts";
import { enterOwnNamespace, mustDo } from "../lab/support/own-namespace.ts";
import { nthIpv4, prefix } from "../support/prefix.ts";
import { readCpuSeconds, tellQuantiles } from "./support.ts";

enterOwnNamespace(import.meta.filename);

const RUNS = 5;
const SINGLE = 800_000;
const SUBNETS = 100_000;
const NETWORKS = 100_000;
const COUNT = SINGLE + SUBNETS + NETWORKS;
const MAX_SECONDS = 15;
const MAX_RESIDENT_BYTES = 300e6;
const START_MS = 600_000;

/** The n-th network of 128 addresses, or of 65,536 /64: of either family by turns. */
function nthNetwork(index: number): Prefix {
  const half = index >>> 1;
  if (index % 2 === 0) return { ...nthIpv4((half * 128) % (1 << 24)), bits: 121 };
  return prefixOfWords(0x20010db8, half << 16, 0, 0, 48);
}

function nthSource(index: number): Prefix {
  // 100.64.0.0/10 and what follows it.
  if (index < SINGLE) return prefixOfWords(0, 0, 0xffff, (0x64400000 + index * 5) >>> 0, 128);
  if (index < SINGLE + SUBNETS) return prefixOfWords(0x20010db8, 0xf0000000 + index, 0, 0, 64);
  return nthNetwork(index - SINGLE - SUBNETS);
}

function* manyBlocks(nowMs: number): Generator<Block> {
  for (let index = 0; index < COUNT; index++) {
    const source = nthSource(index);
    yield {
      ...block("192.0.2.1"),
      source,
      sinceMs: nowMs - index,
      untilMs: nowMs + 86_400_000 + (index % 977) * 60_000,
      soft: index < SINGLE && index % 10 === 0,
    };
  }
}

interface Start {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** The most at any time. */
  readonly residentBytes: number;
}

function fill(daemon: DaemonHere): void {
  const listener = { onTrouble: (message: string) => assert.fail(message), onRecovered: () => undefined };
  const store = openStore(join(daemon.stateDir, "portreeve.db"), Date.now, { maxEvents: 1_000 }, listener);
  for (const one of manyBlocks(Date.now())) store.putBlock(one);
  store.close();
}

/** Until the daemon listens. */
async function startOf(daemon: DaemonHere): Promise<Start> {
  const startMs = performance.now();
  await daemon.start(START_MS);
  const seconds = (performance.now() - startMs) / 1_000;
  return { seconds, cpuSeconds: readCpuSeconds(daemon.pid), ...memoryOf(daemon) };
}

function memoryOf(daemon: DaemonHere): Pick<Start, "residentBytes"> {
  const status = readFileSync(`/proc/${daemon.pid}/status`, "utf8");
  return { residentBytes: Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024 };
}

test(`a start with ${COUNT.toLocaleString("en")} blocks, ${NETWORKS.toLocaleString("en")} of them networks`, async (t) => {
  mustDo("ip", "link", "set", "lo", "up");
  const trial = new DaemonHere();
  t.after(() => trial.close());
  fill(trial);
  const told: string[] = [];
  const starts: Start[] = [];
  const start = async (what: string) => {
    const measured = await startOf(trial);
    const status = await trial.client.ask("status", {});
    assert.ok("ok" in status && status.ok.blocked === COUNT, JSON.stringify(status).slice(0, 500));
    starts.push(measured);
    const { seconds, cpuSeconds, residentBytes } = measured;
    told.push(`${what} ${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)}), ${(residentBytes / 1e6).toFixed(0)} MB`);
  };
  for (let run = 0; run < RUNS; run++) {
    await start("empty kernel");
    await trial.end("SIGKILL");
    await start("kernel as it was");
    if (run === RUNS - 1) told.push(await oneMore(trial));
    await trial.end("SIGKILL");
    mustDo("nft", "delete table inet portreeve");
  }
  const load = loadavg().map((value) => value.toFixed(1));
  t.diagnostic(`seconds (of CPU), ${RUNS} runs, load ${load.join(", ")}: ${told.join(" | ")}`);
  const seconds = Math.max(...starts.map((one) => one.seconds));
  assert.ok(seconds <= MAX_SECONDS, `${seconds} s`);
  const residentBytes = Math.max(...starts.map((one) => one.residentBytes));
  assert.ok(residentBytes <= MAX_RESIDENT_BYTES, `${residentBytes} bytes resident`);
});

test(`an import of ${COUNT.toLocaleString("en")} sources, while status is asked`, async (t) => {
  const trial = new DaemonHere();
  t.after(() => trial.close());
  const file = join(trial.stateDir, "list.txt");
  const lines = openSync(file, "w");
  for (let index = 0; index < COUNT; index += 10_000) {
    const part = Array.from({ length: 10_000 }, (_, at) => `${formatPrefix(nthSource(index + at))}\n`);
    writeSync(lines, part.join(""));
  }
  closeSync(lines);
  await trial.start(START_MS);
  const cpuBefore = readCpuSeconds(trial.pid);
  const startMs = performance.now();
  const importing = trial.portreeve("import", file, "--for", "10d", "--json");
  let isDone = false;
  void importing.finally(() => {
    isDone = true;
  });
  const waits: number[] = [];
  while (!isDone) {
    const askedMs = performance.now();
    assert.ok("ok" in (await trial.client.ask("status", {})));
    waits.push(performance.now() - askedMs);
    await setTimeout(100);
  }
  const { code, out, err } = await importing;
  const seconds = (performance.now() - startMs) / 1_000;
  assert.deepEqual([code, err], [0, ""]);
  const { added, refused } = JSON.parse(out);
  assert.deepEqual({ added, refused }, { added: COUNT, refused: 0 });
  const status = await trial.client.ask("status", {});
  assert.ok("ok" in status && status.ok.blocked === COUNT);
  const { residentBytes } = memoryOf(trial);
  const cpuSeconds = readCpuSeconds(trial.pid) - cpuBefore;
  t.diagnostic(
    `${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} of the daemon's CPU), ${(residentBytes / 1e6).toFixed(0)} MB`,
  );
  t.diagnostic(tellQuantiles("an answer to status meanwhile", waits, "ms"));
  assert.ok(seconds <= MAX_SECONDS, `${seconds} s`);
  assert.ok(residentBytes <= MAX_RESIDENT_BYTES, `${residentBytes} bytes resident`);
});

/** A network that lies in another, blocked and unblocked by hand. */
async function oneMore(trial: DaemonHere): Promise<string> {
  const times: number[] = [];
  for (let index = 0; index < 10; index++) {
    const startMs = performance.now();
    const source = `10.0.${index}.64/28`;
    const reply = await trial.client.ask("block", { source, forMs: 864_000_000, reason: "one more" });
    assert.ok("ok" in reply, JSON.stringify(reply));
    times.push(performance.now() - startMs);
    const lifted = await trial.client.ask("unblock", { target: source });
    // It is lifted; the network in which it lies may be blocked all the same, which the daemon says.
    assert.ok("ok" in lifted || lifted.refused.code === "covered", JSON.stringify(lifted));
  }
  times.sort((a, b) => a - b);
  return `one more network by hand: half of ${times.length} within ${times[5]?.toFixed(0)} ms, all within ${times.at(-1)?.toFixed(0)} ms`;
}

test("the block around a source among 100,000 networks", (t) => {
  const list = new BlockList(1_000_000);
  for (let index = 0; index < NETWORKS; index++) list.put({ ...block("192.0.2.1"), source: nthNetwork(index) });
  const asked = Array.from({ length: 100_000 }, (_, index) => nthIpv4((index * 8_191) % (1 << 24)));
  for (let run = 0; run < RUNS; run++) {
    const startMs = performance.now();
    const blocked = asked.filter((source) => list.isFullyBlocked(source)).length;
    const microseconds = ((performance.now() - startMs) * 1_000) / asked.length;
    t.diagnostic(`${microseconds.toFixed(2)} us each; ${blocked} of ${asked.length} are blocked`);
  }
  assert.equal(list.inside(prefix("10.0.0.0/16")).length, 512);
});

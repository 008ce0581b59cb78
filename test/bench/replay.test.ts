// `portreeve replay` of a capture of 2 million packets, the whole command, beside tcpdump and (where installed) tshark on
// the same file: time by the clock, CPU and peak memory; and of the same file within gzip. Printed; asserted is what the
// commands say of the capture, and no time: other work runs on this machine.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  createReadStream,
  createWriteStream,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { after, test } from "node:test";
import { createGzip } from "node:zlib";
import { PCAP_HEADER_BYTES } from "../../src/capture/file/pcap.ts";
import { repositoryFolder } from "../support/repository.ts";

const PACKETS = 2_000_000;
const RUNS = 10;
/** It is a hundred times slower. */
const TSHARK_RUNS = 1;
const LOOK_EVERY_MS = 20;
/** sysconf(_SC_CLK_TCK) of Linux. */
const TICKS_PER_SECOND = 100;

const folder = mkdtempSync(join(tmpdir(), "portreeve-bench-"));
after(() => rmSync(folder, { recursive: true }));
const capture = join(folder, "two-million.pcap");
const zipped = `${capture}.gz`;
const empty = join(folder, "empty.pcap");
const replay = (file: string) => [process.execPath, repositoryFolder("bin/portreeve"), "replay", "--json", file];

interface Run {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMb: number;
  readonly output: string;
}

function headOf(path: string): Uint8Array {
  const head = new Uint8Array(PCAP_HEADER_BYTES);
  const file = openSync(path, "r");
  readSync(file, head);
  closeSync(file);
  return head;
}

/** CPU of all children that have ended: fields 16 and 17 of proc(5)'s stat, of which the second may hold spaces. */
function childrenCpuSeconds(): number {
  const stat = readFileSync("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}

function peakMbOf(pid: number | undefined): number {
  try {
    const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return Number(peak?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

async function run([program = "", ...args]: readonly string[]): Promise<Run> {
  const cpuBefore = childrenCpuSeconds();
  const started = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  let output = "";
  let peakMb = 0;
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    output = (output + piece).slice(-100_000);
  });
  const look = setInterval(() => {
    peakMb = Math.max(peakMb, peakMbOf(child.pid));
  }, LOOK_EVERY_MS);
  const [code] = await once(child, "close");
  const seconds = (performance.now() - started) / 1000;
  clearInterval(look);
  assert.equal(code, 0, program);
  return { seconds, cpuSeconds: childrenCpuSeconds() - cpuBefore, peakMb, output };
}

/** Smallest and median of some runs; the first, which fills the page cache, is not counted. */
async function measure(
  argv: readonly string[],
  runs: number,
): Promise<{ readonly text: string; readonly output: string }> {
  const { output } = await run(argv);
  const all: Run[] = [];
  for (let at = 0; at < runs; at++) all.push(await run(argv));
  const sorted = (of: (one: Run) => number) => all.map(of).sort((a, b) => a - b);
  const span = (of: (one: Run) => number) => {
    const values = sorted(of);
    return `${values[0]?.toFixed(2)} s (median ${values[values.length >> 1]?.toFixed(2)})`;
  };
  const wall = sorted((one) => one.seconds);
  const rate = (seconds = Number.NaN) => (PACKETS / seconds / 1e6).toFixed(2);
  const peakMb = sorted((one) => one.peakMb).at(-1) ?? 0;
  const text =
    `${span((one) => one.seconds)}, CPU ${span((one) => one.cpuSeconds)}, ` +
    `${rate(wall[0])} million packets a second (median ${rate(wall[wall.length >> 1])}), ` +
    `${peakMb.toFixed(0)} MB at most; ${runs} runs`;
  return { text, output };
}

test(`${PACKETS} packets`, async (t) => {
  const writer = repositoryFolder("build/test/bench/programs/write-capture.js");
  await run([process.execPath, writer, capture, String(PACKETS)]);
  await pipeline(createReadStream(capture), createGzip({ level: 1 }), createWriteStream(zipped));
  for (const file of [capture, zipped]) {
    const { text, output } = await measure(replay(file), RUNS);
    assert.match(output, new RegExp(`"packets":${PACKETS}\\b`));
    t.diagnostic(`replay${file === zipped ? " within gzip" : ""}: ${text}`);
  }
  writeFileSync(empty, headOf(capture));
  const { text } = await measure(replay(empty), RUNS);
  t.diagnostic(`replay of a capture without packets, which is the start of the program: ${text.split(", CPU")[0]}`);
  const tcpdump = await measure(["tcpdump", "-r", capture, "-w", "/dev/null"], RUNS);
  t.diagnostic(`tcpdump -w /dev/null: ${tcpdump.text}`);
  if (spawnSync("tshark", ["--version"], { stdio: "ignore" }).error !== undefined) {
    t.diagnostic("tshark: not installed, not compared");
    return;
  }
  const tshark = await measure(["tshark", "-n", "-r", capture], TSHARK_RUNS);
  t.diagnostic(`tshark -n: ${tshark.text}`);
});

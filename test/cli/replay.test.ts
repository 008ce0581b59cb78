// portreeve replay as a user sees it: text, JSON, standard input, gzip, evidence step by step, and every way to fail.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createReadStream, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { z } from "zod";
import { createProgress } from "../../src/cli/progress.ts";
import { makeFolder } from "../control/fake-daemon.ts";
import { capture } from "../support/corpus.ts";
import { finish, mainFile, portreeve, writeConf } from "./run-command.ts";

const syn = capture("nmap/syn");
const homes = syn.expected.homes.flatMap((home) => ["--home", home]);

/** Design section 7: these stay. */
const scannerSchema = z.looseObject({
  source: z.string(),
  kinds: z.array(z.string()).min(1),
  ports: z.number(),
  targets: z.number(),
  probes: z.number(),
  tool: z.string().optional(),
  flaggedAfter: z.number(),
  first: z.iso.datetime(),
  last: z.iso.datetime(),
});
const summarySchema = z.strictObject({
  summary: z.looseObject({
    packets: z.number(),
    undecodable: z.number(),
    sources: z.number(),
    scanners: z.number(),
    seconds: z.number(),
  }),
});

function parseJson(out: string) {
  const lines = out.trimEnd().split("\n");
  const { summary } = summarySchema.parse(JSON.parse(lines.pop() ?? ""));
  return { scanners: lines.map((line) => scannerSchema.parse(JSON.parse(line))), summary };
}

test("--json: an object for each scanner, then the summary", async () => {
  const { code, out, err } = await portreeve(["replay", syn.file, ...homes, "--json"]);
  assert.deepEqual([code, err], [0, ""]);
  const { scanners, summary } = parseJson(out);
  assert.equal(scanners.length, 1);
  const [scanner] = scanners;
  assert.deepEqual(
    [scanner?.source, scanner?.kinds, scanner?.ports, scanner?.targets, scanner?.tool],
    [syn.expected.scanners[0]?.source, ["syn"], 30, 1, "nmap"],
  );
  assert.ok((scanner?.flaggedAfter ?? 0) >= 1 && (scanner?.flaggedAfter ?? 0) <= 4);
  assert.deepEqual([summary.packets, summary.undecodable, summary.scanners], [67, 0, 1]);
});

test("a line for a person, and a summary", async () => {
  const { code, out } = await portreeve(["replay", syn.file, ...homes]);
  assert.equal(code, 0);
  const [line = "", summary] = out.trimEnd().split("\n");
  assert.match(
    line,
    /203\.0\.113\.1 {2}syn {2}30 ports \(tcp 21-23,25,.*\) {2}1 target {2}30 probes {2}nmap {2}vertical {2}flagged after \d by score/,
  );
  assert.equal(summary, "67 packets of 0s, 1 source, 1 scanner");
});

test("from standard input and through gzip it is the same", async (t) => {
  const { out: plain } = await portreeve(["replay", syn.file, ...homes, "--json"]);
  const zipped = join(makeFolder(t), "syn.pcap.gz");
  writeFileSync(zipped, gzipSync(readFileSync(syn.file)));
  assert.deepEqual((await portreeve(["replay", zipped, ...homes, "--json"])).out, plain);
  const child = spawn(process.execPath, [mainFile, "replay", "-", ...homes, "--json"], { env: { TZ: "UTC" } });
  createReadStream(zipped).pipe(child.stdin);
  assert.deepEqual((await finish(child)).out, plain);
});

test("only probes of our networks count", async () => {
  const { out } = await portreeve(["replay", syn.file, "--home", "192.0.2.0/24", "--json"]);
  const { scanners, summary } = parseJson(out);
  assert.deepEqual([scanners.length, summary.packets], [0, 67]);
});

test("--explain tells the evidence step by step, to the finding", async () => {
  const { code, out } = await portreeve([
    "replay",
    syn.file,
    ...homes,
    "--explain",
    "203.0.113.1",
    "--policy",
    "score",
  ]);
  assert.equal(code, 0);
  const lines = out.split("\n");
  assert.match(lines[0] ?? "", /^\d{4}-\d\d-\d\dT\S+ {2}probe 1 {2}syn {2}tcp\/\d+ at 198\.51\.100\.1$/);
  assert.ok(lines.some((line) => /outcome {2}tcp\/\d+ at 198\.51\.100\.1 {2}refused: nobody serves it/.test(line)));
  assert.ok(lines.some((line) => /outcome .* accepted/.test(line)));
  assert.equal(lines.filter((line) => /FOUND SCANNING by score after \d+ probes/.test(line)).length, 1);
});

test("a known scanner has its name, escaped", async (t) => {
  const list = join(makeFolder(t), "known");
  writeFileSync(list, "203.0.113.0/24 Example University\nnonsense\n");
  const { out, err } = await portreeve(["replay", syn.file, ...homes, "--known", list, "--json"]);
  assert.equal(parseJson(out).scanners[0]?.known, "Example University");
  assert.match(err, /known:2: .*nonsense/);
});

test("settings of a file, and its allow list, hold", async (t) => {
  const folder = makeFolder(t);
  const ignore = join(folder, "ignore");
  writeFileSync(ignore, "203.0.113.0/24\n");
  const conf = writeConf(t, `IGNORE_FILE="${ignore}"\nPOLICY="score"\nPROOF="on"\n`);
  const { code, out } = await portreeve(["replay", syn.file, ...homes, "-c", conf, "--json"]);
  assert.deepEqual([code, parseJson(out).scanners.length], [0, 0]);
});

test("a damaged file: what is readable is read, the rest is said with its offset", async (t) => {
  const file = join(makeFolder(t), "cut.pcap");
  const whole = readFileSync(syn.file);
  writeFileSync(file, whole.subarray(0, whole.length - 10));
  const { code, out, err } = await portreeve(["replay", file, ...homes, "--json"]);
  assert.deepEqual([code, parseJson(out).summary.packets], [0, 67]);
  assert.match(err, /cut\.pcap: offset \d+: /);
});

test("what cannot be done is said, with an exit code of sysexits.h", async (t) => {
  const text = join(makeFolder(t), "text");
  writeFileSync(text, "no capture at all, but long enough to have a header of one");
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["/nowhere/at/all.pcap"], 66, /\/nowhere\/at\/all\.pcap.*no such file/i],
    [[text], 65, /text.*(pcap|capture)/],
    [[syn.file, "--home", "300.0.0.0/8"], 64, /--home 300\.0\.0\.0\/8 .*write it like/],
    [[syn.file, "--explain", "scanner"], 64, /--explain scanner .*write it like/],
    [[syn.file, "--policy", "magic"], 64, /magic/],
    [[syn.file, "--known", "/nowhere"], 66, /\/nowhere/],
    [[syn.file, "-c", "/nowhere"], 78, /\/nowhere/],
    [[], 64, /file/],
  ];
  for (const [args, expected, message] of cases) {
    const { code, err } = await portreeve(["replay", ...args]);
    assert.deepEqual([args, code], [args, expected]);
    assert.match(err, message);
  }
});

test("the progress bar: only on a terminal, not of what is over at once, and wiped away", () => {
  const written: string[] = [];
  const stream = Object.assign(Object.create(process.stderr), {
    isTTY: true,
    write: (piece: string) => written.push(piece) > 0,
  });
  let nowMs = 0;
  const progress = createProgress(stream, true, () => nowMs);
  progress.at(1 << 20, 4 << 20);
  assert.deepEqual(written, []);
  nowMs = 1_000;
  progress.at(2 << 20, 4 << 20);
  nowMs = 1_050;
  progress.at(3 << 20, 4 << 20);
  progress.end();
  assert.deepEqual(written, [`\r\x1b[K[${"#".repeat(15)}${".".repeat(15)}]  50 % 2 MiB  2 MiB/s`, "\r\x1b[K"]);
});

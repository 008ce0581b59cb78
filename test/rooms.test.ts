// Imports follow the rooms of the design: a room may know those that a packet has passed before it, never those after. And files
// are small.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";

/** Ground rooms first; each list in the order in which a packet passes. */
const may: Readonly<Record<string, readonly string[]>> = {
  base: [],
  wire: [],
  kernel: ["wire"],
  capture: ["kernel", "wire"],
  detect: ["base", "wire"],
  command: ["wire", "detect"],
  config: ["base", "wire", "command"],
  // From settings to what the detectors judge by, for live traffic and recorded alike.
  policy: ["wire", "detect", "config"],
  judge: ["base", "kernel", "wire", "detect"],
  table: ["base", "kernel", "wire", "detect", "judge"],
  record: ["base", "kernel", "wire", "detect", "judge"],
  control: ["base", "wire", "record"],
  host: ["base", "kernel", "wire", "judge", "table", "control"],
  enforce: ["base", "kernel", "wire", "detect", "command", "config", "policy", "judge", "table", "record", "host"],
  sense: ["base", "kernel", "capture", "wire", "detect", "config", "policy", "judge", "table", "record", "host"],
  daemon: [
    ...["base", "kernel", "capture", "wire", "detect", "judge", "table", "enforce", "record"],
    ...["host", "sense", "config", "policy", "control"],
  ],
  // What people ask of the daemon through its socket, and what answers them while none runs.
  answer: [
    ...["base", "kernel", "wire", "detect", "judge", "table", "enforce", "record"],
    ...["host", "sense", "config", "control", "daemon"],
  ],
  // The process: builds the daemon, follows the host's changes, opens the socket, ends.
  service: [
    ...["base", "kernel", "capture", "wire", "detect", "judge", "table", "enforce", "record"],
    ...["host", "sense", "config", "control", "daemon", "answer"],
  ],
  // The detectors over what has been recorded: captures and our own events.
  replay: ["base", "capture", "wire", "detect", "judge", "config", "policy", "record", "control"],
  cli: ["base", "wire", "config", "control", "host", "answer", "service", "record", "replay"],
};

const root = resolve(import.meta.dirname, "../../src");

function* files(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (entry.name.endsWith(".ts")) yield path;
  }
}

interface Import {
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

/** Relative imports, of types and at run time (`import()`) too; paths below src/. */
function* imports(): Generator<Import> {
  for (const file of files(root)) {
    const text = readFileSync(file, "utf8");
    for (const match of text.matchAll(/(?:\bfrom |\bimport\(|^import )"(\.[^"]+)"/gm)) {
      const to = relative(root, resolve(dirname(file), match[1] ?? ""));
      yield { from: relative(root, file), to, text: match[1] ?? "" };
    }
  }
}

const roomOf = (path: string) => path.split("/")[0] ?? "";

test("imports point one way, room to room", () => {
  const all = [...imports()];
  for (const { from, to, text } of all) {
    const [room, target] = [roomOf(from), roomOf(to)];
    if (target === room) continue;
    assert.ok(may[room]?.includes(target), `${from} imports ${text}: ${room} may not know ${target}`);
  }
  assert.ok(all.length > 20, `only ${all.length} imports seen: the test looks in the wrong place`);
});

test("no room that is listed is missing, and none knows itself by a detour", () => {
  const rooms = new Set([...files(root)].map((file) => roomOf(relative(root, file))));
  assert.deepEqual([...rooms].sort(), Object.keys(may).sort());
  const known = new Set<string>();
  const walk = (room: string, way: readonly string[]): void => {
    assert.ok(!way.includes(room), `a circle of rooms: ${[...way, room].join(" -> ")}`);
    if (known.has(room)) return;
    for (const next of may[room] ?? []) walk(next, [...way, room]);
    known.add(room);
  };
  for (const room of Object.keys(may)) walk(room, []);
});

test("no circle between files", () => {
  const next = new Map<string, string[]>();
  for (const { from, to } of imports()) next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (file: string, way: readonly string[]): void => {
    const at = way.indexOf(file);
    if (at >= 0) circles.push([...way.slice(at), file].join(" -> "));
    if (at >= 0 || done.has(file)) return;
    for (const each of next.get(file) ?? []) walk(each, [...way, file]);
    done.add(file);
  };
  for (const file of next.keys()) walk(file, []);
  assert.deepEqual(circles, []);
});

test("only kernel/ knows koffi", () => {
  for (const file of files(root)) {
    if (relative(root, file).startsWith("kernel/")) continue;
    assert.ok(!/from "koffi"/.test(readFileSync(file, "utf8")), `${file} imports koffi`);
  }
});

const DAEMON_MAX_LINES = 3_000;

test("the room that joins the others stays small", () => {
  const all = [...files(join(root, "daemon"))];
  const lines = all.reduce((sum, file) => sum + readFileSync(file, "utf8").split("\n").length - 1, 0);
  assert.ok(lines <= DAEMON_MAX_LINES, `src/daemon/ has ${lines} lines: move out what joins nothing`);
});

/** Lists of one kind: a longer list is not harder to read. */
const lists = new Map([["config/keys.ts", "one row for each configuration key"]]);
const MAX_LINES = 350;
const KB = 1_024;

test("files are small: half of them at most 4 KB, nine of ten at most 8.5 KB, none above 350 lines but lists of one kind", () => {
  const all = [...files(root)];
  const long = all.filter((file) => readFileSync(file, "utf8").split("\n").length - 1 > MAX_LINES);
  assert.deepEqual(
    long.map((file) => relative(root, file)),
    [...lists.keys()],
  );
  const sizes = all.map((file) => statSync(file).size).sort((a, b) => a - b);
  const below = (share: number) => sizes[Math.ceil(share * sizes.length) - 1] ?? Number.NaN;
  assert.ok(below(0.5) <= 4 * KB, `the median file has ${below(0.5)} bytes`);
  assert.ok(below(0.9) <= 8.5 * KB, `nine of ten files have at most ${below(0.9)} bytes`);
});

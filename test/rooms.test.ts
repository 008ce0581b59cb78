// Imports follow the rooms of the design: a room may know those that a packet has passed before it, never those after.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";

const may: Readonly<Record<string, readonly string[]>> = {
  // The ground: every room may know it.
  base: [],
  wire: [],
  kernel: ["wire"],
  capture: ["kernel", "wire"],
  detect: ["wire"],
  judge: ["wire", "detect"],
  block: ["kernel", "wire", "detect", "judge"],
  record: ["kernel", "wire", "detect", "judge", "block"],
  config: ["wire"],
  // From settings to what the detectors judge by, for live traffic and recorded alike.
  policy: ["wire", "detect", "config"],
  control: ["wire", "record"],
  daemon: ["kernel", "capture", "wire", "detect", "judge", "block", "record", "config", "policy", "control"],
  // The detectors over what has been recorded: captures and our own events.
  replay: ["capture", "wire", "detect", "judge", "config", "policy", "record", "control"],
  cli: ["wire", "config", "control", "daemon", "record", "replay"],
};

const root = resolve(import.meta.dirname, "../../src");

function* files(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (entry.name.endsWith(".ts")) yield path;
  }
}

test("imports point one way, room to room", () => {
  let seen = 0;
  for (const file of files(root)) {
    const room = relative(root, file).split("/")[0] ?? "";
    const text = readFileSync(file, "utf8");
    for (const match of text.matchAll(/from "(\.[^"]+)"/g)) {
      const target = relative(root, resolve(dirname(file), match[1] ?? "")).split("/")[0] ?? "";
      seen++;
      if (target === room || target === "base") continue;
      assert.ok(
        may[room]?.includes(target),
        `${relative(root, file)} imports ${match[1]}: ${room} may not know ${target}`,
      );
    }
  }
  assert.ok(seen > 20, `only ${seen} imports seen: the test looks in the wrong place`);
});

test("only kernel/ knows koffi", () => {
  for (const file of files(root)) {
    if (relative(root, file).startsWith("kernel/")) continue;
    assert.ok(!/from "koffi"/.test(readFileSync(file, "utf8")), `${file} imports koffi`);
  }
});

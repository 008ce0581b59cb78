// What may stand where a file of ours is to be: made by root, as another user of the host (or an accident) would make it.
import { spawnSync } from "node:child_process";
import { chownSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";

/** "nobody" of every distribution. */
export const NOBODY_UID = 65_534;

export const needsRoot = process.getuid?.() === 0 ? false : "needs root: other users' files, devices, mounts";

export function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-base-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function must(program: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
}

/** Beside the path, for links to lead to. */
function realBeside(path: string): string {
  const real = join(dirname(path), "real");
  writeFileSync(real, "kept\n");
  return real;
}

function othersFile(path: string): void {
  writeFileSync(path, "kept\n");
  chownSync(path, NOBODY_UID, NOBODY_UID);
}

/** What must be refused, how to make it, and what is said of it. */
export const obstacles: readonly (readonly [name: string, make: (path: string) => void, why: RegExp])[] = [
  ["a link to a file of ours", (path) => symlinkSync(realBeside(path), path), /it is a symbolic link, which is not/],
  ["a link to nothing", (path) => symlinkSync("/nonexistent/made", path), /it is a symbolic link/],
  ["a hard link", (path) => linkSync(realBeside(path), path), /it has 2 names \(hard links\)/],
  ["another user's file", othersFile, /it belongs to user 65534/],
  ["a pipe", (path) => must("mkfifo", path), /it is no regular file/],
  ["a device", (path) => must("mknod", path, "c", "1", "3"), /it is no regular file/],
  ["a folder", (path) => mkdirSync(path), /it is a directory/],
];

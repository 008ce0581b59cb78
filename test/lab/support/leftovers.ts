// Taking namespaces away, and those of test runs that were killed before they could: their names carry the pid.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mustRun } from "./exec.ts";

/** The beginnings of all names that a run gives. */
export const namePrefix = (pid: number): string => `pr-${pid}-`;
export const folderPrefix = (pid: number): string => `portreeve-lab-${pid}-`;
const NAME = /^pr-(\d+)-/;
const FOLDER = /^portreeve-lab-(\d+)-/;

/** Removes a namespace of ours and ends what still runs in it. */
export function removeNamespace(name: string): void {
  const pids = spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" });
  if (pids.status !== 0) return;
  for (const pid of pids.stdout.split("\n").map(Number)) {
    if (pid > 1) endProcess(pid);
  }
  spawnSync("ip", ["netns", "del", name]);
}

/** With what is mounted below it. */
export function removeFolder(folder: string): void {
  for (const line of readFileSync("/proc/self/mounts", "utf8").split("\n")) {
    const [, mountPoint = ""] = line.split(" ");
    if (mountPoint.startsWith(`${folder}/`)) spawnSync("umount", ["-l", mountPoint]);
  }
  rmSync(folder, { recursive: true, force: true });
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It had ended by itself.
  }
}

/** Namespaces and folders of test runs whose process is gone. */
export async function removeLeftOvers(): Promise<void> {
  const list = await mustRun(["ip", "netns", "list"]);
  for (const line of list.split("\n")) {
    const name = line.split(" ")[0] ?? "";
    if (isOfTheDead(NAME, name)) removeNamespace(name);
  }
  for (const name of readdirSync(tmpdir())) {
    if (isOfTheDead(FOLDER, name)) removeFolder(join(tmpdir(), name));
  }
}

function isOfTheDead(pattern: RegExp, name: string): boolean {
  const pid = Number(pattern.exec(name)?.[1] ?? 0);
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

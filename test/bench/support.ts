// What the benches share: what the kernel says a process uses, and how figures are told. Figures are printed, and only
// those that the design promises are asserted.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../lab/support/exec.ts";
import type { Host } from "../lab/support/lab.ts";

const floodSender = join(import.meta.dirname, "../support/flood-sender.js");

/** A program of this repository's tests, as an argument vector. */
export function nodeProgram(file: string, options: Readonly<Record<string, string | number>>): readonly string[] {
  return [process.execPath, file, ...Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)])];
}

export function floodProgram(options: Readonly<Record<string, string | number>>): readonly string[] {
  return nodeProgram(floodSender, options);
}

/** The only process that runs in a namespace. */
export async function onlyPid(host: Host): Promise<number> {
  const pids = (await mustRun(["ip", "netns", "pids", host.name])).trim().split("\n").map(Number);
  const [pid] = pids;
  if (pid === undefined || pids.length !== 1) throw new Error(`expected one process in ${host.name}: ${pids}`);
  return pid;
}

export interface Memory {
  readonly residentKiB: number;
  readonly anonymousKiB: number;
  readonly fileKiB: number;
}

export function readMemory(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const value = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN);
  return { residentKiB: value("VmRSS"), anonymousKiB: value("RssAnon"), fileKiB: value("RssFile") };
}

export function tellMemory(what: string, { residentKiB, anonymousKiB, fileKiB }: Memory): string {
  const megabytes = (kibibytes: number) => ((kibibytes * 1024) / 1e6).toFixed(1);
  return `${what}: VmRSS ${megabytes(residentKiB)} MB (anonymous ${megabytes(anonymousKiB)}, file ${megabytes(fileKiB)})`;
}

/** CPU time of all threads so far, to the nanosecond: /proc/PID/stat counts in hundredths of a second. */
export function readCpuSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
  }
  return nanoseconds / 1e9;
}

/** The value below which `share` of the samples lie. */
function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function tellQuantiles(what: string, samples: readonly number[], unit: string): string {
  const [p50, p99, top] = [0.5, 0.99, 1].map((share) => quantile(samples, share).toFixed(1));
  return `${what}: p50 ${p50} ${unit}, p99 ${p99} ${unit}, largest ${top} ${unit} of ${samples.length}`;
}

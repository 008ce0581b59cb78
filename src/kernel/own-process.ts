// This process as the kernel names it to those who watch nf_tables.
import { readFileSync } from "node:fs";

/** `name`: of the main thread, at most 15 characters. */
export function ownProcess(): { readonly pid: number; readonly name: string } {
  return { pid: process.pid, name: readFileSync("/proc/self/comm", "utf8").trimEnd() };
}

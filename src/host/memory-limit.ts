// How much memory this daemon may use, and so how many blocks it lists: everything that a forger can make it remember must fit.
import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { getHeapStatistics } from "node:v8";

/** The elements that the kernel's sets hold at most, both families together, hard and soft. */
export const MAX_BLOCKS = 1_048_576;
const FEWEST_BLOCKS = 16_384;
/**
 * Memory of the machine (or the cgroup) for one block: 200 bytes here, some 200 in the kernel's set, 300 in the store's
 * cache and queues; the rest is for everything else that runs.
 */
const MEMORY_BYTES_A_BLOCK = 2_048;
/** A block lies outside of the heap; the objects that are made of it on its way there, and for answers with the list, do not. */
const HEAP_BYTES_A_BLOCK = 512;
/** The part of V8's limit that is not for blocks: 48 MiB for a young generation of full size, which ours never has, and the daemon's own needs. */
const HEAP_BYTES_TAKEN = 72 * 1_048_576;

export interface MemoryLimits {
  readonly memoryBytes: number;
  readonly heapBytes: number;
}

export function readMemoryLimits(): MemoryLimits {
  return { memoryBytes: Math.min(totalmem(), cgroupBytes()), heapBytes: getHeapStatistics().heap_size_limit };
}

/** MAX_BLOCKS where memory allows it, otherwise as many as fit. */
export function blockLimit({ memoryBytes, heapBytes }: MemoryLimits): number {
  const fitting = Math.min(memoryBytes / MEMORY_BYTES_A_BLOCK, (heapBytes - HEAP_BYTES_TAKEN) / HEAP_BYTES_A_BLOCK);
  return Math.max(FEWEST_BLOCKS, Math.min(MAX_BLOCKS, Math.floor(fitting)));
}

/** The narrowest limit of this process's cgroup and those above it, by either version of cgroups; Infinity without one. */
function cgroupBytes(): number {
  const lines = readText("/proc/self/cgroup").split("\n");
  const limits = lines.flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    if (controllers === "") return limitsUpwards("/sys/fs/cgroup", path, "memory.max");
    if (controllers?.split(",").includes("memory") !== true) return [];
    return limitsUpwards("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
  });
  return Math.min(Number.POSITIVE_INFINITY, ...limits);
}

function limitsUpwards(root: string, path: string, file: string): number[] {
  const parts = path.split("/").filter((part) => part !== "");
  return parts
    .map((_, index) => join(root, ...parts.slice(0, index + 1), file))
    .concat(join(root, file))
    .map((name) => Number(readText(name).trim() || "max"))
    .filter((bytes) => bytes > 0);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

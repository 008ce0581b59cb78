// Which PortSentry a configuration file was written for, for the one command line that does not say: none at all.
// 2.x refuses to start with 1.2's ADVANCED_* keys, and 1.2 knows no port ranges, which 2.x's own file has.
import { readLines } from "../config/lines.ts";
import { createProblemLog } from "../config/problems.ts";
import type { ReadFile } from "../config/read.ts";

const only1 = ["ADVANCED_PORTS_TCP", "ADVANCED_PORTS_UDP", "ADVANCED_EXCLUDE_TCP", "ADVANCED_EXCLUDE_UDP"];

/** 1 when in doubt, and for a file that cannot be read: 1.2 then explains its command line, and starts nothing. */
export function generationOf(file: string, readFile: ReadFile): 1 | 2 {
  const entries = tryReadLines(file, readFile);
  const format = entries?.get("LOG_FORMAT")?.value;
  if (format === "portsentry1" || format === "portsentry2") return format === "portsentry2" ? 2 : 1;
  if (only1.some((key) => entries?.has(key))) return 1;
  return ["TCP_PORTS", "UDP_PORTS"].some((key) => entries?.get(key)?.value.includes("-")) ? 2 : 1;
}

function tryReadLines(file: string, readFile: ReadFile) {
  try {
    return readLines(readFile(file), createProblemLog(file));
  } catch {
    return undefined;
  }
}

// What KNOWN_SCANNERS names, read. The list gives names and spares nobody, so that one which cannot be read is a warning
// and never keeps the daemon from starting.

import { escapeWord } from "../base/escape.ts";
import { keys } from "./keys.ts";
import type { ProblemLog } from "./problems.ts";
import type { ReadFile } from "./read.ts";
import { loadResearchFile, type ResearchFile } from "./research-file.ts";

export function loadKnown(
  path: string | undefined,
  line: number,
  { readFile, log }: { readonly readFile: ReadFile; readonly log: ProblemLog },
): ResearchFile {
  if (path === undefined) return { entries: [], problems: [] };
  const read = loadResearchFile(path, readFile);
  const fault = read.problems.find(({ severity }) => severity === "error");
  if (fault === undefined) return read;
  const message = `KNOWN_SCANNERS ${escapeWord(path)}: ${fault.message}`;
  log.add({ severity: "warning", line, key: keys.knownScanners.name, message });
  return { entries: [], problems: [] };
}

// portreeve replay FILE: runs the detectors over a recorded capture and says who scanned, what, with which tool, and after
// how many probes that was clear. Needs no daemon and no rights but to read the file.

import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import { type Replayed, replay as runReplay } from "../replay/replay.ts";
import type { ScannerReport } from "../replay/report.ts";
import { ReplayError, readReplaySettings } from "../replay/settings.ts";
import { formatCount, formatSpan, formatTime, plural } from "./format.ts";
import { createProgress } from "./progress.ts";
import { paint, type Terminal, toJsonLine } from "./terminal.ts";

/** Members of a coordinated scan that are written out; --json has all. */
const NAMED_MEMBERS = 8;

export interface ReplayCommandOptions {
  readonly json?: boolean;
  readonly home?: readonly string[];
  readonly conf?: string;
  readonly policy?: string;
  readonly explain?: string;
  readonly known?: string;
}

export async function replay(file: string, given: ReplayCommandOptions, terminal: Terminal): Promise<number> {
  try {
    const settings = readReplaySettings(given, (warning) => terminal.complain(warning));
    const progress = createProgress(process.stderr, given.json !== true);
    const explained: string[] = [];
    const hooks = {
      progress: (read: number, total: number | undefined) => progress.at(read, total),
      explain: (line: string) => void explained.push(line),
    };
    const replayed = await runReplay(file, settings, hooks).finally(() => progress.end());
    for (const problem of replayed.problems) terminal.complain(`${escapeText(file)}: ${escapeText(problem)}`);
    if (given.explain !== undefined) await terminal.write(explained.map((line) => `${escapeText(line)}\n`).join(""));
    await (given.json === true ? writeJson(replayed, terminal) : writeText(replayed, terminal));
    return ExitCode.Ok;
  } catch (error) {
    if (!(error instanceof ReplayError)) throw error;
    terminal.complain(error.message);
    return error.exitCode;
  }
}

async function writeJson({ scanners, summary }: Replayed, terminal: Terminal): Promise<void> {
  for (const scanner of scanners) await terminal.write(toJsonLine(scanner));
  await terminal.write(toJsonLine({ summary }));
}

async function writeText({ scanners, summary }: Replayed, terminal: Terminal): Promise<void> {
  for (const scanner of scanners) await terminal.write(`${escapeText(scannerLine(scanner))}\n`);
  const { packets, undecodable, sources, seconds } = summary;
  const span = formatSpan(seconds * 1000);
  const told = [
    `${plural(packets, "packet")} of ${span}`,
    ...(undecodable > 0 ? [`${formatCount(undecodable)} undecodable`] : []),
    plural(sources, "source"),
    plural(summary.scanners, "scanner"),
  ];
  await terminal.write(`${paint(terminal, "bold", told.join(", "))}\n`);
  for (const { members, target, elements } of summary.coordinated) {
    const named = members.slice(0, NAMED_MEMBERS).join(", ");
    const more = members.length > NAMED_MEMBERS ? ", ..." : "";
    await terminal.write(
      `coordinated: ${plural(members.length, "source")} shared out ${formatCount(elements)} ports or hosts of ${target}: ${named}${more}\n`,
    );
  }
  for (const prefix of summary.prefixes) await terminal.write(`several networks of ${prefix} scan\n`);
}

function scannerLine(scanner: ScannerReport): string {
  const { source, kinds, ports, portList, targets, probes, tool, tools, flaggedAfter, flaggedBy, shape } = scanner;
  const spanMs = Date.parse(scanner.last) - Date.parse(scanner.first);
  const fields = [
    formatTime(scanner.first),
    `+${formatSpan(spanMs)}`,
    source,
    kinds.join("+"),
    ports === 0 ? undefined : `${plural(ports, "port")}${portList === "" ? "" : ` (${portList})`}`,
    plural(targets, "target"),
    plural(probes, "probe"),
    tools?.join("+") ?? tool,
    shape,
    `flagged after ${formatCount(flaggedAfter)} by ${flaggedBy.join("+")}`,
    scanner.inStep === undefined ? undefined : `one of ${formatCount(scanner.inStep)} in step`,
    scanner.decoyGroup === undefined ? undefined : `decoy group ${scanner.decoyGroup}: one of it at most is real`,
    scanner.known === undefined ? undefined : `known: ${scanner.known}`,
  ];
  return fields.filter((field) => field !== undefined && field !== "").join("  ");
}

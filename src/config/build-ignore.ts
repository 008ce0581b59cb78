// The texts of Debian's ignore-file helpers: portsentry.ignore out of the static file and the host's own addresses, and
// adding to and removing from the static file. Pure; cli/ignore-tools.ts reads and writes the files.
import { escapeText } from "../base/escape.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { readIgnoreFile } from "./ignore-file.ts";
import { formatProblem } from "./problems.ts";

/** By this first line of the second paragraph the helpers know a file that they have made. */
const MADE_BY = "# This file was made by portsentry-build-ignore-file.";

export interface BuildInput {
  readonly staticText: string;
  readonly staticPath: string;
  readonly ignorePath: string;
  /** The addresses of the host's interfaces. */
  readonly own: readonly Prefix[];
}

export interface Built {
  readonly text: string;
  /** Lines of the static file that name no address and stand in the made one as comments. */
  readonly problems: readonly string[];
}

export function buildIgnoreText({ staticText, staticPath, ignorePath, own }: BuildInput): Built {
  const problems: string[] = [];
  const entries = new Set<string>();
  const lines = splitLines(staticText).map((line, index) => {
    const { prefixes, problems: here } = readIgnoreFile(line, staticPath);
    for (const prefix of prefixes) entries.add(formatPrefix(prefix));
    if (prefixes.length > 0 || here.length === 0) return line;
    for (const problem of here) problems.push(formatProblem({ ...problem, line: index + 1 }));
    return `# (no address) ${line}`;
  });
  const added = [...new Set(own.map(formatPrefix))].filter((address) => !entries.has(address));
  const text = [
    `# ${ignorePath}: the addresses that portsentry(8)`,
    "# never blocks.",
    "#",
    MADE_BY,
    `# Do not edit it: edit ${staticPath}, and use`,
    '# "/etc/init.d/portsentry restart" to have it made again.',
    "",
    `# From ${staticPath}:`,
    ...lines,
    "",
    "# Addresses of this host when this file was made:",
    ...added,
    "",
  ].join("\n");
  return { text, problems };
}

export function isBuilt(ignoreText: string): boolean {
  return splitLines(ignoreText).includes(MADE_BY);
}

/** The static file with the entry, and what a comment says of it; undefined when the file has the entry already. */
export function addEntry(staticText: string, entry: Prefix, comment = ""): string | undefined {
  if (splitLines(staticText).some((line) => holds(line, entry))) return undefined;
  const gap = staticText === "" || staticText.endsWith("\n") ? "" : "\n";
  const said = comment === "" ? "" : `  # ${escapeText(comment)}`;
  return `${staticText}${gap}${formatPrefix(entry)}${said}\n`;
}

/** The static file without the lines of the entry; undefined when it has none. */
export function removeEntry(staticText: string, entry: Prefix): string | undefined {
  const lines = splitLines(staticText);
  const kept = lines.filter((line) => !holds(line, entry));
  if (kept.length === lines.length) return undefined;
  return kept.map((line) => `${line}\n`).join("");
}

/** True when the line names just this block of addresses, however it is written. */
function holds(line: string, entry: Prefix): boolean {
  return readIgnoreFile(line, "").prefixes.some((prefix) => formatPrefix(prefix) === formatPrefix(entry));
}

function splitLines(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

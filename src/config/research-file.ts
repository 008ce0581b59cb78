// Reads a list of known research scanners: "ADDRESS-OR-NETWORK NAME" a line, # begins a comment. A line that cannot be
// read is a warning and the rest counts. Nothing is looked up by name.

import { escapeWord, hasControl } from "../base/escape.ts";
import { formatPrefix, IPV4_MAPPED_BITS, isIpv4, type Prefix, parsePrefix } from "../wire/address.ts";
import { createProblemLog, type Problem, type ProblemLog } from "./problems.ts";
import { type ReadFile, tryRead } from "./read.ts";

export const MAX_KNOWN = 100_000;
export const MAX_NAME_CHARACTERS = 80;
const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** A block this wide would call every scanner a researcher. */
const WIDEST_IPV4_BITS = 8;
const WIDEST_IPV6_BITS = 16;

/** What detect/research-list.ts is made of. */
export interface ResearchEntry {
  readonly prefix: Prefix;
  readonly name: string;
}

export interface ResearchFile {
  readonly entries: readonly ResearchEntry[];
  readonly problems: readonly Problem[];
}

export function loadResearchFile(path: string, readFile: ReadFile): ResearchFile {
  const read = tryRead(path, readFile);
  if ("fault" in read)
    return failed(path, `${read.fault}: no scanner is known by name; make the file, or leave it out`);
  if (read.bytes.length > MAX_FILE_BYTES) {
    return failed(path, `it has more than ${MAX_FILE_BYTES} bytes and was not read; split or shorten it`);
  }
  return readResearchFile(new TextDecoder().decode(read.bytes), path);
}

function failed(path: string, message: string): ResearchFile {
  const log = createProblemLog(path);
  log.add({ severity: "error", line: 0, message });
  return { entries: [], problems: log.list() };
}

export function readResearchFile(text: string, file: string): ResearchFile {
  const log = createProblemLog(file);
  const entries: ResearchEntry[] = [];
  const lineOf = new Map<string, number>();
  let line = 0;
  for (const raw of text.replace(/^\ufeff/, "").split("\n")) {
    line++;
    const entry = readLine(raw, line, log);
    if (entry === undefined) continue;
    if (entries.length >= MAX_KNOWN) {
      const message = `the file has more than ${MAX_KNOWN} entries; the entries from this line on are left out: join entries into networks`;
      log.add({ severity: "warning", line, message });
      break;
    }
    const block = formatPrefix(entry.prefix);
    const before = lineOf.get(block);
    if (before !== undefined) {
      log.add({ severity: "warning", line, message: `${block} is in line ${before} already, which counts` });
      continue;
    }
    lineOf.set(block, line);
    entries.push(entry);
  }
  return { entries, problems: log.list() };
}

function readLine(raw: string, line: number, log: ProblemLog): ResearchEntry | undefined {
  const hash = raw.indexOf("#");
  const content = (hash < 0 ? raw : raw.slice(0, hash)).trim();
  if (content === "") return undefined;
  const [word = ""] = content.split(/\s/, 1);
  const name = content.slice(word.length).trim();
  const prefix = parsePrefix(word);
  const fault = prefix === undefined ? noAddress(word) : (tooWide(prefix) ?? faultOfName(name, word));
  if (prefix !== undefined && fault === undefined) return { prefix, name };
  log.add({ severity: "warning", line, message: `${fault}; the line is left out` });
  return undefined;
}

function noAddress(word: string): string {
  return `"${escapeWord(word)}" is no address or network; write "192.0.2.0/24 Example University" or "2001:db8::/32 name"`;
}

function tooWide(prefix: Prefix): string | undefined {
  const bits = isIpv4(prefix) ? prefix.bits - IPV4_MAPPED_BITS : prefix.bits;
  const widest = isIpv4(prefix) ? WIDEST_IPV4_BITS : WIDEST_IPV6_BITS;
  if (bits >= widest) return undefined;
  return `${formatPrefix(prefix)} is wider than /${widest} and would name strangers; name smaller networks`;
}

function faultOfName(name: string, word: string): string | undefined {
  if (name === "") return `${escapeWord(word)} has no name behind it; write "${escapeWord(word)} Example University"`;
  if (name.length > MAX_NAME_CHARACTERS)
    return `the name of ${escapeWord(word)} is longer than ${MAX_NAME_CHARACTERS} characters`;
  if (hasControl(name)) return `the name of ${escapeWord(word)} has control characters`;
  return undefined;
}

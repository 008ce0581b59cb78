// Reads IGNORE_FILE: one address or network a line. A line that cannot be read is a warning and the rest counts: the
// daemon must not stay down because of one line, and 1.2 goes on too. Nothing is looked up by name.
import { escapeWord } from "../base/escape.ts";
import { formatPrefix, IPV4_MAPPED_BITS, isIpv4, type Prefix, parsePrefix } from "../wire/address.ts";
import { createProblemLog, type Problem, type ProblemLog } from "./problems.ts";

export const MAX_IGNORED = 100_000;
/** Lines that exempt nobody and are named. */
const LEFT_OUT_NAMED = 8;

/** Wider than these is kept, with a warning: fc00::/7 is the widest block with an everyday use. */
const WIDE_IPV4_BITS = 8;
const WIDE_IPV6_BITS = 7;

export interface IgnoreFile {
  readonly prefixes: readonly Prefix[];
  readonly problems: readonly Problem[];
  /** The lines that exempt nobody, though something stands in them: how many, and the first of them. */
  readonly leftOut: { readonly count: number; readonly lines: readonly number[] };
}

export function readIgnoreFile(text: string, file: string): IgnoreFile {
  const log = createProblemLog(file);
  const prefixes: Prefix[] = [];
  const leftOut = { count: 0, lines: [] as number[] };
  let line = 0;
  for (const raw of eachLine(text)) {
    line++;
    const content = contentOf(raw);
    if (content === "") continue;
    const prefix = readLine(content, line, log);
    if (prefix === undefined) {
      if (leftOut.count++ < LEFT_OUT_NAMED) leftOut.lines.push(line);
      continue;
    }
    if (prefixes.length >= MAX_IGNORED) {
      const message = `the file has more than ${MAX_IGNORED} entries; the entries from this line on are not exempt: join entries into networks`;
      log.add({ severity: "warning", line, message });
      break;
    }
    prefixes.push(prefix);
  }
  return { prefixes, problems: log.list(), leftOut };
}

function* eachLine(text: string): Generator<string> {
  let at = text.startsWith("\ufeff") ? 1 : 0;
  while (at < text.length) {
    const newline = text.indexOf("\n", at);
    const end = newline < 0 ? text.length : newline;
    yield text.slice(at, end);
    at = end + 1;
  }
}

/** Without its comment. */
function contentOf(raw: string): string {
  const hash = raw.indexOf("#");
  return (hash < 0 ? raw : raw.slice(0, hash)).trim();
}

function readLine(content: string, line: number, log: ProblemLog): Prefix | undefined {
  const warn = (message: string): void => log.add({ severity: "warning", line, message });

  const word = addressAtStart(content);
  const prefix = parsePrefix(word);
  if (prefix === undefined) {
    warn(
      `"${escapeWord(content)}" is no address or network, and is left out; write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32`,
    );
    return undefined;
  }
  const familyBits = isIpv4(prefix) ? prefix.bits - IPV4_MAPPED_BITS : prefix.bits;
  if (familyBits === 0) {
    warn(
      `${escapeWord(word)} would exempt everybody of its family and switch the defence off, and is left out; name smaller networks`,
    );
    return undefined;
  }
  if (familyBits < (isIpv4(prefix) ? WIDE_IPV4_BITS : WIDE_IPV6_BITS)) {
    warn(`${formatPrefix(prefix)} exempts a large part of the internet; is that meant?`);
  }
  if (word.length < content.length)
    warn(`the text after ${formatPrefix(prefix)} is taken as a comment; put # before the text`);
  return prefix;
}

/** Ends an address like 1.2, at the first character that cannot be part of one: the rest of the line is a comment. */
function addressAtStart(content: string): string {
  const ipv6 = /^[0-9a-fA-F.:/]+/.exec(content)?.[0] ?? "";
  if (ipv6.includes(":")) return ipv6;
  return /^[0-9./]+/.exec(content)?.[0] ?? "";
}

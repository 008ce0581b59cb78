// The text of hosts.deny: lines added once and taken away again, all others left byte for byte. Pure; hosts-deny.ts
// does the files. Also how addresses are written there (hosts_access(5)).

import { replaceTokens, type TemplateValues } from "../../command/template.ts";
import {
  formatPrefix,
  formatWords,
  IPV4_MAPPED_BITS,
  IPV4_MAPPED_WORD,
  isIpv4,
  type Prefix,
} from "../../wire/address.ts";

export type LineEdit =
  | { readonly kind: "add"; readonly line: string }
  /** A pattern is matched against whole lines. */
  | { readonly kind: "remove"; readonly line: string | RegExp };

/** KILL_HOSTS_DENY for one source, as it stands in the file and in the log. */
export function denyLine(template: string, values: TemplateValues): string {
  const address = denyAddress(values.target);
  // "[$TARGET$]" is how an administrator may have made room for IPv6.
  const text = address.startsWith("[") ? template.replaceAll("[$TARGET$]", "$TARGET$") : template;
  return replaceTokens(text, values, address);
}

/** Lines of this source whatever $PORT$ and $MODE$ were; undefined if the template has neither. */
export function denyPattern(template: string, values: TemplateValues): RegExp | undefined {
  if (!/\$(?:PORT|MODE)\$/.test(template)) return undefined;
  const parts = template.split(/(\$PORT\$|\$MODE\$)/);
  const source = parts.map((part) => {
    if (part === "$PORT$") return "[0-9]{1,5}";
    return part === "$MODE$" ? "[a-z0-9]{1,16}" : denyLine(part, values).replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  });
  return new RegExp(`^${source.join("")}$`);
}

/** 192.0.2.1, 192.0.2.0/255.255.255.0, [2001:db8::1], [2001:db8::]/64. */
function denyAddress(target: Prefix): string {
  const text = formatPrefix(target);
  const [address = "", bits] = text.split("/");
  if (!isIpv4(target)) return bits === undefined ? `[${address}]` : `[${address}]/${bits}`;
  if (bits === undefined) return address;
  const length = target.bits - IPV4_MAPPED_BITS;
  const mask = length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
  return `${address}/${formatWords(0, 0, IPV4_MAPPED_WORD, mask)}`;
}

/**
 * The text after the edits, in their order; the same text if there is nothing to do. Only whole lines count: one that
 * continues a line ending in a backslash is part of that line.
 */
export function editLines(text: string, edits: readonly LineEdit[]): string {
  const lines = text === "" ? [] : text.split("\n");
  const ended = text === "" || text.endsWith("\n");
  if (ended) lines.pop();
  const standsAlone = (at: number) => !(lines[at - 1] ?? "").endsWith("\\");
  const present = new Set(lines.filter((_line, at) => standsAlone(at)));
  const added = new Set<string>();
  const removed = new Set<string>();
  for (const edit of edits) {
    if (edit.kind === "add") {
      if (!present.has(edit.line) || removed.has(edit.line)) added.add(edit.line);
    } else {
      for (const line of linesOf(edit.line, added)) added.delete(line);
      for (const line of linesOf(edit.line, present)) removed.add(line);
    }
  }
  if (added.size === 0 && removed.size === 0) return text;
  const kept = lines.filter((line, at) => !(removed.has(line) && standsAlone(at)));
  // An empty line ends a continuation that would swallow ours.
  if (added.size > 0 && (kept.at(-1) ?? "").endsWith("\\")) kept.push("");
  const all = [...kept, ...added];
  return all.length === 0 ? "" : `${all.join("\n")}${ended || added.size > 0 ? "\n" : ""}`;
}

function linesOf(wanted: string | RegExp, lines: ReadonlySet<string>): readonly string[] {
  if (typeof wanted === "string") return lines.has(wanted) ? [wanted] : [];
  return [...lines].filter((line) => wanted.test(line));
}

export function hasLine(text: string, line: string | RegExp): boolean {
  return editLines(text, [{ kind: "remove", line }]) !== text;
}

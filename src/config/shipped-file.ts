// The shipped configuration file, made from the table of keys. scripts/docs.mjs writes it; a test fails when the file in the
// repository differs.
import { wrapWords } from "../base/wrap-words.ts";
import { type Group, groups, type Key } from "./key.ts";
import { allKeys } from "./keys.ts";

const FILE_WIDTH = 78;

/** conf/portsentry.conf */
export function renderShippedFile(): string {
  const sections = groupNames().map(
    (group) => `#\n# ${groups[group]}\n#\n\n${keysOf(group).map(renderSetting).join("\n")}`,
  );
  return `${fileHead}\n${sections.join("\n")}`;
}

const fileHead = `# Portreeve: what is watched, what counts as a scan, and what happens to a scanner.
#
# Check this file with "portreeve check": it lists every problem with its line,
# and says in plain words what the settings do. The full reference is
# portsentry.conf(5), and docs/reference/configuration.md in the source.
#
# As shipped nothing is blocked: scans are logged only. Before you write
# BLOCK_TCP="1", put your own addresses into the file that IGNORE_FILE names.
#
# A line that begins with # is a comment; #KEY="value" tells the default, or
# where several stand together a choice of which you can take one.
`;

function groupNames(): readonly Group[] {
  return [...new Set(allKeys.map((key) => key.group))];
}

function keysOf(group: Group): readonly Key<unknown>[] {
  return allKeys.filter((key) => key.group === group);
}

function renderSetting(key: Key<unknown>): string {
  const comment = wrapWords(`${key.meaning} Values: ${key.type.allowed}.`, FILE_WIDTH - 2)
    .map((line) => `# ${line}\n`)
    .join("");
  return `${comment}${renderLines(key)}`;
}

function renderLines({ name, shipped, absent, examples }: Key<unknown>): string {
  if (shipped !== undefined) return `${name}="${shipped}"\n`;
  if (examples === undefined) return `#${name}="${absent}"\n`;
  return examples.map(({ when, value }) => `#\n# ${when}:\n#${name}="${value}"\n`).join("");
}

// The reference page and the shipped configuration file, both made from the table of keys. scripts/docs.mjs writes
// them; a test fails when the files in the repository differ.
import { type Group, groups, type Key } from "./key.ts";
import { allKeys } from "./keys.ts";

const FILE_WIDTH = 78;

/** docs/reference/configuration.md */
export function renderKeyReference(): string {
  return `${referenceHead}${groupNames().map(renderGroup).join("\n")}`;
}

/** conf/portsentry.conf */
export function renderShippedFile(): string {
  const sections = groupNames()
    .filter((group) => keysOf(group).some((key) => key.carriedOut))
    .map((group) => `#\n# ${groups[group]}\n#\n\n${keysOf(group).map(renderSetting).join("\n")}`);
  return `${fileHead}\n${sections.join("\n")}`;
}

const referenceHead = `# Configuration reference

<!-- Made from src/config/keys.ts by "node scripts/docs.mjs"; change it there. -->

One file, \`/etc/portsentry/portsentry.conf\`, in PortSentry's own format: a line holds \`KEY="value"\`, blanks around \`=\`
are allowed, and \`#\` begins a comment at the start of a line or after the closing quote. No escapes exist: a value ends at
the next quote. When a key stands twice, the first line counts and the second is reported.

\`portreeve check\` lists every problem with file and line. An error (an unknown key, a value that cannot be read) keeps the
configuration from being used: the daemon does not start, or goes on with the one that it has. A warning does not.

A file without any key that only Portreeve has is an old PortSentry configuration. PortSentry passes over lines that it does
not know, and so does Portreeve in such a file: the daemon starts, each such line is a warning, and \`portreeve check\` ends
with 78 because of it. The keys that PortSentry has are marked below.

"Default" is the value when the file has no such key, which is what an old PortSentry file means by its silence; the
shipped file sets some keys otherwise.

`;

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

function renderGroup(group: Group): string {
  const keysHere = keysOf(group);
  const body = keysHere.every((key) => !key.carriedOut) ? renderLater(keysHere) : keysHere.map(renderKey).join("\n");
  return `## ${groups[group]}\n\n${body}`;
}

function renderKey(key: Key<unknown>): string {
  const shipped =
    key.shipped === undefined || key.shipped === key.absent ? "" : `; the shipped file sets \`"${key.shipped}"\``;
  const origin = key.origin === "portsentry" ? "- A key of PortSentry\n" : "";
  const examples = (key.examples ?? []).map(({ when, value }) => `- Example, ${when}: \`${value}\`\n`).join("");
  const values = `- Values: ${key.type.allowed}\n- Default: \`"${key.absent}"\`${shipped}\n`;
  return `### ${key.name}\n\n${key.meaning}\n\n${values}${examples}${origin}`;
}

function renderLater(keysHere: readonly Key<unknown>[]): string {
  const rows = keysHere.map((key) => `| ${key.name} | ${key.meaning} |`).join("\n");
  return `Each of these gives a warning and does nothing else.\n\n| Key | Meaning |\n|---|---|\n${rows}\n`;
}

function renderSetting(key: Key<unknown>): string {
  const comment = wrap(`${key.meaning} Values: ${key.type.allowed}.`, FILE_WIDTH - 2)
    .map((line) => `# ${line}\n`)
    .join("");
  return `${comment}${renderLines(key)}`;
}

function renderLines({ name, shipped, absent, examples }: Key<unknown>): string {
  if (shipped !== undefined) return `${name}="${shipped}"\n`;
  if (examples === undefined) return `#${name}="${absent}"\n`;
  return examples.map(({ when, value }) => `#\n# ${when}:\n#${name}="${value}"\n`).join("");
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

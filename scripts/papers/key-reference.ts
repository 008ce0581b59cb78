// docs/reference/configuration.md, made from the table of keys. scripts/docs.mjs writes it; a test fails when the page differs.
import { type Group, groups, type Key } from "../../src/config/key.ts";
import { allKeys } from "../../src/config/keys.ts";

export function renderKeyReference(): string {
  const used = new Set(allKeys.map((key) => key.group));
  return `${referenceHead}${[...used].map(renderGroup).join("\n")}`;
}

const referenceHead = `# Configuration reference

<!-- Made from src/config/keys.ts by "node scripts/docs.mjs"; change it there. -->

One file, \`/etc/portsentry/portsentry.conf\`, in PortSentry's own format: a line holds \`KEY="value"\`, blanks around \`=\`
are allowed, and \`#\` begins a comment at the start of a line or after the closing quote. No escapes exist: a value ends at
the next quote. When a key stands twice, the first line counts and the second is reported.

\`portreeve check\` lists every problem with file and line. An error (an unknown key, a value that cannot be read) keeps the
configuration from being used: the daemon does not start, or goes on with the one that it has. A warning does not.

A file without any key that only Portreeve has is an old PortSentry configuration; TCP_MODE and UDP_MODE, which people put into
such files, do not count. Portreeve starts with whatever PortSentry 1.2 starts with, reads the values that 1.2 reads, and makes
each such line a warning. With 2.x's command line it is as strict as 2.x. The keys that PortSentry has are marked below, and
[differences.md](differences.md) says where such a file is read otherwise.

"Default" is the value when the file has no such key, which is what an old PortSentry file means by its silence; the
shipped file sets some keys otherwise.

`;

function renderGroup(group: Group): string {
  const keysHere = allKeys.filter((key) => key.group === group);
  return `## ${groups[group]}\n\n${keysHere.map(renderKey).join("\n")}`;
}

function renderKey(key: Key<unknown>): string {
  const shipped =
    key.shipped === undefined || key.shipped === key.absent ? "" : `; the shipped file sets \`"${key.shipped}"\``;
  const origin = key.origin === "portsentry" ? "- A key of PortSentry\n" : "";
  const examples = (key.examples ?? []).map(({ when, value }) => `- Example, ${when}: \`${value}\`\n`).join("");
  const values = `- Values: ${key.type.allowed}\n- Default: \`"${key.absent}"\`${shipped}\n`;
  return `### ${key.name}\n\n${key.meaning}\n\n${values}${examples}${origin}`;
}

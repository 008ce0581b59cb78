// portsentry.conf(5), made from the table of keys like docs/reference/configuration.md and the shipped file.
import { groups, type Key } from "../../src/config/key.ts";
import { allKeys } from "../../src/config/keys.ts";
import { type Edition, example, heading, item, pageHead, paragraph, seeAlso } from "./roff.ts";

export function confPage(edition: Edition): string {
  const names = [...new Set(allKeys.map((key) => key.group))];
  return [
    pageHead({ name: "portsentry.conf", section: 5, edition, summary: "configuration of Portreeve and PortSentry" }),
    heading("description", ...description.map(paragraph), example(['BLOCK_TCP="1"    # shut scanners out'])),
    ...names.map((group) => heading(groups[group], ...allKeys.filter((key) => key.group === group).map(keyItem))),
    heading("files", item("/etc/portsentry/portsentry.conf", "the file that the service reads")),
    seeAlso([
      ["portreeve", 8],
      ["portsentry", 8],
    ]),
  ].join("");
}

const description = [
  'A line holds KEY="value"; blanks around the equals sign are allowed. A hash sign begins a comment at the start of a line or ' +
    "after the closing quote. No escapes exist: a value ends at the next quote. When a key stands twice, the first line counts.",
  '"portreeve check" lists every problem with its line, then says in plain words what the file means. A file of PortSentry 1.2 or ' +
    '2 works unchanged: "Default" below is the value that such a file means when it lacks the key; the value of the shipped file is named ' +
    "where it differs.",
];

function keyItem(key: Key<unknown>): string {
  const shipped = key.shipped === undefined || key.shipped === key.absent ? "" : `; shipped: "${key.shipped}"`;
  const values = `Values: ${key.type.allowed}. Default: "${key.absent}"${shipped}.`;
  return item(key.name, key.meaning, values);
}

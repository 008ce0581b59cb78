// The number of a group, from /etc/group. Of a group that only another source of nsswitch.conf(5) knows, the number has to be
// written.

/** `name` may be the number itself. Undefined: there is no such group. `readFile` throws as fs.readFileSync does. */
export function groupId(name: string, readFile: (path: string) => Uint8Array): number | undefined {
  if (/^\d+$/.test(name)) return Number(name);
  for (const line of readGroups(readFile).split("\n")) {
    const [group, , id = ""] = line.split(":");
    if (group === name && /^\d{1,10}$/.test(id)) return Number(id);
  }
  return undefined;
}

/** "" when it cannot be read. */
function readGroups(readFile: (path: string) => Uint8Array): string {
  try {
    return Buffer.from(readFile("/etc/group")).toString("utf8");
  } catch {
    return "";
  }
}

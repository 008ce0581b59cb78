// The version of this installation: that of the nearest package.json above this file.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

export function readVersion(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const version = versionIn(join(folder, "package.json"));
    if (version !== undefined) return version;
  }
  return "unknown";
}

function versionIn(file: string): string | undefined {
  try {
    const content: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof content !== "object" || content === null || !("version" in content)) return undefined;
    return typeof content.version === "string" ? content.version : undefined;
  } catch {
    return undefined;
  }
}

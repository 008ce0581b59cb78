// For the tests of config/: a file system of a few texts, a loader on it, and the files of the repository.
import assert from "node:assert/strict";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Loaded, loadSettings } from "../../src/config/load.ts";
import type { LoadOptions } from "../../src/config/options.ts";
import type { Problem } from "../../src/config/problems.ts";
import type { Settings } from "../../src/config/settings.ts";

export const FILE = "/etc/portsentry/portsentry.conf";
export const IGNORE = "/etc/portsentry/portsentry.ignore";

/** As fs.readFileSync on a host that has only these files. */
export function filesOf(files: Readonly<Record<string, string | Uint8Array>>): (path: string) => Uint8Array {
  return (path) => {
    const content = files[path];
    if (content === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
    return Buffer.from(content);
  };
}

export function load(text: string | Uint8Array, ignore = "127.0.0.0/8\n", options: LoadOptions = {}): Loaded {
  return loadSettings(FILE, filesOf({ [FILE]: text, [IGNORE]: ignore }), options);
}

export function settingsOf(loaded: Loaded): Settings {
  assert.ok(loaded.settings, JSON.stringify(loaded.problems, null, 1));
  return loaded.settings;
}

/** The problems at a key, as "line severity message". */
export function problemsAt(loaded: Loaded, key: string): string[] {
  return loaded.problems.filter((problem) => problem.key === key).map(tellProblem);
}

export function tellProblem({ line, severity, message }: Problem): string {
  return `${line} ${severity} ${message}`;
}

export function readRepositoryFile(path: string): string {
  return readFileSync(join(repositoryRoot(), path), "utf8");
}

/** Beside the real package.json: a build folder elsewhere holds a link to it. */
function repositoryRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "package.json"))) {
    const above = dirname(folder);
    assert.notEqual(above, folder, "no package.json above the tests");
    folder = above;
  }
  return dirname(realpathSync(join(folder, "package.json")));
}

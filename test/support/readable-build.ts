// The program for a user who may not enter this repository, as below a home of mode 0700: a copy that everybody can read.
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryFolder } from "./repository.ts";

interface ReadableBuild {
  /** What runs it, also a copy where the user cannot reach this one. */
  readonly node: string;
  file(inside: string): string;
}

let made: ReadableBuild | undefined;

/** Once a process, removed at its end; `inside` is a path below build/, as "src/cli/client.cjs". */
export function readableBuild(user: { readonly uid: number; readonly gid: number }): ReadableBuild {
  made ??= make(user);
  return made;
}

function make(user: { readonly uid: number; readonly gid: number }): ReadableBuild {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-readable-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  cpSync(join(import.meta.dirname, "../../src"), join(folder, "build/src"), { recursive: true });
  // Of the modules those that a command loads which gets no further than its rights.
  for (const name of [
    "package.json",
    ...["commander", "ipaddr.js", "koffi", "@koromix"].map((name) => `node_modules/${name}`),
  ])
    cpSync(repositoryFolder(name), join(folder, name), { recursive: true, dereference: true });
  const canRun = spawnSync(process.execPath, ["--version"], user).status === 0;
  const node = canRun ? process.execPath : join(folder, "node");
  if (!canRun) copyFileSync(process.execPath, node);
  return { node, file: (inside) => join(folder, "build", inside) };
}

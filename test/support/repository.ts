// Files of the repository that tests read: a build folder, which may be elsewhere, holds a link to its package.json.
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

export function repositoryFolder(path: string): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "package.json"))) {
    const above = dirname(folder);
    if (above === folder) throw new Error("no package.json above the tests");
    folder = above;
  }
  return join(dirname(realpathSync(join(folder, "package.json"))), path);
}

// `npm ci` refuses a lockfile that lacks an entry, npm 11 also for an optional package of another platform.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readRepositoryFile } from "./config/support.ts";

interface Entry {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

test("package-lock.json has an entry for each dependency of each entry, optional ones of other platforms too", () => {
  const { packages } = JSON.parse(readRepositoryFile("package-lock.json")) as { packages: Record<string, Entry> };
  const missing = Object.entries(packages).flatMap(
    ([path, { dependencies, devDependencies, optionalDependencies }]) => {
      const names = Object.keys({ ...dependencies, ...(path === "" ? devDependencies : {}), ...optionalDependencies });
      return names.filter((name) => !isThere(packages, path, name)).map((name) => `${path || "package.json"}: ${name}`);
    },
  );
  assert.deepEqual(missing, [], 'mend it with "npm install --package-lock-only"');
});

/** As Node looks a package up: in the folder of who wants it, then in those above. */
function isThere(packages: Readonly<Record<string, Entry>>, path: string, name: string): boolean {
  const folders = path === "" ? [""] : [`${path}/`];
  for (let at = path.lastIndexOf("/node_modules/"); at >= 0; at = path.lastIndexOf("/node_modules/", at - 1))
    folders.push(`${path.slice(0, at)}/`);
  return [...folders, ""].some((folder) => packages[`${folder}node_modules/${name}`] !== undefined);
}

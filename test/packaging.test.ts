// The package's own scripts import from the build, where no compiler looks at them: every name that they take is there.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { repositoryFolder } from "./support/repository.ts";

const folder = repositoryFolder("packaging");

for (const name of readdirSync(folder).filter((file) => file.endsWith(".mjs"))) {
  test(`packaging/${name} imports what the build exports`, async () => {
    const text = readFileSync(join(folder, name), "utf8");
    const imports = [...text.matchAll(/import {([^}]*)} from "\.\/build\/(src\/[^"]+)"/g)];
    assert.ok(imports.length > 0);
    for (const [, names = "", path = ""] of imports) {
      const exported = Object.keys(await import(join(import.meta.dirname, "..", path)));
      for (const wanted of names.split(",").map((one) => one.trim()))
        assert.ok(exported.includes(wanted), `${path} exports no ${wanted}`);
    }
  });
}

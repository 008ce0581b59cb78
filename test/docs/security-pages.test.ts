// The pages of docs/security name files and tests of this repository: each of them is there.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { repositoryFolder } from "../support/repository.ts";

const folder = repositoryFolder("docs/security");
const pages = readdirSync(folder).filter((name) => name.endsWith(".md"));
/** `test/lab/x.test.ts`: `the test's name`, as the source has it, `${}` included. */
const testNamed = /`(test\/[^`]+\.test\.ts)`: `([^`]+)`/g;
const fileNamed = /`((?:src|test|docs|conf|scripts)\/[\w./-]+\.\w+)`/g;
const linked = /\]\(([\w./-]+)\)/g;

function isNamed(source: string, name: string): boolean {
  const spelled = [`"${name.replaceAll('"', '\\"')}"`, `'${name}'`, `\`${name}\``];
  return spelled.some((text) => ["test", "describe"].some((call) => source.includes(`${call}(${text}`)));
}

for (const page of pages) {
  const text = readFileSync(`${folder}/${page}`, "utf8");

  test(`docs/security/${page} names tests that exist`, () => {
    const missing = [...text.matchAll(testNamed)]
      .map(([, file = "", name = ""]) => ({ file, name }))
      .filter(({ file, name }) => !isNamed(readFileSync(repositoryFolder(file), "utf8"), name));
    assert.deepEqual(missing, []);
  });

  test(`docs/security/${page} names files that exist`, () => {
    const named = [...text.matchAll(fileNamed)].map(([, file = ""]) => repositoryFolder(file));
    const links = [...text.matchAll(linked)].map(([, link = ""]) => `${folder}/${link}`);
    assert.deepEqual(
      [...named, ...links].filter((path) => !existsSync(path)),
      [],
    );
  });
}

test("the pages name many tests", () => {
  const all = pages.flatMap((page) => [...readFileSync(`${folder}/${page}`, "utf8").matchAll(testNamed)]);
  assert.ok(all.length > 60, `only ${all.length} are seen: the test looks in the wrong place`);
});

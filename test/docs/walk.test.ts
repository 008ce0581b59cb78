// The page that follows a packet through the source: each function that it names is in its file, and each stop is called from
// the file of a stop before it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { repositoryFolder } from "../support/repository.ts";

const MAX_STOPS = 30;
const page = readFileSync(repositoryFolder("docs/reference/walk-of-a-packet.md"), "utf8");
const [, syn = "", captured = ""] = page.split(/^## /m);

interface Named {
  readonly name: string;
  readonly path: string;
}

function read(path: string): string {
  return readFileSync(repositoryFolder(path), "utf8");
}

function functionsIn(text: string): readonly Named[] {
  return [...text.matchAll(/`(\w+)` \(`(src\/[\w./-]+\.ts)`\)/g)].map(([, name = "", path = ""]) => ({ name, path }));
}

/** The function of each row, by the order of the table. */
function stopsIn(section: string): readonly Named[] {
  const rows = [...section.matchAll(/^\| (\d+) \| ([^|]*) \|/gm)];
  assert.deepEqual(
    rows.map(([, number]) => Number(number)),
    rows.map((_, index) => index + 1),
  );
  return rows.flatMap(([, , cell = ""]) => functionsIn(cell));
}

/** A function, or a method of a class: at the beginning of a line, with a body. */
function definitionOf(name: string): RegExp {
  return new RegExp(`^(?:export (?:async )?function |function | {2}(?:async )?)${name}(?:<[^>]*>)?\\([^;]*{$`, "gm");
}

function isDefined({ name, path }: Named): boolean {
  return definitionOf(name).test(read(path));
}

test("every function that the page names is in its file", () => {
  const named = functionsIn(page);
  assert.ok(named.length > 80, `${named.length} functions are named`);
  assert.deepEqual(
    named.filter((one) => !isDefined(one)),
    [],
  );
});

test("a SYN has at most thirty stops", () => {
  assert.ok(stopsIn(syn).length <= MAX_STOPS, `${stopsIn(syn).length}`);
});

for (const [what, section] of [
  ["a SYN", syn],
  ["a captured SYN", captured],
] as const) {
  test(`${what}: each stop is called from the file of a stop before it`, () => {
    const stops = stopsIn(section);
    assert.ok(stops.length > 20);
    const unreached = stops.slice(1).filter(({ name }, index) => {
      const before = stops.slice(0, index + 1).map(({ path }) => read(path));
      return !before.some((text) => new RegExp(`\\b${name}\\(`).test(text.replaceAll(definitionOf(name), "")));
    });
    assert.deepEqual(unreached, []);
  });
}

// Every export of src/ has a reader in src/, or in its own file, or it stands here with the reason. What only tests read is code
// that no host runs.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { repositoryFolder } from "./support/repository.ts";

/** "file name" -> who reads it. */
const readElsewhere: ReadonlyMap<string, string> = new Map([
  ["cli/ignore-tools.ts realToolContext", "bin/portsentry-add-ip and its like"],
  ["enforce/leave.ts leaveHost", "packaging/leave.mjs"],
  ["cli/ignore-tools.ts runIgnoreTool", "bin/portsentry-add-ip and its like"],
  [
    "judge/proof/silence-test.ts PROOF_BITS",
    "the promise that both readings together keep; tests hold them against it",
  ],
]);

const root = repositoryFolder("src");

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((name) => name.endsWith(".ts"));
}

/** What a file names of others, as "file name". */
function* namesRead(file: string, text: string): Generator<string> {
  const target = (path: string) => relative(root, join(dirname(file), path));
  const listed = /(?:import|export) (?:type )?{([^}]*)} from "(\.[^"]+)"|{([^{}]*)} = await import\("(\.[^"]+)"\)/g;
  for (const [, imported, from, loaded, lazily] of text.matchAll(listed)) {
    for (const part of (imported ?? loaded ?? "").split(",")) {
      const name = /^\s*(?:type )?(\w+)/.exec(part)?.[1];
      if (name !== undefined) yield `${target(from ?? lazily ?? "")} ${name}`;
    }
  }
  for (const [, path = "", name] of text.matchAll(/\(await import\("(\.[^"]+)"\)\)\.(\w+)/g))
    yield `${target(path)} ${name}`;
  for (const [, alias, path = ""] of text.matchAll(/import \* as (\w+) from "(\.[^"]+)"/g))
    for (const [, name] of text.matchAll(new RegExp(`\\b${alias}\\.(\\w+)`, "g"))) yield `${target(path)} ${name}`;
  // Several modules at once: `const [{ block }, { findOwnSession }] = await Promise.all([import("./block.ts"), ...])`.
  for (const [, names = "", loads = ""] of text.matchAll(/const \[([^\]]*)\] = await Promise\.all\(\[([^\]]*)\]\)/g)) {
    const paths = [...loads.matchAll(/import\("(\.[^"]+)"\)/g)].map(([, path = ""]) => path);
    for (const path of paths) for (const [name] of names.matchAll(/\w+/g)) yield `${target(path)} ${name}`;
  }
}

test("every export of src/ has a reader that is no test", () => {
  const texts = new Map(filesBelow(root).map((file) => [file, readFileSync(file, "utf8")]));
  const papers = filesBelow(repositoryFolder("scripts/papers")).map((file): [string, string] => [
    file,
    readFileSync(file, "utf8"),
  ]);
  const read = new Set([...texts, ...papers].flatMap(([file, text]) => [...namesRead(file, text)]));
  const dead: string[] = [];
  let seen = 0;
  for (const [file, text] of texts) {
    for (const [, name] of text.matchAll(/^export (?:async )?(?:const|function\*?|class|interface|type) (\w+)/gm)) {
      seen++;
      const place = `${relative(root, file)} ${name}`;
      const inOwnFile = text.match(new RegExp(`\\b${name}\\b`, "g"))?.length ?? 0;
      if (!read.has(place) && inOwnFile < 2 && !readElsewhere.has(place)) dead.push(place);
    }
  }
  assert.deepEqual(dead, []);
  assert.ok(seen > 500, `only ${seen} exports were seen: the test looks in the wrong place`);
});

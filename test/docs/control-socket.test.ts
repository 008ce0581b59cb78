// The page of the control socket names each request, each dimension of the counts and each word of the filter language.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { following, lists, questions } from "../../src/control/endpoints.ts";
import { filterKeys } from "../../src/record/filter-text.ts";
import { dimensions } from "../../src/record/series/dimensions.ts";
import { repositoryFolder } from "../support/repository.ts";

const page = readFileSync(repositoryFolder("docs/reference/control-socket.md"), "utf8");

test("the page names each request", () => {
  for (const { method, path } of [...Object.values(questions), ...Object.values(lists), following]) {
    const fixed = path.replace(/\/:.*$/, "");
    assert.ok(page.includes(`${method} ${fixed}`), `${method} ${path}`);
  }
});

test("the page names each dimension and each word of a filter", () => {
  for (const name of dimensions) assert.ok(page.includes(`* \`${name}\`:`), name);
  for (const name of Object.keys(filterKeys))
    assert.ok(page.includes(`| \`${name}:`) || page.includes(`, \`${name}:`), name);
});

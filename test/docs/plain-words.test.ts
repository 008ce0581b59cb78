// What people read can be read once: no free relatives in the place of an actor ("whoever", "who scans"), no fragment
// that begins with "Likewise" or "Nor", no idiom that has to be decoded ("is told of"). A grep, so it knows the worst only.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { confPage } from "../../scripts/papers/man-conf.ts";
import { portsentryPage } from "../../scripts/papers/man-portsentry.ts";
import { repositoryFolder } from "../support/repository.ts";
import { type Prose, proseOfPage, proseOfSource } from "./prose.ts";

/** Where a sentence or a clause begins. */
const START = String.raw`(?:^|[.;:!?(] |\*\*)`;

interface Pattern {
  readonly name: string;
  readonly pattern: RegExp;
  /** A comment on a field may begin with "What"; a sentence for users may not. */
  readonly isForUsersOnly?: boolean;
}

const patterns: readonly Pattern[] = [
  { name: "whoever", pattern: /\bwhom?ever\b/i },
  // "Who is blocked?" is a question, and may stand.
  { name: "who as an actor", pattern: new RegExp(`${START}[Ww]hom? (?![^.;|]*\\?)`) },
  { name: "who as an actor", pattern: /\b(?:for|only|but|than|to|by|from|unless) who\b/ },
  { name: "whom without a noun", pattern: /\b(?:not|but|only|than|say|says|lists?|names?|see|saw|knows?) whom\b/ },
  { name: "a fragment", pattern: new RegExp(`${START}(?:Likewise|Nor|Not so|Again:)(?: |$)`) },
  {
    name: "what as an actor",
    pattern: new RegExp(`${START}[Ww]hat (?:comes|came|follows|does not|did|was|had) (?![^.;|]*\\?)`),
    isForUsersOnly: true,
  },
  { name: "told of", pattern: /\btold of\b/i },
  { name: "lest", pattern: /\blest\b/i },
];

/** The sentences by which issue 11 began. */
const examples = [
  "Proven: who repeats exactly the probes that we leave unanswered (ANSWER).",
  "A scanner: is logged only. Whoever connects is told of.",
  "Who is shut out cannot log in, so he had, and was proven before the session was seen.",
  "For who may not reach it, as without the decoy: for who may not.",
];

/** Words that have to stand, and why. */
const exceptions: readonly { readonly path: string; readonly text: string; readonly why: string }[] = [];

function paths(folder: string, ending: RegExp): string[] {
  return readdirSync(repositoryFolder(folder), { recursive: true, encoding: "utf8" })
    .filter((path) => ending.test(path))
    .map((path) => `${folder}/${path}`)
    .sort();
}

function read(path: string): string {
  return readFileSync(repositoryFolder(path), "utf8");
}

/** Names of tests and files stand between backticks, and may be as they are. */
function faultsIn(path: string, prose: readonly Prose[], known = patterns): string[] {
  const read = prose.map(({ line, text }) => ({ line, text: text.replaceAll(/`[^`]*`/g, "``") }));
  return read.flatMap(({ line, text }) =>
    known
      .filter(({ pattern }) => pattern.test(text))
      .filter(() => !exceptions.some((one) => one.path === path && text.includes(one.text)))
      .map(
        ({ name, pattern }) =>
          `${path}:${line}: ${name}: ${text.slice(Math.max(0, text.search(pattern) - 40)).slice(0, 120)}`,
      ),
  );
}

test("the patterns know the sentences that they are for", () => {
  for (const text of examples) assert.notDeepEqual(faultsIn("", [{ line: 1, text }]), [], text);
  assert.deepEqual(
    faultsIn("", [{ line: 1, text: "Who is blocked? A source that repeats what was left unanswered." }]),
    [],
  );
});

test("strings, comments and pages are taken apart", () => {
  const { messages, comments } = proseOfSource(
    'const a = /"/; // one\n// two\nsay(`the source $' +
      "{b.map((c) => `$" +
      '{c}}`)} is gone`, "x"); /* three\n * four */',
  );
  assert.deepEqual(messages, [{ line: 3, text: "the source X is gone" }]);
  assert.deepEqual(
    comments.map(({ line, text }) => `${line} ${text}`),
    ["1 one two", "3 three four"],
  );
  const page = "# A head\ntext that\ngoes on\n* an item\n  of two lines\n\n```\ncode\n```\n| a | b |\n";
  assert.deepEqual(
    proseOfPage(page).filter(({ text }) => text !== ""),
    [
      { line: 1, text: "A head" },
      { line: 2, text: "text that goes on" },
      { line: 4, text: "an item of two lines" },
      { line: 10, text: "a" },
      { line: 10, text: "b" },
    ],
  );
});

test("messages", () => {
  assert.deepEqual(
    [...paths("src", /\.ts$/), ...paths("scripts/papers", /\.ts$/)].flatMap((path) =>
      faultsIn(path, proseOfSource(read(path)).messages),
    ),
    [],
  );
});

test("comments", () => {
  const known = patterns.filter(({ isForUsersOnly }) => isForUsersOnly !== true);
  assert.deepEqual(
    paths("src", /\.ts$/).flatMap((path) => faultsIn(path, proseOfSource(read(path)).comments, known)),
    [],
  );
});

test("man pages", () => {
  const edition = { version: "0", date: "2026-11-30" };
  for (const page of [confPage(edition), portsentryPage(edition)]) {
    const lines = page.split("\n").map((text, index) => ({ line: index + 1, text }));
    assert.deepEqual(faultsIn("man page", lines), []);
  }
});

const roots = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];

test("pages", () => {
  const pages = [...roots, ...paths("docs", /\.md$/)];
  assert.deepEqual(
    pages.flatMap((path) => faultsIn(path, proseOfPage(read(path)))),
    [],
  );
});

// What the pages for users and contributors name is there: files, links, commands with their options, keys.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { keys } from "../../src/config/keys.ts";
import { repositoryFolder } from "../support/repository.ts";

const guides = readdirSync(repositoryFolder("docs/guides")).map((name) => `docs/guides/${name}`);
const top = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
const pages = [...top, ...guides].filter((page) => existsSync(repositoryFolder(page)));
const commandPage = read("docs/reference/commands.md");

const fileNamed = /`((?:src|test|docs|conf|scripts|packaging|bin)\/[\w./-]*)[^`]*`/g;
const linked = /\]\((?!https?:|#)([^)#\s]+)/g;
const shellBlock = /```sh\n([\s\S]*?)```/g;
/** `inet portreeve` is the kernel table. */
const commandTyped = /(?:^|[\s;(`])(?<!inet )(?:bin\/)?portreeve ([a-z]+)([^#;|`\n]*)/g;
const keyWithValue = /\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b/g;
/** Names with an underscore in capitals that are no keys. */
const noKeys = new Set(["CAP_NET_RAW", "CAP_NET_ADMIN", "SSH_CONNECTION", "SSH_CLIENT", "AF_PACKET", "KILL_ROUTES"]);

function read(page: string): string {
  return readFileSync(repositoryFolder(page), "utf8");
}

function matches(text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map(([, found = ""]) => found);
}

/** The help of one command, as docs/reference/commands.md has it; undefined when there is no such command. */
function helpOf(command: string): string | undefined {
  return commandPage.split("\n## ").find((section) => section.startsWith(`portreeve ${command}\n`));
}

function commandsIn(text: string): readonly { readonly command: string; readonly options: readonly string[] }[] {
  const typed = [
    ...matches(text, shellBlock),
    ...[...text.matchAll(/`((?:bin\/)?portreeve [^`]+)`/g)].map(([, c = ""]) => c),
  ];
  return typed.flatMap((block) =>
    [...block.matchAll(commandTyped)].map(([, command = "", rest = ""]) => ({
      command,
      options: matches(rest, /(?:^|\s)(--?[a-z][\w-]*)/g),
    })),
  );
}

for (const page of pages) {
  const text = read(page);

  test(`${page} names files and folders that exist`, () => {
    const named = matches(text, fileNamed).map((path) => repositoryFolder(path));
    const links = matches(text, linked).map((link) => join(dirname(repositoryFolder(page)), link));
    assert.deepEqual(
      [...named, ...links].filter((path) => !existsSync(path)),
      [],
    );
  });

  test(`${page} names commands and options that exist`, () => {
    const unknown = commandsIn(text).flatMap(({ command, options }) => {
      const help = helpOf(command);
      if (help === undefined) return [`portreeve ${command}`];
      return options.filter((option) => !help.includes(` ${option}`)).map((option) => `portreeve ${command} ${option}`);
    });
    assert.deepEqual(unknown, []);
  });

  test(`${page} names keys that exist`, () => {
    const known = new Set<string>(Object.values(keys).map(({ name }) => name));
    const named = matches(text, keyWithValue).filter((key) => !noKeys.has(key));
    assert.deepEqual(
      named.filter((key) => !known.has(key)),
      [],
    );
  });
}

test("README and CONTRIBUTING name each room", () => {
  const rooms = readdirSync(repositoryFolder("src"));
  assert.ok(rooms.length > 10);
  const unnamed = (page: string, name: (room: string) => string) =>
    rooms.filter((room) => !read(page).includes(name(room)));
  assert.deepEqual(
    unnamed("README.md", (room) => `\`${room}\``),
    [],
  );
  assert.deepEqual(
    unnamed("CONTRIBUTING.md", (room) => `| \`src/${room}/\` |`),
    [],
  );
});

test("what it costs has no figure that was not measured", () => {
  const figures = (page: string) => new Set(read(page).match(/\d[\d,]*(?:\.\d+)?/g));
  const measured = figures("docs/reference/measured.md");
  const said = [...figures("docs/guides/what-it-costs.md")];
  assert.ok(said.length > 20);
  assert.deepEqual(
    said.filter((figure) => !measured.has(figure)),
    [],
  );
});

function filesBelow(folder: string, ending: RegExp): readonly string[] {
  return readdirSync(repositoryFolder(folder), { recursive: true, encoding: "utf8" })
    .map((path) => `${folder}/${path}`)
    .filter((path) => ending.test(path) && statSync(repositoryFolder(path)).isFile());
}

test("every link between the pages of docs/ leads somewhere", () => {
  const links = filesBelow("docs", /\.md$/).flatMap((page) =>
    matches(read(page), linked).map((link) => ({ page, link: join(dirname(page), link) })),
  );
  assert.ok(links.length > 30, `only ${links.length} links are seen`);
  assert.deepEqual(
    links.filter(({ link }) => !existsSync(repositoryFolder(link))),
    [],
  );
});

test("every page of docs/ that source, tests, scripts and packaging name is there", () => {
  const folders = ["src", "test", "scripts", "packaging", "conf"];
  const all = folders.flatMap((folder) => filesBelow(folder, /\.(?:ts|mjs|conf|service)$|\/[a-z]+$|README/));
  const named = all.flatMap((file) => matches(read(file), /\b(docs\/[\w/-]+\.md)\b/g).map((page) => ({ file, page })));
  assert.ok(named.length > 40, `only ${named.length} are seen`);
  assert.deepEqual(
    named.filter(({ page }) => !existsSync(repositoryFolder(page))),
    [],
  );
});

test("the pages are read: they name commands, files and keys", () => {
  const all = pages.map(read).join("\n");
  assert.ok(commandsIn(all).length > 50, "commands");
  assert.ok(matches(all, fileNamed).length > 10, "files");
  assert.ok(matches(all, keyWithValue).length > 50, "keys");
});

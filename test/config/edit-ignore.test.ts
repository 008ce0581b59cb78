// Entries of the allow list, put in and taken out on real files: which file, what is refused, and that nothing else changes.
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type AllowOptions, allowIn, disallowIn, editFile } from "../../src/config/edit-ignore.ts";
import { makeFolder } from "../control/fake-daemon.ts";
import { prefix } from "../support/prefix.ts";

function makeLists(t: TestContext, main: string | undefined, fixed: string | undefined) {
  const path = join(makeFolder(t), "portsentry.ignore");
  const staticPath = `${path}.static`;
  if (main !== undefined) writeFileSync(path, main);
  if (fixed !== undefined) writeFileSync(staticPath, fixed);
  const textOf = (file: string) => (existsSync(file) ? readFileSync(file, "utf8") : undefined);
  return {
    ...{ path, staticPath },
    allow: (entry: string, options?: AllowOptions) => allowIn(path, prefix(entry), options),
    disallow: (entry: string) => disallowIn(path, prefix(entry)),
    texts: () => [textOf(path), textOf(staticPath)],
  };
}

test("an entry goes behind the others, with its reason, and comments stay", async (t) => {
  const { path, allow, disallow, texts } = makeLists(t, "# ours\n192.0.2.1  # office\n", undefined);
  chmodSync(path, 0o640);
  assert.deepEqual(await allow("192.0.2.10", { reason: "the\nhoster" }), { ok: { files: [path] } });
  assert.deepEqual(await allow("2001:db8::/48"), { ok: { files: [path] } });
  const before = "# ours\n192.0.2.1  # office\n";
  assert.deepEqual(texts(), [`${before}192.0.2.10  # the\\x0ahoster\n2001:db8::/48\n`, undefined]);
  assert.equal(statSync(path).mode & 0o777, 0o640);
  assert.deepEqual(await disallow("192.0.2.10"), { ok: { files: [path] } });
  assert.deepEqual(await disallow("2001:db8::/48"), { ok: { files: [path] } });
  assert.deepEqual(texts(), [before, undefined]);
});

test("where a static file is, it gets the entry; both lose it", async (t) => {
  const { path, staticPath, allow, disallow, texts } = makeLists(t, "192.0.2.1\n198.51.100.7\n", "192.0.2.1\n");
  assert.deepEqual(await allow("198.51.100.9"), { ok: { files: [staticPath] } });
  assert.deepEqual(texts(), ["192.0.2.1\n198.51.100.7\n", "192.0.2.1\n198.51.100.9\n"]);
  assert.deepEqual(await disallow("192.0.2.1"), { ok: { files: [path, staticPath] } });
  assert.deepEqual(texts(), ["198.51.100.7\n", "198.51.100.9\n"]);
});

test("a list that is not there yet is made", async (t) => {
  const { path, allow, texts } = makeLists(t, undefined, undefined);
  assert.deepEqual(await allow("192.0.2.10"), { ok: { files: [path] } });
  assert.deepEqual(texts(), ["192.0.2.10\n", undefined]);
});

test("what is there is refused, and what is not there too, each with the entry that covers it", async (t) => {
  const { allow, disallow, texts, path } = makeLists(t, "192.0.2.0/24\n192.0.2.8/30\n192.0.2.9\n", undefined);
  const refused = (code: string, message: string) => ({ refused: { code, message } });
  assert.deepEqual(await allow("192.0.2.9"), refused("listed", "192.0.2.9 is on the allow list already"));
  assert.deepEqual(
    await allow("192.0.2.10"),
    refused("listed", "192.0.2.10 is on the allow list already as part of 192.0.2.8/30"),
  );
  assert.deepEqual(
    await disallow("192.0.2.10"),
    refused(
      "not-listed",
      '192.0.2.10 is on the allow list as part of 192.0.2.8/30: take that out with "portreeve disallow 192.0.2.8/30"',
    ),
  );
  assert.deepEqual(await disallow("198.51.100.7"), refused("not-listed", "198.51.100.7 is not on the allow list"));
  assert.deepEqual(await disallow("192.0.2.9"), { ok: { files: [path], stillWithin: "192.0.2.8/30" } });
  assert.deepEqual(texts(), ["192.0.2.0/24\n192.0.2.8/30\n", undefined]);
});

test("wide networks need force, and everybody is never allowed", async (t) => {
  const { path, allow, texts } = makeLists(t, "", undefined);
  for (const [entry, widest] of [
    ["198.18.0.0/15", 16],
    ["2001:c00::/23", 32],
  ] as const) {
    const message = `${entry} is wider than a /${widest}; use --force if you mean all of it`;
    assert.deepEqual(await allow(entry), { refused: { code: "too-wide", message } });
  }
  assert.deepEqual(await allow("198.18.0.0/15", { force: true }), { ok: { files: [path] } });
  for (const all of ["0.0.0.0/0", "::/0"]) {
    const answer = await allow(all, { force: true });
    assert.ok("refused" in answer && /switch the defence off/.test(answer.refused.message), all);
  }
  assert.deepEqual(texts(), ["198.18.0.0/15\n", undefined]);
});

test("a file that cannot be written is named, and nothing is done", async (t) => {
  const { path, allow } = makeLists(t, undefined, undefined);
  symlinkSync("/nonexistent/list", path);
  const answer = await allow("192.0.2.10");
  assert.ok("refused" in answer && answer.refused.code === "file", JSON.stringify(answer));
  assert.match(answer.refused.message, /^cannot write .*portsentry\.ignore: /);
});

test("a change by another program in between is not lost", async (t) => {
  const file = join(makeFolder(t), "f");
  writeFileSync(file, "a\n");
  let others = 2;
  await editFile(file, (text) => {
    if (others > 0) writeFileSync(file, `${readFileSync(file, "utf8")}other ${others--}\n`);
    return `${text}ours\n`;
  });
  assert.equal(readFileSync(file, "utf8"), "a\nother 2\nother 1\nours\n");
});

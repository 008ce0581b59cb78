import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type IgnoreSystem, IgnoreWatch } from "../../src/config/ignore-watch.ts";
import { formatPrefix, type Prefix } from "../../src/wire/address.ts";
import { filesOf, IGNORE } from "./support.ts";

/** A folder of texts, each with the number of its version, and the timer that tests let run out. */
function makeFolder(texts: Record<string, string>) {
  const versions = new Map<string, number>();
  const folder = {
    texts,
    changed: (): void => {},
    timers: [] as (() => void)[],
    /** Of the clock, at each look. */
    stepMs: 100,
    nowMs: 0,
    changes: [] as string[][],
    /** The files that each of them came from. */
    changedPaths: [] as string[],
    problems: [] as string[],
    /** Called between the two stamps of a reading. */
    whileReading: (): void => {},
    put(path: string, text: string | undefined): void {
      if (text === undefined) delete texts[path];
      else texts[path] = text;
      versions.set(path, (versions.get(path) ?? 0) + 1);
    },
  };
  const system: IgnoreSystem = {
    readFile: (path) => {
      const bytes = filesOf(texts)(path);
      folder.whileReading();
      return bytes;
    },
    stamp: (path) => (texts[path] === undefined ? "" : `v${versions.get(path) ?? 0}`),
    watchFolder: (_, changed) => {
      folder.changed = changed;
      return { close: () => {} };
    },
    later: (_, task) => {
      folder.timers.push(task);
      return () => {};
    },
    nowMs: () => (folder.nowMs += folder.stepMs),
  };
  const listener = {
    onChange: (prefixes: readonly Prefix[], paths: readonly string[]) => {
      folder.changes.push(prefixes.map(formatPrefix));
      folder.changedPaths.push(paths.join(" "));
    },
    onProblem: (message: string) => void folder.problems.push(message),
  };
  return { folder, system, listener };
}

function watchOf(text: string | undefined, loaded: readonly Prefix[] | undefined = undefined) {
  const made = makeFolder(text === undefined ? {} : { [IGNORE]: text });
  const probe = new IgnoreWatch({ path: IGNORE, loaded: [] }, made.listener, made.system);
  probe.poll();
  probe.close();
  const first = made.folder.changes.splice(0).at(0) ?? [];
  const watch = new IgnoreWatch({ path: IGNORE, loaded: loaded ?? prefixesOf(first) }, made.listener, made.system);
  return { ...made, watch };
}

function prefixesOf(texts: readonly string[]): Prefix[] {
  const seen: Prefix[] = [];
  const { system } = makeFolder({ [IGNORE]: texts.join("\n") });
  const listener = { onChange: (all: readonly Prefix[]) => void seen.push(...all), onProblem: () => {} };
  new IgnoreWatch({ path: IGNORE, loaded: [] }, listener, system).poll();
  return seen;
}

test("nothing is told while nothing changes", () => {
  const { folder, watch } = watchOf("192.0.2.1\n");
  watch.poll();
  watch.poll();
  assert.deepEqual([folder.changes, folder.problems], [[], []]);
});

test("a changed file is read when two looks show the same version", () => {
  const { folder, watch } = watchOf("192.0.2.1\n");
  folder.put(IGNORE, "192.0.2.1\n192.");
  watch.poll();
  assert.deepEqual(folder.changes, []);
  folder.put(IGNORE, "192.0.2.1\n192.0.2.2\n");
  watch.poll();
  assert.deepEqual(folder.changes, [], "the writer is still at work");
  watch.poll();
  watch.poll();
  assert.deepEqual(folder.changes, [["192.0.2.1", "192.0.2.2"]]);
  assert.deepEqual(folder.problems, []);
});

test("a file that changes while it is read is read again", () => {
  const { folder, watch } = watchOf("192.0.2.1\n");
  folder.put(IGNORE, "half");
  watch.poll();
  folder.whileReading = () => folder.put(IGNORE, "192.0.2.9\n");
  watch.poll();
  folder.whileReading = () => {};
  assert.deepEqual(folder.changes, []);
  watch.poll();
  watch.poll();
  assert.deepEqual([folder.changes, folder.problems], [[["192.0.2.9"]], []]);
});

test("a notification makes it look at once and again when the file has settled", () => {
  const { folder, watch } = watchOf("192.0.2.1\n");
  folder.put(IGNORE, "192.0.2.2\n");
  folder.changed();
  folder.changed();
  assert.equal(folder.timers.length, 1, "a burst needs one timer");
  folder.timers.pop()?.();
  assert.deepEqual(folder.changes, [["192.0.2.2"]]);
  watch.close();
  folder.put(IGNORE, "");
  folder.changed();
  watch.poll();
  assert.equal(folder.timers.length, 0);
  assert.equal(folder.changes.length, 1);
});

test("two looks at nearly the same time are one", () => {
  const { folder, watch } = watchOf("192.0.2.1\n");
  folder.put(IGNORE, "");
  folder.stepMs = 1;
  for (let look = 0; look < 50; look++) watch.poll();
  assert.deepEqual(folder.changes, []);
  folder.put(IGNORE, "192.0.2.2\n");
  watch.poll();
  folder.stepMs = 100;
  watch.poll();
  assert.deepEqual(folder.changes, [["192.0.2.2"]]);
});

test("bad lines are told once for each version, with file and line", () => {
  const { folder, watch } = watchOf("192.0.2.1\n");
  const look = () => [1, 2, 3].forEach(() => void watch.poll());
  folder.put(IGNORE, "192.0.2.1\nexample.org\n");
  look();
  assert.equal(folder.problems.length, 1);
  assert.match(
    folder.problems[0] ?? "",
    /^\/etc\/portsentry\/portsentry\.ignore:2: warning: "example\.org" is no address/,
  );
  folder.put(IGNORE, "192.0.2.1\nexample.org\n");
  look();
  assert.equal(folder.problems.length, 2);
});

test("the entries of a file that is gone stay until it is back", () => {
  const { folder, watch } = watchOf("192.0.2.1\n");
  const look = () => [1, 2, 3].forEach(() => void watch.poll());
  folder.put(IGNORE, undefined);
  look();
  assert.deepEqual(folder.changes, []);
  assert.match(
    folder.problems.join(),
    /^\S+portsentry\.ignore: there is no such file; its 1 entry stays in force until/,
  );
  folder.put(IGNORE, "192.0.2.7");
  look();
  assert.deepEqual(folder.changes, [["192.0.2.7"]]);
  folder.put(IGNORE, "");
  look();
  assert.deepEqual(folder.changes.at(-1), [], "an emptied file exempts nobody");
});

test("a file that was not there at the start, and the static one, count when they appear", () => {
  const { folder, watch } = watchOf(undefined);
  const look = () => [1, 2, 3].forEach(() => void watch.poll());
  look();
  folder.put(`${IGNORE}.static`, "198.51.100.0/24\n");
  look();
  folder.put(IGNORE, "192.0.2.1\n198.51.100.0/24\n");
  look();
  assert.deepEqual(folder.changes, [["198.51.100.0/24"], ["198.51.100.0/24", "192.0.2.1"]]);
  assert.deepEqual(
    folder.changedPaths.slice(-2),
    [`${IGNORE}.static`, IGNORE],
    "each is told with the file that changed",
  );
  assert.deepEqual(folder.problems, []);
});

test("a change between the loading of the settings and the first look is told", () => {
  const { folder, watch } = watchOf("192.0.2.1\n", prefixesOf(["192.0.2.9"]));
  watch.poll();
  watch.poll();
  assert.deepEqual(folder.changes, [["192.0.2.1"]]);
});

test("who has changed the files himself need not wait for two looks", () => {
  const { folder, watch } = watchOf("192.0.2.1\n");
  watch.readNow();
  assert.deepEqual(folder.changes, []);
  folder.put(IGNORE, "192.0.2.1\n192.0.2.2\n");
  folder.put(`${IGNORE}.static`, "192.0.2.3\n");
  watch.readNow();
  watch.poll();
  watch.poll();
  assert.deepEqual(folder.changes, [["192.0.2.3", "192.0.2.1", "192.0.2.2"]]);
  assert.equal(folder.changedPaths.at(-1), `${IGNORE} ${IGNORE}.static`);
});

test("lines that exempt nobody are told for as long as they are there", () => {
  const { folder, watch } = watchOf("300.1.1.1\n# a comment\n192.0.2.1\noffice.example.org\n");
  assert.deepEqual(watch.leftOut(), [`${IGNORE}: 2 lines exempt nobody (lines 1, 4): "portreeve check" says why`]);
  folder.put(IGNORE, "0.0.0.0/0\n192.0.2.1 office\n");
  folder.put(`${IGNORE}.static`, Array.from({ length: 9 }, () => "x").join("\n"));
  watch.readNow();
  assert.deepEqual(watch.leftOut(), [
    `${IGNORE}: 1 line exempts nobody (line 1): "portreeve check" says why`,
    `${IGNORE}.static: 9 lines exempt nobody (lines 1, 2, 3, 4, 5, 6, 7, 8 ...): "portreeve check" says why`,
  ]);
  folder.put(IGNORE, "192.0.2.1\n");
  folder.put(`${IGNORE}.static`, undefined);
  watch.readNow();
  assert.equal(watch.leftOut().length, 1, "a file that is gone stays in force, with what is wrong in it");
});

test("without notifications poll() alone is enough", () => {
  const { folder, system, listener } = makeFolder({ [IGNORE]: "192.0.2.1" });
  const watchFolder = () => {
    throw new Error("ENOSPC");
  };
  const watch = new IgnoreWatch({ path: IGNORE, loaded: prefixesOf(["192.0.2.1"]) }, listener, {
    ...system,
    watchFolder,
  });
  folder.put(IGNORE, "192.0.2.2");
  watch.poll();
  watch.poll();
  assert.deepEqual(folder.changes, [["192.0.2.2"]]);
  watch.close();
});

test("on a real file system: written in place, replaced, removed", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "ignore-watch-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "portsentry.ignore");
  writeFileSync(path, "192.0.2.1\n");
  const told = new EventEmitter();
  const watch = new IgnoreWatch(
    { path, loaded: prefixesOf(["192.0.2.1"]) },
    {
      onChange: (prefixes) => void told.emit("change", prefixes.map(formatPrefix).join()),
      onProblem: (message) => void told.emit("problem", message),
    },
  );
  t.after(() => watch.close());
  // The daemon's own timer; the notifications of the folder may come before it.
  const timer = setInterval(() => watch.poll(), 50);
  t.after(() => clearInterval(timer));

  const changed = once(told, "change");
  writeFileSync(path, "192.0.2.2\n");
  assert.deepEqual(await changed, ["192.0.2.2"]);

  const replaced = once(told, "change");
  writeFileSync(`${path}.new`, "192.0.2.3\n");
  renameSync(`${path}.new`, path);
  assert.deepEqual(await replaced, ["192.0.2.3"]);

  const gone = once(told, "problem");
  rmSync(path);
  assert.match(String((await gone)[0]), /there is no such file; its 1 entry stays/);
});

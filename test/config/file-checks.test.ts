// The files that a configuration names: two that are one, /dev/null, and what other users may do to them.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FileQuestions, LoadOptions } from "../../src/config/options.ts";
import { FILE, IGNORE, load, problemsAt, settingsOf } from "./support.ts";

/** A line of Portreeve's own makes a file ours. */
const ours = 'PROOF="on"\n';

const same: readonly (readonly [key: string, text: string, told: RegExp])[] = [
  [
    "BLOCKED_FILE",
    'HISTORY_FILE="/tmp/p"\nBLOCKED_FILE="/tmp//p"\n',
    /BLOCKED_FILE and HISTORY_FILE are the same file/,
  ],
  [
    "BLOCKED_FILE",
    '# atcp\nHISTORY_FILE="/p.atcp"\nBLOCKED_FILE="/p"\n',
    /BLOCKED_FILE and HISTORY_FILE are the same file \(\/p\.atcp\)/,
  ],
  ["HISTORY_FILE", `HISTORY_FILE="${FILE}"\n`, /HISTORY_FILE and the configuration file are the same file/],
  ["HISTORY_FILE", `IGNORE_FILE="${IGNORE}"\nHISTORY_FILE="${IGNORE}.static"\n`, /HISTORY_FILE and IGNORE_FILE/],
  [
    "HISTORY_FILE",
    'KILL_HOSTS_DENY="ALL: $TARGET$"\nHISTORY_FILE="/etc/hosts.deny"\n',
    /HISTORY_FILE and KILL_HOSTS_DENY/,
  ],
];

for (const [key, text, told] of same) {
  test(`two files that are one: ${text.trim().replaceAll("\n", " ")}`, () => {
    // 2.x's list has the name that it was given, 1.2's its mode at the end.
    const options = text.includes("atcp") ? { tcpMode: "atcp" as const } : { generation: 2 as const };
    const own = load(text + ours, "127.0.0.1\n", options);
    assert.equal(own.settings, undefined);
    const line = text.split("\n").findIndex((each) => each.startsWith(key)) + 1;
    assert.match(problemsAt(own, key).join(), new RegExp(`^${line} error ${told.source}`));
    const old = load(text, "127.0.0.1\n", options);
    assert.equal(old.settings, undefined, "an old file is no better off");
    assert.match(problemsAt(old, key).join(), new RegExp(`^${line} error ${told.source}`));
  });
}

test("files that are not one: 1.2's list has its mode at the end of its name", () => {
  const text = 'HISTORY_FILE="/p"\nBLOCKED_FILE="/p"\n';
  const modes: LoadOptions = { tcpMode: "atcp", udpMode: "audp" };
  const loaded = load(text, "127.0.0.1\n", { ...modes, generation: 1 });
  assert.deepEqual(problemsAt(loaded, "BLOCKED_FILE"), []);
  assert.equal(settingsOf(loaded).blockedFile, "/p");
  // Where nothing says which PortSentry is meant, 2.x's command line is thought of.
  const unsaid = load(text, "127.0.0.1\n", modes);
  assert.equal(unsaid.settings, undefined);
  assert.match(problemsAt(unsaid, "BLOCKED_FILE").join(), /^2 error .*are the same file \(\/p\): name another file/);
});

test("/dev/null is no file", () => {
  const { historyFile, blockedFile } = settingsOf(load('HISTORY_FILE="/dev/null"\nBLOCKED_FILE="/dev//null"\n'));
  assert.deepEqual([historyFile, blockedFile], [undefined, undefined]);
});

function asking(risks: Readonly<Record<string, string>>, refusals: Readonly<Record<string, string>> = {}) {
  const files: FileQuestions = {
    riskOfReading: (path) => risks[path] ?? "",
    hasGroup: (name) => name === "operators",
    riskOfWriting: (path) => ({ refusal: refusals[path] ?? "", risk: risks[path] ?? "" }),
  };
  return { files };
}

test("what is not ours, and what others may replace, is told with its line", () => {
  const text =
    'TCP_MODE=""\nHISTORY_FILE="/tmp/h"\nBLOCKED_FILE="/tmp/b"\nSTATE_DIR="/tmp/s"\nKILL_HOSTS_DENY="ALL: $TARGET$"\n';
  const everybody = "everybody may put a file into /tmp first";
  const risks = { "/tmp/h": everybody, "/tmp/b": everybody, "/tmp/s/portreeve.db": "everybody may replace it" };
  const asked = asking(risks, { "/tmp/b": "it is a directory", "/etc/hosts.deny": "it belongs to user 7" });
  const loaded = load(text, "127.0.0.1\n", { ...asked, generation: 2 });
  assert.ok(loaded.settings, "a warning keeps nobody from starting");
  assert.match(
    problemsAt(loaded, "HISTORY_FILE").join(),
    /^2 warning HISTORY_FILE: \/tmp\/h: everybody may put .*; use a/,
  );
  assert.match(problemsAt(loaded, "BLOCKED_FILE").join(), /^3 warning .*it is a directory: it is not written; move it/);
  assert.match(
    problemsAt(loaded, "KILL_HOSTS_DENY").join(),
    /^5 warning .*hosts\.deny: it belongs to user 7: it is not/,
  );
  assert.match(problemsAt(loaded, "STATE_DIR").join(), /^4 warning .*everybody may replace it/);
});

test("what others may write, and we read or run as root", () => {
  const text = `IGNORE_FILE="${IGNORE}"\nKILL_ROUTE="/opt/block $TARGET$"\nKILL_RUN_CMD="/bin/true $TARGET$"\n`;
  const everybody = "everybody may write it";
  const loaded = load(text, "127.0.0.1\n", asking({ [FILE]: everybody, [IGNORE]: everybody, "/opt/block": everybody }));
  assert.match(
    problemsAt(loaded, "KILL_ROUTE").join(),
    /^2 warning KILL_ROUTE: \/opt\/block is run as root, and everybody/,
  );
  assert.deepEqual(problemsAt(loaded, "KILL_RUN_CMD"), []);
  assert.match(problemsAt(loaded, "IGNORE_FILE").join(), /^1 warning IGNORE_FILE: .*everybody may write it, and so/);
  const own = loaded.problems.filter(({ key }) => key === undefined);
  assert.match(own.map(({ message }) => message).join(), /^the configuration file: .*everybody may write it/);
});

test("a CONTROL_GROUP that the host does not know is told with its line", () => {
  const loaded = load('CONTROL_GROUP="nobody-knows"\n', "", asking({}));
  assert.deepEqual(problemsAt(loaded, "CONTROL_GROUP"), [
    "1 warning CONTROL_GROUP: there is no group nobody-knows in /etc/group; only root can ask the daemon",
  ]);
  assert.deepEqual(problemsAt(load('CONTROL_GROUP="operators"\n', "", asking({})), "CONTROL_GROUP"), []);
});

test("a STATE_DIR on a read-only file system is told with its line, its folder and the remedy", () => {
  const { files } = asking({});
  const readOnly = { files: { ...files, isOnReadOnly: (path: string) => path === "/mnt/state" } };
  const loaded = load('PROOF="on"\nSTATE_DIR="/mnt/state"\n', "", readOnly);
  assert.ok(loaded.settings, "a warning keeps nobody from starting");
  assert.deepEqual(problemsAt(loaded, "STATE_DIR"), [
    "2 warning STATE_DIR: /mnt/state is on a read-only file system: blocks, events and known pairs are kept in memory, and are gone when the daemon ends; mount the file system writable (mount -o remount,rw), or name another folder",
  ]);
  assert.deepEqual(problemsAt(load('STATE_DIR="/mnt/other"\n', "", readOnly), "STATE_DIR"), []);
});

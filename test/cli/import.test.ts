// portreeve import as a user runs it: what is read of a list, in which parts it goes to the daemon, and what is said of it.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ImportRequest } from "../../src/control/api.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { nthIpv4 } from "../support/prefix.ts";
import { finish, makeLab, start } from "./run-command.ts";

async function setUp(t: TestContext, text: string) {
  const lab = await makeLab(t);
  const requests: ImportRequest[] = [];
  const refused = new Map<string, "own" | "bad-address" | "full">();
  Object.assign(lab.daemon.api, {
    import: (request: ImportRequest) => {
      requests.push(request);
      const left = request.sources.flatMap((source, index) => {
        const code = refused.get(source);
        return code === undefined ? [] : [{ index, code }];
      });
      return { ok: { added: request.sources.length - left.length, merged: 0, skipped: 0, refused: left } };
    },
  });
  const file = join(lab.folder, "list.txt");
  writeFileSync(file, text);
  return { ...lab, requests, refused, file };
}

const list = "# a list\n192.0.2.1\n\n 198.51.100.0/24 # why\r\n2001:db8::1\n";

test("comments and blanks are left out; networks and single addresses go in parts of their own, the last one marked", async (t) => {
  const { ask, file, requests } = await setUp(t, list);
  const { code, out, err } = await ask("import", file, "--for", "1d", "--reason", "theirs");
  assert.deepEqual([code, err], [0, ""]);
  assert.equal(out, "3 blocked\n0 blocked for longer than before\n0 skipped: blocked for as long already\n0 refused\n");
  const how = { forMs: 86_400_000, reason: "theirs" };
  assert.deepEqual(requests, [
    { ...how, sources: ["198.51.100.0/24"] },
    { ...how, sources: ["192.0.2.1", "2001:db8::1"], isLast: true },
  ]);
});

test("a list of thousands is sent in parts of 2,000, from standard input too, and an empty one is the last of itself", async (t) => {
  const { conf, requests } = await setUp(t, "");
  const text = Array.from({ length: 4_500 }, (_, index) => `${formatPrefix(nthIpv4(index))}\n`).join("");
  const child = start(["import", "-", "-c", conf]);
  // run-command.ts gives no input.
  assert.equal(child.stdin, null);
  await finish(child);
  assert.deepEqual(requests, [{ sources: [], isLast: true }]);
  const other = await setUp(t, text);
  assert.equal((await other.ask("import", other.file)).code, 0);
  assert.deepEqual(
    other.requests.map(({ sources, isLast }) => [sources.length, isLast]),
    [
      [2_000, undefined],
      [2_000, undefined],
      [500, true],
    ],
  );
});

test("what is refused is named with its line and the reason, the first twenty of them, and the command exits with 1", async (t) => {
  const { ask, file, refused } = await setUp(
    t,
    `192.0.2.1\n# own\n203.0.113.1\n${"y".repeat(60)}\n${"bad\n".repeat(30)}`,
  );
  refused.set("203.0.113.1", "own").set("bad", "bad-address");
  const { code, out, err } = await ask("import", file);
  assert.deepEqual([code, out.split("\n")[0], out.split("\n")[3]], [1, "1 blocked", "32 refused"]);
  const complaints = err.trimEnd().split("\n");
  assert.equal(complaints.length, 21);
  assert.ok(
    complaints.includes(
      "portreeve: line 3: 203.0.113.1: it holds an address of this host, a loopback or a multicast address",
    ),
    err,
  );
  assert.equal(complaints.at(-1), "portreeve: 12 more are refused; --json names up to 1000");
  const told: unknown = JSON.parse((await ask("import", file, "--json")).out);
  assert.ok(typeof told === "object" && told !== null && "refusals" in told && Array.isArray(told.refusals));
  assert.equal(told.refusals.length, 32);
  assert.ok(told.refusals.some((one) => JSON.stringify(one) === '{"line":3,"source":"203.0.113.1","because":"own"}'));
});

test("a dry run says what would be", async (t) => {
  const { ask, file, requests } = await setUp(t, list);
  const { code, out } = await ask("import", file, "--dry-run");
  assert.deepEqual([code, out.split("\n")[0]], [0, "3 would be blocked"]);
  assert.ok(requests.every(({ isDryRun }) => isDryRun === true));
});

test("a file that cannot be read, a wrong time and a daemon that blocks nothing are said", async (t) => {
  const { ask, file, daemon } = await setUp(t, list);
  const absent = await ask("import", `${file}.absent`);
  assert.deepEqual([absent.code, absent.err], [66, `portreeve: cannot read ${file}.absent: ENOENT\n`]);
  assert.equal((await ask("import", file, "--for", "soon")).code, 64);
  Object.assign(daemon.api, { import: () => ({ refused: { code: "no-firewall", message: "nothing blocks" } }) });
  assert.deepEqual(await ask("import", file), { code: 1, out: "", err: "portreeve: nothing blocks\n" });
});

// portreeve allow and disallow against a fake daemon, and on the file itself while no daemon runs.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { AllowListChange } from "../../src/control/api.ts";
import { makeFolder } from "../control/fake-daemon.ts";
import { makeLab, portreeve } from "./run-command.ts";

test("the daemon is asked, and what it did is told", async (t) => {
  const { daemon, ask } = await makeLab(t);
  const asked: object[] = [];
  const change: AllowListChange = { source: "192.0.2.10", files: ["/etc/i.static"], unblocked: ["192.0.2.10"] };
  daemon.api.allow = (request) => {
    asked.push({ allow: request });
    return { ok: change };
  };
  daemon.api.disallow = (request) => {
    asked.push({ disallow: request });
    return { ok: { ...change, unblocked: [], ...(asked.length > 4 && { stillWithin: "192.0.2.0/24" }) } };
  };
  assert.deepEqual(await ask("allow", "192.0.2.10"), {
    code: 0,
    out: "allowed 192.0.2.10: it stands in /etc/i.static, and is never held or blocked\nunblocked 192.0.2.10\n",
    err: "",
  });
  const json = await ask("allow", "192.0.0.0/8", "--reason", "us", "--force", "--json");
  assert.deepEqual(JSON.parse(json.out), change);
  await ask("disallow", "192.0.2.10", "--json");
  const off = await ask("disallow", "192.0.2.10");
  assert.equal(off.out, "192.0.2.10 is off the allow list (/etc/i.static), and is judged like any other source\n");
  const part = await ask("disallow", "192.0.2.10");
  assert.equal(part.out, "192.0.2.10 is out of /etc/i.static, and stays exempt as part of 192.0.2.0/24\n");
  assert.deepEqual(asked.slice(0, 3), [
    { allow: { source: "192.0.2.10" } },
    { allow: { source: "192.0.0.0/8", reason: "us", force: true } },
    { disallow: { source: "192.0.2.10" } },
  ]);
  daemon.api.allow = () => ({ refused: { code: "listed", message: "it is there" } });
  assert.deepEqual(await ask("allow", "192.0.2.10"), { code: 1, out: "", err: "portreeve: it is there\n" });
});

test("while no daemon runs the file is edited, and that is said", async (t) => {
  const folder = makeFolder(t);
  const [conf, list] = [join(folder, "portsentry.conf"), join(folder, "list")];
  writeFileSync(conf, `CONTROL_SOCKET="${folder}/none.sock"\nIGNORE_FILE="${list}"\n`);
  writeFileSync(list, "# ours\n");
  const notRunning = "portreeve: the daemon is not running: the change counts when it starts\n";
  const done = await portreeve(["allow", "-c", conf, "192.0.2.10", "--reason", "office"]);
  assert.deepEqual([done.code, done.err], [0, notRunning]);
  assert.equal(done.out, `allowed 192.0.2.10: it stands in ${list}, and is never held or blocked\n`);
  assert.equal(readFileSync(list, "utf8"), "# ours\n192.0.2.10  # office\n");
  const again = await portreeve(["allow", "-c", conf, "192.0.2.10"]);
  assert.deepEqual([again.code, again.err], [1, "portreeve: 192.0.2.10 is on the allow list already\n"]);
  assert.equal((await portreeve(["allow", "-c", conf, "office.example.org"])).code, 64);
  const off = await portreeve(["disallow", "-c", conf, "192.0.2.10"]);
  assert.deepEqual([off.code, off.err], [0, notRunning]);
  assert.equal(readFileSync(list, "utf8"), "# ours\n");
  writeFileSync(conf, `CONTROL_SOCKET="${folder}/none.sock"\n`);
  const none = await portreeve(["allow", "-c", conf, "192.0.2.10"]);
  assert.equal(none.err, `portreeve: ${conf} names no IGNORE_FILE: name a file there\n`);
});

// CONTROL_GROUP: who is in the group reads everything and changes nothing; nobody else gets in. With real users of the kernel's.
import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { serveControl } from "../../src/control/server.ts";
import { peerUid } from "../../src/kernel/peer-credentials.ts";
import { createFakeDaemon, entry, makeFolder, serveFake } from "../control/fake-daemon.ts";
import { portreeve, writeConf } from "./run-command.ts";

const asRoot = { skip: process.geteuid?.() !== 0 };
const [operator, stranger] = [65534, 65533];

test("a member of the group reads, and is refused every change with 77 and the reason", asRoot, async (t) => {
  const { daemon, socket } = await serveFake(t, {}, { group: operator, peerUid });
  daemon.blocks = [entry];
  const conf = writeConf(t, `CONTROL_SOCKET="${socket}"\n`);
  const as = (uid: number, ...args: string[]) => portreeve([...args, "-c", conf], { uid });
  for (const command of [["status"], ["blocked"], ["guard"], ["events"], ["why", "192.0.2.7"]])
    assert.deepEqual([command, (await as(operator, ...command)).code], [command, 0]);
  for (const command of [["block", "192.0.2.9"], ["unblock", "--all"], ["allow", "192.0.2.9"], ["confirm"]]) {
    const { code, out, err } = await as(operator, ...command);
    assert.deepEqual([command, code, out], [command, 77, ""]);
    assert.match(err, /only root may change anything, members of CONTROL_GROUP may read: run the command as root/);
  }
  assert.deepEqual([daemon.blockRequests, daemon.unblockTargets], [[], []]);
  const { code, err } = await as(stranger, "status");
  assert.equal(code, 77);
  assert.match(err, /not permitted to open the control socket .*CONTROL_GROUP/);
  assert.equal((await portreeve(["unblock", "--all", "-c", conf])).code, 0, "root may");
});

test("the socket's own folder is opened to the group; a folder that others use is not", asRoot, async (t) => {
  const { api } = createFakeDaemon();
  const folder = makeFolder(t);
  for (const [name, mode, gid] of [
    ["ours", 0o750, 0],
    ["private", 0o700, 0],
    ["theirs", 0o750, 4],
  ] as const) {
    mkdirSync(join(folder, name));
    chmodSync(join(folder, name), mode);
    chownSync(join(folder, name), 0, gid);
    const path = join(folder, name, "control.sock");
    const server = await serveControl({ path, api, mode: 0o660, group: operator });
    t.after(() => server.close());
  }
  const facts = (name: string) => [statSync(join(folder, name)).gid, statSync(join(folder, name)).mode & 0o777];
  assert.deepEqual(facts("ours"), [operator, 0o750]);
  assert.deepEqual(facts("private"), [0, 0o700]);
  assert.deepEqual(facts("theirs"), [4, 0o750]);
});

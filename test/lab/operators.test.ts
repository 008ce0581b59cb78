// CONTROL_GROUP at the real daemon: a user of the kernel's who is in the group reads through /run/portreeve's like, and changes nothing.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { portreeve } from "../cli/run-command.ts";
import { source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";

const operator = 65534;

test("who is in CONTROL_GROUP sees the blocks and cannot lift one; root can", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const folder = mkdtempSync(join(tmpdir(), "portreeve-operators-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  // As the unit makes /run/portreeve.
  mkdirSync(join(folder, "run"));
  chmodSync(join(folder, "run"), 0o750);
  const socket = join(folder, "run/control.sock");
  const conf = join(folder, "portsentry.conf");
  writeFileSync(conf, `CONTROL_SOCKET="${socket}"\n`, { mode: 0o644 });
  const daemon = await Daemon.start(lab, { ...harsh, CONTROL_SOCKET: socket, CONTROL_GROUP: String(operator) });
  const scanner = source(5).ipv4;
  await sendPackets(lab, [syn({ from: scanner, to: TARGET.ipv4, port: 2001 })]);
  await daemon.waitForBlock(scanner);

  const asOperator = (...args: string[]) => portreeve([...args, "-c", conf], { uid: operator });
  assert.match((await asOperator("blocked")).out, new RegExp(`^${scanner} `, "m"));
  assert.match((await asOperator("why", scanner)).out, /is blocked/);
  const refused = await asOperator("unblock", scanner);
  assert.equal(refused.code, 77);
  assert.match(refused.err, /only root may change anything/);
  assert.equal((await daemon.blocked()).length, 1);
  assert.equal((await portreeve(["status", "-c", conf], { uid: operator - 1 })).code, 77);
  await daemon.unblock(scanner);
  assert.deepEqual([statSync(socket).gid, statSync(socket).mode & 0o777], [operator, 0o660]);
});

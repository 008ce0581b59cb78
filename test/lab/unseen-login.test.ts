// A real sshd where no login can be seen: no utmp, no logind, and a daemon that may not look into sshd's processes, as the packaged unit
// on a minimal Debian 13. A session is told by the age of its connection then; who never logs in is cut off by sshd before.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { passMark } from "./support/innocent.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { Sshd } from "./support/sshd.ts";
import { Stage } from "./support/stage.ts";
import { talk } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const GRACE = { LoginGraceTime: "2" };
/** LoginGraceTime, sshd's and our own slack, and two looks; on a busy machine. */
const OLD_MS = 60_000;

async function startBlind(lab: Lab): Promise<Daemon> {
  const stage = new Stage(join(lab.folder, "blind"));
  mkdirSync(stage.path("etc/ssh"));
  stage.write("etc/ssh/sshd_config", `LoginGraceTime ${GRACE.LoginGraceTime}\n`);
  // Without this capability /proc/PID/fd of a root that has it is shut.
  const without = ["setpriv", "--bounding-set", "-sys_ptrace"];
  return Daemon.start(lab, undefined, [], { enter: (argv) => stage.enter([...without, ...argv]) });
}

test("a session of which no login can be seen is guarded by the age of its connection, and warned of while it stands", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const sshd = await Sshd.start(lab, GRACE);
  const daemon = await startBlind(lab);
  const [admin, idle] = [source(5).ipv4, source(6).ipv4];
  const guarded = async (address: string) => {
    const { stdout } = await daemon.cli(["guard"]);
    return stdout.split("\n").find((line) => line.startsWith(`${address} `)) ?? "";
  };
  const warnings = async () => (await daemon.status()).warnings.filter((text) => text.includes("no login is seen"));

  const stranger = await talk(lab, lab.scanner, { to: TARGET.ipv4, from: idle, port: 22 });
  const session = await sshd.logIn(admin);
  assert.equal(await guarded(admin), "", "nothing tells a session from a stranger yet");
  await waitUntil("the session is old enough", async () => (await guarded(admin)) !== "", OLD_MS);
  assert.match(await guarded(admin), /^\S+ +old ssh connection +as long as it is so/);
  assert.equal(await guarded(idle), "");
  await stranger.waitForEnd();
  const [warning = "", ...others] = await warnings();
  assert.match(
    warning,
    new RegExp(`^SSH connections from ${admin} stand, and no login is seen .* install libpam-systemd`),
  );
  assert.deepEqual(others, []);
  await daemon.waitForLine(/WARNING: SSH connections from .* stand, and no login is seen/);

  await sendPackets(
    lab,
    [2001, 2002, 2003, 2004].map((port) => syn({ from: admin, to: TARGET.ipv4, port })),
  );
  await passMark(lab, daemon);
  assert.deepEqual(
    (await daemon.blocked()).filter((entry) => entry.source === admin),
    [],
  );
  await sshd.say(session, "still there");

  await session.stop();
  await waitUntil("its end is seen", async () => (await guarded(admin)) === "");
  assert.deepEqual(await warnings(), []);
});

// `portreeve block` inside a real SSH session, at a real sshd: nobody shuts himself out but with --force, whatever is left of
// the variables that tell where he is logged in from. What sshd is said to do is tested in trial.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { families, source } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { setElements } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { Sshd } from "./support/sshd.ts";

const [admin, stranger] = [source(5), source(8)];

test("portreeve block inside a real SSH session: its own source needs --force", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const sshd = await Sshd.start(lab);
  const daemon = await Daemon.start(lab);
  /** As it stands; with the variables dropped as sudo does; and with nothing but sshd's socket to tell. */
  const ways = ["", "env -u SSH_CONNECTION -u SSH_CLIENT", `exec env -i PATH=${process.env.PATH}`];
  const block = async (from: string, way: string, args: readonly string[]): Promise<string> => {
    const shell = sshd.run(from, `${way} ${daemon.argvOf(["block", ...args]).join(" ")}`);
    await shell.waitForEnd();
    return [`code ${shell.exitCode}`, ...shell.lines].join("\n");
  };
  const mustAsk = async (from: string, way: string, target: string): Promise<void> => {
    const said = await block(from, way, [target]);
    assert.match(said, /^code 1\n.*you are logged in from .*your own session; use --force/s, `${target} by "${way}"`);
  };
  await Promise.all([
    ...ways.map((way) => mustAsk(admin.ipv4, way, admin.ipv4)),
    ...ways.map((way) => mustAsk(admin.ipv6, way, admin.key.ipv6)),
  ]);
  for (const family of families) assert.match(await block(admin[family], "", [stranger[family]]), /^code 0\n/);
  assert.deepEqual(
    [...((await setElements(lab, "blocked4")) ?? []), ...((await setElements(lab, "blocked6")) ?? [])].sort(),
    families.map((family) => stranger[family]).sort(),
  );
  // The answer comes only when the block is lifted: it has cut the session off.
  const forced = block(admin.ipv4, "", [admin.ipv4, "--force"]);
  await daemon.waitForBlock(admin.ipv4);
  await daemon.unblock(admin.ipv4);
  assert.match(await forced, /^code 0\nblocked 203/);
});

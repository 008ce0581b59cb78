// Whom a proof does not shut out, and whom it does: the source of a live session at a real sshd is reported loudly and left
// alone unless GUARD_SSH="0", its neighbours are not; resolvers and peers are blocked, and it is said.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, type TestContext, test } from "node:test";
import { type Family, families, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { setElements } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { startNmap } from "./support/scan.ts";
import { harsh, type Settings } from "./support/settings.ts";
import { Sshd } from "./support/sshd.ts";
import { Stage } from "./support/stage.ts";
import { exchange, serve, talk, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

/** Listeners of the daemon's own: who finishes a handshake with one is proven. */
const TRAPS = [2001, 2002, 2003];
const [TRAP = 0] = TRAPS;
const settings: Settings = {
  ...harsh,
  PROOF: "on",
  TCP_MODE: "tcp",
  TCP_PORTS: TRAPS.join(","),
  // The connection of the session alone would make each block of its /64 soft.
  SHARED_ADDRESS_CONNECTIONS: "0",
};
const [admin, resolver, peer, stranger] = [source(5), source(6), source(7), source(8)];
/** Another machine in the network of the administrator's. */
const NEIGHBOUR = "2001:db8:b:5::99";

interface Scene {
  readonly lab: Lab;
  readonly daemon: Daemon;
  readonly sshd: Sshd;
  /** Whom KILL_RUN_CMD was run for. */
  readonly ranFor: () => readonly string[];
}

async function setUp(t: TestContext): Promise<Scene> {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const sshd = await Sshd.start(lab);
  const stage = new Stage(join(lab.folder, "stage"));
  stage.write("etc/resolv.conf", families.map((family) => `nameserver ${resolver[family]}\n`).join(""));
  const record = join(lab.folder, "ran");
  writeFileSync(join(lab.folder, "kill-run"), `#!/bin/sh\necho "$1" >>${record}\n`, { mode: 0o755 });
  const command = { KILL_RUN_CMD: `${join(lab.folder, "kill-run")} $TARGET$` };
  const daemon = await Daemon.start(lab, { ...settings, ...command }, [], stage);
  const ranFor = () => (existsSync(record) ? readFileSync(record, "utf8").trim().split("\n") : []);
  return { lab, daemon, sshd, ranFor };
}

/** Returns the number of lines before it. */
async function reload(daemon: Daemon, more: Settings): Promise<number> {
  const from = daemon.lines.length;
  daemon.configure(more);
  daemon.signal("SIGHUP");
  await daemon.waitForLine(/reload: .* is in force/, from);
  return from;
}

async function guardedAs(daemon: Daemon, address: string): Promise<string> {
  const { stdout } = await daemon.cli(["guard", "--json"]);
  const entries: readonly { readonly source: string; readonly because: string }[] = JSON.parse(stdout);
  return entries
    .filter((entry) => entry.source === address)
    .map(({ because }) => because)
    .join(" ");
}

/** Finishes a handshake with a trap. */
async function connectToTrap({ lab }: Scene, family: Family, from: string): Promise<void> {
  await (await talk(lab, lab.scanner, { to: TARGET[family], from, port: TRAP })).waitForEnd();
}

const inKernel = async (lab: Lab) =>
  [...((await setElements(lab, "blocked4")) ?? []), ...((await setElements(lab, "blocked6")) ?? [])].sort();
const saidOf = (daemon: Daemon, address: string) =>
  daemon.lines.filter((line) => line.includes(`WARNING: ${address}, `) && line.includes("is proven to scan this host"));

// Most of the time is waited for the daemon to look at sessions: several labs at a time.
describe("a proof and the guard", { concurrency: 2 }, () => {
  before(() => Sshd.fetch());

  test("the source of a live SSH session that is proven to scan is told of, and blocked only with GUARD_SSH=0", async (t) => {
    const scene = await setUp(t);
    const { lab, daemon, sshd, ranFor } = scene;
    const sessions = { ipv4: await sshd.logIn(admin.ipv4), ipv6: await sshd.logIn(admin.ipv6) };
    for (const family of families) {
      const from = admin[family];
      await waitUntil("the session is seen", async () => (await guardedAs(daemon, from)) === "ssh");
      // The real scanner, whose handshakes prove it.
      const options = ["-sT", "-T4", "-p", TRAPS.join(",")];
      await startNmap(lab, { family, source: admin, options }).waitForEnd();
      await waitUntil("it is said", () => saidOf(daemon, from).length > 0);
      assert.match(saidOf(daemon, from).join(), /SSH session that stands now.*is not blocked \(GUARD_SSH="0" would/);
      assert.equal(saidOf(daemon, from).length, 1, "once, not for each port");
      await sshd.say(sessions[family], `over ${family}`);
    }
    assert.deepEqual(await daemon.blocked(), []);
    assert.deepEqual(await inKernel(lab), []);
    assert.ok(
      !daemon.lines.some((line) => line.includes("is already blocked")),
      "what is not blocked is not called so",
    );

    await t.test("another address of its /64 does not hide beside it, nor takes it along", async () => {
      await connectToTrap(scene, "ipv6", NEIGHBOUR);
      await daemon.waitForBlock(admin.key.ipv6);
      const { opened, errors } = await visit(lab.scanner, {
        to: TARGET.ipv6,
        from: NEIGHBOUR,
        port: TRAP,
        timeout: 500,
      });
      assert.deepEqual([opened, errors], [0, { timeout: 1 }]);
      await sshd.say(sessions.ipv6, "still there");
      await daemon.unblock(admin.key.ipv6);
    });

    await t.test(
      "when the session has ended it is blocked like any client: softly, and no command is run",
      async () => {
        await sessions.ipv6.stop();
        await waitUntil("the session's end is seen", async () => (await guardedAs(daemon, admin.ipv6)) === "");
        await connectToTrap(scene, "ipv6", admin.ipv6);
        const { grade, soft } = await daemon.waitForBlock(admin.key.ipv6);
        assert.deepEqual([grade, soft], ["handshake", true]);
      },
    );

    await t.test("with GUARD_SSH=0 it is blocked in full, session and all", async () => {
      const from = await reload(daemon, { ...settings, GUARD_SSH: "0" });
      await sshd.say(sessions.ipv4, "to the end");
      await connectToTrap(scene, "ipv4", admin.ipv4);
      const { grade, soft } = await daemon.waitForBlock(admin.ipv4);
      assert.deepEqual([grade, soft], ["handshake", false]);
      assert.ok((await inKernel(lab)).includes(admin.ipv4));
      await daemon.waitForLine(/SSH session that stands now, is proven to scan this host, and is blocked/, from);
      const { opened } = await visit(lab.scanner, { to: TARGET.ipv4, from: admin.ipv4, port: 22, timeout: 500 });
      assert.equal(opened, 0);
    });

    await t.test("a session that is seen only after its source was proven lets it go", async () => {
      // As when somebody logs in and is proven before the next look at sessions: in the guard only after the block.
      await reload(daemon, settings);
      await daemon.waitForLine(/Host 203\.0\.113\.5 has been unblocked \(guarded\)/);
      assert.ok(!(await inKernel(lab)).includes(admin.ipv4));
      await sshd.say(sessions.ipv4, "and beyond");
    });
    // Never about whom the host depends on, nor about a client; nor about the /64 in which the session's address lies, since
    // commands know no exception.
    assert.deepEqual(ranFor(), []);
  });

  test("a resolver and a peer that are proven to scan are blocked, by the table alone, and it is said", async (t) => {
    const scene = await setUp(t);
    const { lab, daemon, ranFor } = scene;
    for (const family of families) {
      await serve(lab, lab.scanner, { tcp: [9000], mode: "echo", address: peer[family] });
      await exchange(await talk(lab, lab.target, { to: peer[family], port: 9000 }), "hello");
      const cases = [
        [resolver, "resolver", "a resolver of this host"],
        [peer, "peer", "the peer of a connection that this host opened"],
      ] as const;
      for (const [host, because, words] of cases) {
        const from = host[family];
        assert.equal(await guardedAs(daemon, from), because);
        await connectToTrap(scene, family, from);
        // By its address, not by its /64: others there did nothing.
        const { grade, soft, backend } = await daemon.waitForBlock(from);
        assert.deepEqual([grade, soft, backend], ["handshake", false, "nftables"]);
        assert.ok((await inKernel(lab)).includes(from));
        await waitUntil("it is said", () => saidOf(daemon, from).length === 1);
        assert.ok(saidOf(daemon, from)[0]?.includes(`, ${words}`));
        assert.match(saidOf(daemon, from).join(), /and is blocked: "portreeve unblock" if/);
      }
    }
    await connectToTrap(scene, "ipv4", stranger.ipv4);
    await waitUntil("a command is run for a stranger", () => ranFor().length > 0);
    assert.deepEqual(ranFor(), [stranger.ipv4]);
    await waitUntil("the stranger alone is in the history", () => daemon.history().length === 1);
  });
});

// The guard, learned live: whom this host depends on is not held and not softly blocked, whatever is forged in its name
// and with PROOF="off" too; `portreeve guard` says who, why and until when. Known pairs outlive the daemon and the table.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { type Family, families, NEIGHBOURS, SCANNER, source, TARGET } from "./support/addresses.ts";
import { Daemon, stateOf } from "./support/daemon.ts";
import type { Running } from "./support/exec.ts";
import { passMark } from "./support/innocent.ts";
import { setElements } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { syn, udp } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh, shipped } from "./support/settings.ts";
import { Sshd } from "./support/sshd.ts";
import { exchange, serve, talk, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const guardSchema = z.array(
  z.looseObject({
    source: z.string(),
    because: z.enum(["gateway", "resolver", "time server", "ssh", "container", "own", "peer"]),
    until: z.iso.datetime().nullable(),
  }),
);
const CLOSED = [2001, 2002, 2003, 2004, 2005, 2006];
const SERVED = 80;

async function guardOf(daemon: Daemon): Promise<z.infer<typeof guardSchema>> {
  const { code, stdout, stderr } = await daemon.cli(["guard", "--json"]);
  if (code !== 0) throw new Error(`portreeve guard: exit code ${code}\n${stderr}`);
  return guardSchema.parse(JSON.parse(stdout));
}

async function reasonsFor(daemon: Daemon, address: string): Promise<readonly string[]> {
  return (await guardOf(daemon)).filter((entry) => entry.source === address).map(({ because }) => because);
}

function forged(from: string, to: string): readonly Uint8Array[] {
  return CLOSED.flatMap((port) => [syn({ from, to, port }), udp({ from, to, port })]);
}

for (const family of families) {
  for (const protocol of ["tcp", "udp"] as const) {
    test(`the peer of a ${protocol} connection over ${family} is learned from its answer`, async (t) => {
      const lab = await Lab.open();
      t.after(() => lab.close());
      const daemon = await Daemon.start(lab);
      const [peer, stranger] = [source(7), source(8)];
      const conversation = await askPeer(lab, peer[family], protocol);
      // No wait: the rule that saw the answer has learned it.
      await sendPackets(lab, [...forged(peer[family], TARGET[family]), ...forged(stranger[family], TARGET[family])]);
      await daemon.waitForBlock(stranger.key[family]);
      // A claim in its name is told of, and blocks it by no full block; a hold cuts no answer of its.
      assert.ok((await daemon.events()).some(({ type, action }) => type === "finding" && action === "guarded"));
      assert.ok(!(await daemon.blocked()).some((entry) => entry.source === peer.key[family]));
      await exchange(conversation, "still there");
      const listed = (await guardOf(daemon)).filter((entry) => entry.source === peer[family]);
      assert.deepEqual(
        listed.map(({ because }) => because),
        ["peer"],
      );
      const leftMs = Date.parse(listed[0]?.until ?? "") - Date.now();
      assert.ok(leftMs > 0 && leftMs <= 3_600_000, `until ${listed[0]?.until}`);
    });
  }

  test(`a peer over ${family} is forgotten after GUARD_TIME, and blocked like anybody`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const daemon = await Daemon.start(lab, { ...harsh, GUARD_TIME: "1s" });
    const peer = source(7);
    const conversation = await askPeer(lab, peer[family], "tcp");
    await conversation.stop();
    await waitUntil("the peer is forgotten", async () => (await reasonsFor(daemon, peer[family])).length === 0);
    await sendPackets(lab, [syn({ from: peer[family], to: TARGET[family], port: CLOSED[0] ?? 0 })]);
    await daemon.waitForBlock(peer.key[family]);
  });
}

test("a connection that stood before the daemon came makes its peer guarded; an attempt without an answer does not", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  // Connection tracking, without which nothing can be known of the past.
  await lab.target.mustRun([
    "nft",
    "add table inet other; add chain inet other c { type filter hook input priority 0; }",
  ]);
  await lab.target.mustRun(["nft", "add rule inet other c ct state new accept"]);
  await serve(lab, lab.scanner, { tcp: [9000], mode: "echo", address: source(7).ipv4 });
  await exchange(await talk(lab, lab.target, { to: source(7).ipv4, port: 9000 }), "hello");
  const daemon = await Daemon.start(lab);
  assert.deepEqual(await reasonsFor(daemon, source(7).ipv4), ["peer"]);
  // Nobody answers on that address: not even an RST comes back.
  await lab.scanner.mustRun([
    "nft",
    "add table inet mute; add chain inet mute c { type filter hook input priority 0; }",
  ]);
  await lab.scanner.mustRun(["nft", `add rule inet mute c ip daddr ${source(9).ipv4} drop`]);
  await visit(lab.target, { to: source(9).ipv4, port: 9000, timeout: 500 });
  assert.deepEqual(await reasonsFor(daemon, source(9).ipv4), []);
});

for (const proof of ["on", "off"] as const) {
  test(`gateway, resolver and container network are guarded with PROOF="${proof}", as they change`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const folder = resolvConf(lab, NEIGHBOURS[0].ipv4);
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    await addBridge(lab, "docker0", "172.30.0.1/16");
    const daemon = await Daemon.start(lab, { ...harsh, PROOF: proof });
    const guarded = [SCANNER.ipv4, NEIGHBOURS[0].ipv4, "172.30.7.7"];
    await sendPackets(
      lab,
      guarded.flatMap((from) => forged(from, TARGET.ipv4)),
    );
    await passMark(lab, daemon);
    assert.deepEqual(await daemon.blocked(), []);
    assert.deepEqual(await setElements(lab, "held4").then((held) => held?.filter((one) => guarded.includes(one))), []);
    assert.deepEqual(await reasonsFor(daemon, SCANNER.ipv4), ["gateway"]);
    assert.deepEqual(await reasonsFor(daemon, NEIGHBOURS[0].ipv4), ["resolver"]);
    assert.deepEqual(await reasonsFor(daemon, "172.30.0.0/16"), ["container"]);
    assert.deepEqual(await reasonsFor(daemon, TARGET.ipv4), ["own"]);

    // A source that is blocked on a claim, and then turns out to be a gateway.
    await sendPackets(lab, [syn({ from: NEIGHBOURS[1].ipv4, to: TARGET.ipv4, port: CLOSED[0] ?? 0 })]);
    await daemon.waitForBlock(NEIGHBOURS[1].ipv4);
    await lab.target.mustRun(["ip", "route", "replace", "default", "via", NEIGHBOURS[1].ipv4]);
    await waitUntil("the new gateway is free", async () => (await daemon.blocked()).length === 0);
    assert.deepEqual(await reasonsFor(daemon, NEIGHBOURS[1].ipv4), ["gateway"]);
    assert.deepEqual(await reasonsFor(daemon, SCANNER.ipv4), []);
  });
}

test("the source of an SSH session is guarded once somebody has logged in, and for as long as the session lasts", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const sshd = await Sshd.start(lab);
  const daemon = await Daemon.start(lab);
  const [admin, idle] = [source(5).ipv4, source(6).ipv4];
  // Whoever holds a connection open without logging in is nobody.
  await talk(lab, lab.scanner, { to: TARGET.ipv4, from: idle, port: 22 });
  const session = await sshd.logIn(admin);
  await waitUntil("the session is seen", async () => (await reasonsFor(daemon, admin)).includes("ssh"));
  assert.deepEqual(await reasonsFor(daemon, idle), []);
  await sendPackets(lab, [...forged(admin, TARGET.ipv4), ...forged(idle, TARGET.ipv4)]);
  await daemon.waitForBlock(idle);
  await passMark(lab, daemon);
  assert.ok(!(await daemon.blocked()).some((entry) => entry.source === admin));
  await sshd.say(session, "still there");

  await session.stop();
  await waitUntil("the session's end is seen", async () => (await reasonsFor(daemon, admin)).length === 0);
  await sendPackets(lab, [syn({ from: admin, to: TARGET.ipv4, port: CLOSED[0] ?? 0 })]);
  await daemon.waitForBlock(admin);
});

for (const family of families) {
  test(`who scans over ${family} from the address of an SSH session is met like anybody; session and new logins go on`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const sshd = await Sshd.start(lab);
    await serve(lab, lab.target, { tcp: [8081] });
    const daemon = await Daemon.start(lab, { ...shipped, PROOF: "on", TOLERATED_PORTS_TCP: "" });
    const admin = source(5);
    const session = await sshd.logIn(admin[family]);
    await waitUntil("the session is seen", async () => (await reasonsFor(daemon, admin[family])).includes("ssh"));
    const outcome = async (port: number, from: string = admin[family]) => {
      const { opened, errors } = await visit(lab.scanner, { to: TARGET[family], from, port, timeout: 1_000 });
      return opened === 1 ? "served" : Object.keys(errors).join();
    };
    assert.equal(await outcome(8081, source(6)[family]), "served");
    // A neighbour behind the same address learns nothing from its first closed port on.
    assert.equal(await outcome(CLOSED[0] ?? 0), "timeout");
    assert.equal(await outcome(8081), "timeout", "held");
    await sendPackets(
      lab,
      CLOSED.map((port) => syn({ from: admin[family], to: TARGET[family], port })),
    );
    assert.ok((await daemon.waitForBlock(admin.key[family])).soft);
    // Silent or refused, as the silence test's coin falls.
    assert.notEqual(await outcome(8081), "served");
    await sshd.say(session, "still there");
    const second = await sshd.logIn(admin[family]);
    await sshd.say(second, "and again");
    await session.stop();
    await second.stop();
    await (await sshd.logIn(admin[family])).stop();
  });
}

test("known pairs and lately open ports outlive the daemon, a table that is removed, and a reboot", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, { ...harsh, PROOF: "on", POLICY: "score" });
  const service = await serve(lab, lab.target, { tcp: [SERVED, 8081] });
  for (const family of families) {
    await visit(lab.scanner, { to: TARGET[family], from: source(1)[family], port: SERVED });
  }
  const known = async (family: Family) => {
    const number = family === "ipv4" ? 4 : 6;
    const sizes = await Promise.all(["known", "client"].map((set) => setElements(lab, `${set}${number}`)));
    return Math.min(...sizes.map((elements) => elements?.length ?? 0));
  };
  await waitUntil("both are known", async () => (await known("ipv4")) === 1 && (await known("ipv6")) === 1);

  await daemon.stop();
  assert.ok(existsSync(join(stateOf(lab), "learned")));
  // What a reboot takes.
  await lab.target.mustRun(["nft", "flush", "ruleset"]);
  await service.stop();
  await daemon.restart();
  assert.deepEqual([await known("ipv4"), await known("ipv6")], [1, 1]);
  const lately = (await setElements(lab, "lately")) ?? [];
  for (const port of [SERVED, 8081]) {
    assert.ok(
      lately.some((text) => text.includes(String(port))),
      `${port} is a trap after the reboot: ${lately.join(" ")}`,
    );
  }

  await lab.target.mustRun(["nft", "flush", "ruleset"]);
  await waitUntil("the table is loaded again", async () => (await setElements(lab, "known4")) !== undefined);
  await waitUntil("customers are known again", async () => (await known("ipv4")) === 1 && (await known("ipv6")) === 1);
});

/** The target opens a connection, and gets an answer. */
async function askPeer(lab: Lab, peer: string, protocol: "tcp" | "udp"): Promise<Running> {
  await serve(lab, lab.scanner, { [protocol]: [9000], mode: "echo", address: peer });
  const way = protocol === "udp" ? { udp: true as const } : {};
  const conversation = await talk(lab, lab.target, { to: peer, port: 9000, ...way });
  await exchange(conversation, "hello");
  return conversation;
}

/** /etc/resolv.conf of the target, as `ip netns exec` mounts it. */
function resolvConf(lab: Lab, server: string): string {
  const folder = `/etc/netns/${lab.target.name}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "resolv.conf"), `nameserver ${server}\n`);
  return folder;
}

/** A bridge as container engines make them, with one end of a veth pair in it. */
async function addBridge(lab: Lab, name: string, cidr: string): Promise<void> {
  for (const command of [
    `link add ${name} type bridge`,
    `link add port0 type veth peer name port1`,
    `link set port0 master ${name}`,
    "link set port0 up",
    "link set port1 up",
    `addr add ${cidr} dev ${name}`,
    `link set ${name} up`,
  ]) {
    await lab.target.mustRun(["ip", ...command.split(" ")]);
  }
  await waitUntil(`${name} is up`, async () =>
    (await lab.target.mustRun(["ip", "link", "show", name])).includes("state UP"),
  );
}

// Who is exempt, and how one comes to be: the ways by which a stranger could try to (docs/security/exemptions.md), each tried.
// A port that sends something late makes nobody a peer; forged and unfinished connections make nobody a customer; and a
// peer is a peer only of what this host itself began.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { buildTcp } from "../support/build-packet.ts";
import { type Family, families, source, TARGET } from "./support/addresses.ts";
import { Capture } from "./support/capture.ts";
import { Daemon } from "./support/daemon.ts";
import { passMark } from "./support/innocent.ts";
import { setElements } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { syn, udp } from "./support/packets.ts";
import { keepSending, sendPackets } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";
import { exchange, serve, talk } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const LATE = 8022;
const CLOSED = 2001;
/** Datagram services, one of them out of ip_local_port_range. */
const LATE_UDP = [2053, 40_053];
/** Longer than the second that connection tracking is told to remember; there is no notification that could be awaited. */
const FORGOTTEN_MS = 2_500;
const Flag = { Fin: 1, Syn: 2, Rst: 4, Ack: 16 } as const;

const sets = (family: Family) => (family === "ipv4" ? ["peer4", "known4", "client4"] : ["peer6", "known6", "client6"]);

async function contents(lab: Lab, names: readonly string[]): Promise<readonly string[]> {
  return (await Promise.all(names.map((name) => setElements(lab, name)))).flatMap((elements) => elements ?? ["no set"]);
}

/** Connection tracking forgets a connection, as it does after RSTs that the kernel's TCP does not believe. */
async function forget(lab: Lab, family: Family): Promise<void> {
  await lab.target.run(["conntrack", "-f", family, "-D", "-p", "tcp", "--dport", String(LATE)]);
}

for (const family of families) {
  const to = TARGET[family];

  test(`a service over ${family} that speaks when its connection is forgotten makes no peer, before a restart or after it`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const daemon = await Daemon.start(lab, harsh);
    const service = await serve(lab, lab.target, { tcp: [LATE], mode: "hold" });
    const stranger = source(7);
    const conversation = await talk(lab, lab.scanner, { to, from: stranger[family], port: LATE });
    await service.waitForLine(/^asked on/);
    await forget(lab, family);
    const { stdout: before } = await lab.target.run(["conntrack", "-f", family, "-L", "-p", "tcp"]);
    assert.ok(!before.includes(`port=${LATE}`), "connection tracking still knows it: the test does not test");
    service.write("go\n");
    await conversation.waitForLine(/^x/);
    // The stranger's kernel has answered: to connection tracking it answers a connection of ours.
    await waitUntil("connection tracking has it the wrong way round", async () =>
      (await lab.target.run(["conntrack", "-f", family, "-L", "-p", "tcp"])).stdout.includes(`sport=${LATE}`),
    );
    assert.deepEqual(await contents(lab, sets(family)), []);
    await daemon.stop();
    await daemon.restart();
    assert.deepEqual(await contents(lab, sets(family)), []);
    await sendPackets(lab, [syn({ from: stranger[family], to, port: CLOSED })]);
    await daemon.waitForBlock(stranger.key[family]);
  });

  test(`a datagram service over ${family} that answers late makes no peer`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    await lab.target.set("net.netfilter.nf_conntrack_udp_timeout", "1");
    const service = await serve(lab, lab.target, { udp: LATE_UDP, mode: "hold" });
    const daemon = await Daemon.start(lab, harsh);
    const stranger = source(7);
    const datagrams = LATE_UDP.map((port) => udp({ from: stranger[family], to, port, fromPort: 5000 }));
    await sendPackets(lab, datagrams);
    for (const port of LATE_UDP) await service.waitForLine(new RegExp(`^asked on ${port}$`));
    await delay(FORGOTTEN_MS);
    service.write("go\n");
    for (const port of LATE_UDP) await service.waitForLine(new RegExp(`^answered from ${port}$`));
    await sendPackets(lab, datagrams);
    assert.deepEqual(await contents(lab, sets(family)), []);
    await sendPackets(lab, [syn({ from: stranger[family], to, port: CLOSED })]);
    await daemon.waitForBlock(stranger.key[family]);
  });

  test(`segments over ${family} of connections that never were make no customer`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const daemon = await Daemon.start(lab, { ...harsh, SCAN_TRIGGER: "10000" });
    await serve(lab, lab.target, { tcp: [LATE] });
    const from = source(7)[family];
    const segments = [LATE, CLOSED].flatMap((port, index) =>
      [Flag.Ack, Flag.Ack, Flag.Ack | Flag.Fin, Flag.Rst, Flag.Rst | Flag.Ack].map((flags) =>
        buildTcp({ source: from, destination: to, sourcePort: 6000 + index, destinationPort: port, flags }),
      ),
    );
    await sendPackets(lab, [...segments, ...segments, ...segments]);
    // What comes last has been judged last.
    await sendPackets(lab, [syn({ from: source(8)[family], to, port: CLOSED })]);
    await waitUntil("all has been judged", async () => (await daemon.eventsOf(source(8).key[family])).length > 0);
    assert.deepEqual(await contents(lab, sets(family)), []);
  });

  test(`the peer over ${family} of a connection that was older than the table goes on being one`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const daemon = await Daemon.start(lab, { ...harsh, GUARD_TIME: "1h" });
    await serve(lab, lab.scanner, { tcp: [9000], mode: "echo", address: source(7)[family] });
    const conversation = await talk(lab, lab.target, { to: source(7)[family], port: 9000 });
    await exchange(conversation, "hello");
    const [peers = "", flows] = family === "ipv4" ? ["peer4", "flows4"] : ["peer6", "flows6"];
    assert.deepEqual(await contents(lab, [peers]), [source(7)[family]]);
    await daemon.stop();
    await lab.target.mustRun(["nft", "flush", "ruleset"]);
    await daemon.restart();
    assert.deepEqual(await contents(lab, [peers]), [source(7)[family]]);
    // Each answer prolongs it, since the flow is known again.
    await lab.target.mustRun(["nft", "flush", "set", "inet", "portreeve", peers]);
    await exchange(conversation, "still there");
    assert.deepEqual(await contents(lab, [peers]), [source(7)[family]]);
    assert.equal((await setElements(lab, flows ?? ""))?.length, 1);
  });

  test(`who ends its first connection over ${family} while it is held makes itself no customer by it`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    await Daemon.start(lab, { ...harsh, PROOF: "on", SCAN_TRIGGER: "10000" });
    await serve(lab, lab.target, { tcp: [LATE], mode: "echo" });
    const [held, free] = [source(7), source(8)];
    const conversations = await Promise.all(
      [held, free].map((each) => talk(lab, lab.scanner, { to, from: each[family], port: LATE })),
    );
    keepSending(lab, [syn({ from: held[family], to, port: CLOSED })], { perSecond: 20 });
    const element = held.key[family].replace(/\/\d+$/, "");
    const heldSet = family === "ipv4" ? "held4" : "held6";
    await waitUntil("the hold", async () => (await setElements(lab, heldSet))?.includes(element) === true);
    // In this order: when the second is a customer the first would be one.
    for (const conversation of conversations) {
      conversation.write("quit\n");
      await conversation.waitForEnd();
    }
    const clients = family === "ipv4" ? "client4" : "client6";
    await waitUntil("a customer", async () => (await contents(lab, [clients])).length > 0);
    assert.deepEqual(await contents(lab, [clients]), [free.key[family].replace(/\/\d+$/, "")]);
  });

  test(`datagrams over ${family} to closed ports, and those of a held source, make no customer of a datagram service`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const daemon = await Daemon.start(lab, { ...harsh, PROOF: "on", SCAN_TRIGGER: "10000", PUBLIC_PORTS_UDP: "" });
    await serve(lab, lab.target, { udp: [LATE_UDP[0] ?? 0] });
    const [held, free] = [source(7), source(8)];
    const asks = (from: string, port: number) => udp({ from, to, port, fromPort: 5000 });
    const open = LATE_UDP[0] ?? 0;
    await sendPackets(lab, [asks(held[family], CLOSED), asks(held[family], open), asks(free[family], open)]);
    const pairs = family === "ipv4" ? "knownu4" : "knownu6";
    await waitUntil("a pair", async () => (await contents(lab, [pairs])).length > 0);
    await waitUntil("all has been judged", async () => (await daemon.eventsOf(held.key[family])).length > 0);
    const pair = { concat: [free.key[family].replace(/\/\d+$/, ""), open] };
    assert.deepEqual(await contents(lab, [pairs]), [JSON.stringify(pair)]);
  });

  test(`in the name of this host itself over ${family} nobody is held and nobody let in`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const daemon = await Daemon.start(lab, harsh);
    await serve(lab, lab.target, { tcp: [LATE] });
    const capture = await Capture.start(lab);
    const names = family === "ipv4" ? [to, "127.0.0.1", "0.0.0.0"] : [to, "::1", "::"];
    await sendPackets(
      lab,
      names.flatMap((from) => [LATE, CLOSED].map((port) => syn({ from, to, port }))),
    );
    await passMark(lab, daemon);
    const answers = (await capture.stop()).filter(({ fromPort }) => fromPort === LATE || fromPort === CLOSED);
    assert.deepEqual(answers, []);
    assert.deepEqual(await daemon.blocked(), []);
    const held = await contents(lab, [family === "ipv4" ? "held4" : "held6"]);
    assert.deepEqual(
      held.filter((address) => names.includes(address)),
      [],
    );
  });
}

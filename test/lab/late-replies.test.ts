// Answers that come after connection tracking has forgotten the question: to a name looked up from a port that is a
// trap, and on a connection that we opened and reset. They are no probes, whatever their sender is held for; the same
// packets from somebody we never spoke to, or to a port that we did not ask from, are.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { buildTcp } from "../support/build-packet.ts";
import { CONTAINER, type Family, families, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { bridgeContainer, publishByDocker } from "./support/docker.ts";
import { openGateway, PROTECTED } from "./support/gateway.ts";
import { setElements } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { udp } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh, type Settings } from "./support/settings.ts";
import { serve } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

/** Traps as long as nobody listens: below the ephemeral ports. */
const ASKED_FROM = 2053;
const NEVER_ASKED_FROM = 2054;
const CONNECTED_FROM = 2500;
const WEB = 8080;
const DNS = 53;
/** Longer than the second that conntrack is told to remember; it has no notification that could be awaited. */
const FORGOTTEN_MS = 2_500;
const ACK_PSH = 0x18;
const SYN_ACK = 0x12;

const ASK = `
const [to, from, toPort, fromPort] = process.argv.slice(1);
const socket = require("node:dgram").createSocket(to.includes(":") ? "udp6" : "udp4");
socket.bind(Number(fromPort), from, () => socket.send("query", Number(toPort), to, () => socket.close()));`;
const CONNECT_AND_RESET = `
const [host, localAddress, port, localPort] = process.argv.slice(1);
const socket = require("node:net").connect({ host, localAddress, port: Number(port), localPort: Number(localPort) });
socket.on("connect", () => socket.resetAndDestroy());`;

async function packetsCounted(lab: Lab, chain: string, set: string): Promise<number> {
  const text = await lab.target.mustRun(["nft", "list", "chain", "inet", "portreeve", chain]);
  const line = text.split("\n").find((each) => each.includes(`@${set} counter`));
  return Number(/counter packets (\d+)/.exec(line ?? "")?.[1] ?? Number.NaN);
}

async function setUp(family: Family) {
  const lab = await Lab.open();
  const daemon = await Daemon.start(lab, harsh);
  await lab.target.set("net.netfilter.nf_conntrack_udp_timeout", "1");
  await lab.target.set("net.netfilter.nf_conntrack_tcp_timeout_close", "1");
  const flows = family === "ipv4" ? "flows4" : "flows6";
  const fromTarget = (program: string, to: string, ports: readonly [to: number, from: number]) =>
    lab.target.mustRun([process.execPath, "-e", program, to, TARGET[family], ...ports.map(String)]);
  return { lab, daemon, flows, fromTarget, to: TARGET[family] };
}

for (const family of families) {
  test(`a late answer to a query over ${family}`, async (t) => {
    const { lab, daemon, flows, fromTarget, to } = await setUp(family);
    t.after(() => lab.close());
    const [resolver, stranger, trickster] = [source(5), source(6), source(7)];
    for (const asked of [resolver, trickster]) await fromTarget(ASK, asked[family], [DNS, ASKED_FROM]);
    assert.equal((await setElements(lab, flows))?.length, 2);
    await delay(FORGOTTEN_MS);
    const answer = (from: string, port: number) => udp({ from, to, port, fromPort: DNS });
    await sendPackets(lab, [answer(resolver[family], ASKED_FROM), answer(stranger[family], ASKED_FROM)]);
    await daemon.waitForBlock(stranger.key[family]);
    await sendPackets(lab, [answer(trickster[family], NEVER_ASKED_FROM)]);
    await daemon.waitForBlock(trickster.key[family]);
    assert.equal(await packetsCounted(lab, "newudp", flows), 1, "conntrack still knew it: the test does not test");
    assert.deepEqual(await daemon.eventsOf(resolver.key[family]), []);
    assert.deepEqual(
      (await daemon.blocked()).map((entry) => entry.source).sort(),
      [stranger.key[family], trickster.key[family]].sort(),
    );
  });

  test(`late segments of a connection over ${family} that we had opened`, async (t) => {
    const { lab, daemon, flows, fromTarget, to } = await setUp(family);
    t.after(() => lab.close());
    await serve(lab, lab.scanner, { tcp: [WEB] });
    const [server, stranger] = [source(5), source(6)];
    await fromTarget(CONNECT_AND_RESET, server[family], [WEB, CONNECTED_FROM]);
    await delay(FORGOTTEN_MS);
    const segment = (from: string, flags: number) =>
      buildTcp({ source: from, destination: to, sourcePort: WEB, destinationPort: CONNECTED_FROM, flags });
    await sendPackets(
      lab,
      [server, stranger].flatMap((from) => [ACK_PSH, SYN_ACK].map((flags) => segment(from[family], flags))),
    );
    await waitUntil("the stranger's are seen", async () => (await daemon.eventsOf(stranger.key[family])).length > 0);
    const late = await packetsCounted(lab, "stray", flows);
    assert.ok(late >= 1, "conntrack still knew it: the test does not test");
    assert.deepEqual(await daemon.eventsOf(server.key[family]), []);
    assert.deepEqual(await daemon.blocked(), [], "a stray segment is weak evidence");
  });
}

test("late answers to what a container has asked come to this host, and are no probes of it", async (t) => {
  const lab = await Lab.open({ inner: true });
  t.after(() => lab.close());
  await bridgeContainer(lab);
  await publishByDocker(lab, "iptables", {});
  await assertLateAnswersAreNoProbes(lab, families, harsh);
});

test("nor are late answers to what a host behind this one has asked, for which this one masquerades (PROTECT)", async (t) => {
  const lab = await openGateway();
  t.after(() => lab.close());
  await lab.target.mustRun(
    ["nft", "-f", "-"],
    "table ip lan { chain out { type nat hook postrouting priority srcnat; ip saddr 10.88.0.0/24 masquerade; }; }",
  );
  await assertLateAnswersAreNoProbes(lab, ["ipv4"], { ...harsh, PROTECT: PROTECTED });
});

async function assertLateAnswersAreNoProbes(lab: Lab, families: readonly Family[], settings: Settings): Promise<void> {
  const daemon = await Daemon.start(lab, settings);
  await lab.target.set("net.netfilter.nf_conntrack_udp_timeout", "1");
  await lab.target.set("net.netfilter.nf_conntrack_tcp_timeout_close", "1");
  await serve(lab, lab.scanner, { tcp: [WEB] });
  const [asked, stranger] = [source(5), source(6)];
  const inside = (program: string, family: Family, ports: readonly [to: number, from: number]) =>
    lab.inner.mustRun([process.execPath, "-e", program, asked[family], CONTAINER[family], ...ports.map(String)]);
  for (const family of families) {
    await inside(ASK, family, [DNS, ASKED_FROM]);
    await inside(CONNECT_AND_RESET, family, [WEB, CONNECTED_FROM]);
  }
  await delay(FORGOTTEN_MS);
  for (const family of families) {
    const to = TARGET[family];
    const answer = (from: string) => udp({ from, to, port: ASKED_FROM, fromPort: DNS });
    const segment = (from: string, flags: number) =>
      buildTcp({ source: from, destination: to, sourcePort: WEB, destinationPort: CONNECTED_FROM, flags });
    await sendPackets(lab, [
      answer(asked[family]),
      ...[ACK_PSH, SYN_ACK].map((flags) => segment(asked[family], flags)),
      answer(stranger[family]),
    ]);
    await daemon.waitForBlock(stranger.key[family]);
    assert.equal(await packetsCounted(lab, "newudp", `flows${family.slice(-1)}`), 1, "conntrack still knew it");
    const told = await daemon.eventsOf(asked.key[family]);
    assert.deepEqual(
      told.filter(({ type, disposition }) => type !== "probe" || disposition !== "stray"),
      [],
      "more than a stray segment",
    );
  }
  const blocked = (await daemon.blocked()).map((entry) => entry.source);
  assert.deepEqual(blocked.sort(), families.map((family) => stranger.key[family]).sort());
}

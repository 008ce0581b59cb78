// The link goes on working: neighbour discovery passes for everybody, and a held or blocked source's neighbours are not
// punished with it. A held source may still ping; a blocked one may not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Family, families, LINK, NEIGHBOURS, SCANNER, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { setElements } from "./support/kernel.ts";
import { type Host, Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { keepSending, sendPackets } from "./support/raw.ts";
import { harsh, shipped } from "./support/settings.ts";
import { serve, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

/** Served, and none of PUBLIC_PORTS_TCP, which a hold does not cut. */
const OPEN = 8081;
const [offender, neighbour] = NEIGHBOURS;

async function pings(host: Host, to: string, from?: string): Promise<boolean> {
  const { code } = await host.run([
    "ping",
    "-n",
    "-c",
    "1",
    "-W",
    "2",
    ...(from === undefined ? [] : ["-I", from]),
    to,
  ]);
  return code === 0;
}

/** Both sides forget who is behind which address, so that the next packet has to ask. */
async function forgetNeighbours(lab: Lab): Promise<void> {
  for (const host of [lab.target, lab.scanner]) {
    for (const family of ["-4", "-6"]) await host.mustRun(["ip", family, "neigh", "flush", "dev", LINK]);
  }
}

async function knows(host: Host, address: string, mac: string): Promise<boolean> {
  return (await host.mustRun(["ip", "neigh", "show", address, "dev", LINK])).includes(mac);
}

async function connects(lab: Lab, family: Family, from: string): Promise<boolean> {
  const { opened } = await visit(lab.scanner, { to: TARGET[family], from, port: OPEN, timeout: 1_500 });
  return opened === 1;
}

for (const family of families) {
  const to = TARGET[family];

  test(`a held source over ${family} pings and is found, and its neighbour connects`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    // Never enough for a block: the hold alone is at work.
    await Daemon.start(lab, { ...harsh, SCAN_TRIGGER: "10000" });
    await serve(lab, lab.target, { tcp: [OPEN] });
    const from = offender[family];
    keepSending(lab, [syn({ from, to, port: 2000 })], { perSecond: 10 });
    const held = family === "ipv4" ? "held4" : "held6";
    await waitUntil("the hold", async () => (await setElements(lab, held))?.includes(from) === true);
    assert.equal(await connects(lab, family, from), false, "the hold is not in force: the test does not test");

    await forgetNeighbours(lab);
    assert.ok(await pings(lab.scanner, to, from), "a held source cannot ping");
    await forgetNeighbours(lab);
    assert.ok(await pings(lab.target, from), "a held source cannot be reached");
    await forgetNeighbours(lab);
    assert.ok(await pings(lab.scanner, to, neighbour[family]), "the neighbour cannot ping");
    assert.ok(await connects(lab, family, neighbour[family]), "the neighbour cannot connect");
  });

  test(`a blocked source over ${family} is silent, but the link knows it, and its neighbour connects`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const daemon = await Daemon.start(lab);
    await serve(lab, lab.target, { tcp: [OPEN] });
    const from = offender[family];
    await sendPackets(lab, [syn({ from, to, port: 2000 })]);
    await daemon.waitForBlock(from);

    await forgetNeighbours(lab);
    assert.equal(await pings(lab.scanner, to, from), false, "the block is not in force: the test does not test");
    assert.ok(await knows(lab.scanner, to, TARGET.mac), "neighbour discovery by the blocked source is cut");
    await forgetNeighbours(lab);
    assert.equal(await pings(lab.target, from), false);
    assert.ok(await knows(lab.target, from, SCANNER.mac), "neighbour discovery of the blocked source is cut");
    await forgetNeighbours(lab);
    assert.ok(await pings(lab.scanner, to, neighbour[family]), "the neighbour cannot ping");
    assert.ok(await connects(lab, family, neighbour[family]), "the neighbour cannot connect");
  });
}

test("a blocked /64 does not take the next /64 with it, but all of itself", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab);
  await serve(lab, lab.target, { tcp: [OPEN] });
  await sendPackets(lab, [syn({ from: source(1).ipv6, to: TARGET.ipv6, port: 2000 })]);
  await daemon.waitForBlock(source(1).key.ipv6);
  assert.equal(await connects(lab, "ipv6", source(1).ipv6.replace(/1$/, "2")), false);
  assert.equal(await connects(lab, "ipv6", source(2).ipv6), true);
  assert.ok(await pings(lab.scanner, TARGET.ipv6, source(2).ipv6));
});

const beyond = (n: number) => source(n).ipv4;
const onLink = (n: number) => `198.51.100.${100 + n}`;
for (const [where, address] of [
  ["beyond our links", beyond],
  ["on our link", onLink],
] as const)
  test(`an unblocked source connects though its neighbours ${where} are held together`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const [from, stranger] = [address(1), address(2)];
    if (address === onLink)
      for (const own of [from, stranger]) await lab.scanner.mustRun(["ip", "addr", "add", `${own}/24`, "dev", LINK]);
    const daemon = await Daemon.start(lab, { ...shipped, NEIGHBOURS: "0", SLOW_NEIGHBOURS: "0" });
    await serve(lab, lab.target, { tcp: [OPEN] });
    const block = await daemon.cli(["block", from]);
    assert.equal(block.code, 0, block.stderr);
    await sendPackets(
      lab,
      Array.from({ length: 20 }, (_, n) => syn({ from: address(n + 3), to: TARGET.ipv4, port: 2000 })),
    );
    const areHeld = async () =>
      (await setElements(lab, address === onLink ? "heldmac" : "held24"))?.includes(
        address === onLink ? SCANNER.mac : "203.0.113.0",
      ) === true;
    await waitUntil("the hold of the neighbours", areHeld);
    const why = await daemon.cli(["why", stranger]);
    if (address === beyond) assert.match(why.stdout, /is held with its neighbours in 203\.0\.113\.0\/24/);
    await daemon.unblock(from);
    assert.equal(await areHeld(), false);
    assert.ok(await connects(lab, "ipv4", from), "unblocked, and its packets do not pass");
  });

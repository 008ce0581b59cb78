// A scan that no single source would be found by: shared out among the addresses of a /24, the /64s of a /48, the addresses
// of one neighbour, hundreds of strangers; and one with nothing but tolerated ports. Each is found and told, learns next to
// nothing where the kernel holds neighbours together, and is never more than a soft block. And whom that must not touch:
// an office, somebody setting up a mail account.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Family, families, SCANNER, source, TARGET } from "./support/addresses.ts";
import { Capture } from "./support/capture.ts";
import { Daemon } from "./support/daemon.ts";
import { floodOfNetworks } from "./support/flood.ts";
import { assertInnocent } from "./support/innocent.ts";
import { setElements } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { keepSending, sendPackets } from "./support/raw.ts";
import { nmap } from "./support/scan.ts";
import { type Settings, shipped } from "./support/settings.ts";
import { serve, visit } from "./support/traffic.ts";
import { waitFor, waitUntil } from "./support/wait.ts";

const careful: Settings = { ...shipped, PROOF: "on", PUBLIC_PORTS_TCP: "", PUBLIC_PORTS_UDP: "" };
/** Twenty ports are served. */
const OPEN = Array.from({ length: 20 }, (_, index) => 150 + index * 190);
/** Ports that are asked for, in an order that no order of addresses has: the served ones after thirty that are closed. */
const CLOSED = Array.from({ length: 4_096 }, (_, index) => 1 + ((index * 1_237) % 4_096)).filter(
  (port) => !OPEN.includes(port),
);
const PORTS = [...CLOSED.slice(0, 30), ...OPEN, ...CLOSED.slice(30)];
const KNOWN_PORT = OPEN[3] ?? 0;
/** Of the served ones, how many may be learned: the kernel holds some twenty neighbours one by one, and then all of them. */
const FEW = 2;

async function open(t: TestContext, settings: Settings = careful): Promise<{ lab: Lab; daemon: Daemon }> {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: OPEN });
  return { lab, daemon: await Daemon.start(lab, settings) };
}

/** One SYN from each; answers with the open ports that answered anybody. */
async function scan(lab: Lab, family: Family, from: (index: number) => string, ports = PORTS): Promise<number[]> {
  const capture = await Capture.start(lab);
  const to = TARGET[family];
  await sendPackets(
    lab,
    ports.map((port, index) => syn({ from: from(index), to, port })),
    { perSecond: 5_000 },
  );
  const answers = (await capture.stop()).filter(({ flags }) => flags.startsWith("S") && flags.includes("."));
  return [...new Set(answers.map(({ fromPort }) => fromPort))].filter((port) => OPEN.includes(port));
}

async function finding(daemon: Daemon, network: string): Promise<string> {
  const event = await waitFor(`a finding about ${network}`, async () =>
    (await daemon.eventsOf(network)).find(({ type }) => type === "finding"),
  );
  return event.message ?? "";
}

const hex = (number: number): string => number.toString(16);

test("one probe from each /64 of a /48 learns nothing and is a finding; a customer in it goes on", async (t) => {
  const { lab, daemon } = await open(t);
  const customer = source(1).ipv6;
  const connects = async () => (await visit(lab.scanner, { to: TARGET.ipv6, from: customer, port: KNOWN_PORT })).opened;
  assert.equal(await connects(), 1);
  const learned = await scan(lab, "ipv6", (index) => `2001:db8:b:${hex(15 * (index + 1))}::1`);
  assert.ok(learned.length <= FEW, `learned ${learned.join(", ")}`);
  assert.match(
    await finding(daemon, "2001:db8:b::/48"),
    /^\d+ \/64 networks of 2001:db8:b::\/48 have each tried a port /,
  );
  const block = await daemon.waitForBlock("2001:db8:b::/48");
  assert.deepEqual([block.soft, block.grade, block.enforced], [true, "direct", true]);
  assert.deepEqual(await setElements(lab, "soft48"), ["2001:db8:b::"]);
  assert.equal(await connects(), 1, "a known pair is cut");
  const { warnings } = await daemon.status();
  assert.ok(
    warnings.some((line) => /networks of 2001:db8:b::\/48 have each tried a port/.test(line)),
    warnings.join("\n"),
  );
  for (const asked of ["2001:db8:b::/48", "2001:db8:b:77::9"]) {
    const { stdout } = await daemon.cli(["why", asked]);
    assert.match(stdout, /softly blocked/);
    assert.match(stdout, /\/64 networks of 2001:db8:b::\/48 have each tried/);
  }
  const refused = await daemon.cli(["unblock", "2001:db8:b:77::9"]);
  assert.match(refused.stderr, /blocked as part of .*2001:db8:b::\/48/);
  await daemon.unblock("2001:db8:b::/48");
  for (const set of ["soft48", "soft56"]) assert.deepEqual(await setElements(lab, set), [], set);
});

/** Closed ports first, more of them than a /32 or a /16 may try before it is held: what is learned then is learned in spite of the hold. */
const closedFirst = (count: number) => [...CLOSED.slice(0, count), ...OPEN, ...CLOSED.slice(count)];
/** How many further open ports may be learned: 240 of 4,096 ports are asked unheld in each minute. */
const LITTLE = 3;

test("one probe from each of 4,096 /48s of a /33 learns next to nothing and is told of; a customer and a public port in it go on", async (t) => {
  const [publicPort = 0] = OPEN;
  const { lab, daemon } = await open(t, { ...careful, PUBLIC_PORTS_TCP: String(publicPort) });
  // In the same /32, though not in the /33.
  const customer = source(1).ipv6;
  const connects = async (from: string, port: number) =>
    (await visit(lab.scanner, { to: TARGET.ipv6, from, port, timeout: 1_500 })).opened;
  assert.equal(await connects(customer, KNOWN_PORT), 1);
  const from = (index: number) => `2001:db8:${hex(0x8000 + ((index * 12_345) % 32_768))}::1`;
  const learned = (await scan(lab, "ipv6", from, closedFirst(300))).filter((port) => port !== publicPort);
  t.diagnostic(`learned ${learned.length} of ${OPEN.length - 1}`);
  assert.ok(learned.length <= LITTLE, `learned ${learned.join(", ")}`);
  await finding(daemon, "2001:db8::/32");
  const going = keepSending(
    lab,
    CLOSED.slice(0, 1_000).map((port, index) => syn({ from: from(5_000 + index), to: TARGET.ipv6, port })),
    { perSecond: 200 },
  );
  await waitUntil("the /32 is held", async () => (await setElements(lab, "held32"))?.length === 1);
  assert.equal(await connects(customer, KNOWN_PORT), 1, "a known pair is cut");
  assert.equal(await connects(source(2).ipv6, publicPort), 1, "a public port is cut");
  assert.equal(await connects(source(2).ipv6, KNOWN_PORT), 0, "the /32 is not held: the test does not test");
  await going.stop();
  assert.ok(!(await daemon.blocked()).some(({ source: blocked }) => blocked === "2001:db8::/32"));
});

test("one probe from each of the 256 /48s of a /40 is a finding and a soft block of the /40", async (t) => {
  const { lab, daemon } = await open(t);
  const from = (index: number) => `2001:db8:77${hex(index % 256).padStart(2, "0")}:${hex(index)}::1`;
  const learned = await scan(lab, "ipv6", from, closedFirst(100).slice(0, 600));
  assert.ok(learned.length <= LITTLE, `learned ${learned.join(", ")}`);
  assert.match(
    await finding(daemon, "2001:db8:7700::/40"),
    /^\d+ \/48 networks of 2001:db8:7700::\/40 have each tried a port /,
  );
  assert.ok((await daemon.waitForBlock("2001:db8:7700::/40")).soft);
  assert.deepEqual(await setElements(lab, "soft40"), ["2001:db8:7700::"]);
  assert.match(
    (await daemon.cli(["why", "2001:db8:7712:3::9"])).stdout,
    /\/48 networks of 2001:db8:7700::\/40 have each tried/,
  );
  await daemon.unblock("2001:db8:7700::/40");
  assert.deepEqual(await setElements(lab, "soft40"), []);
});

test("a /48 holds the /40 that it lies in no more than its own share", async (t) => {
  const { lab } = await open(t);
  await scan(lab, "ipv6", (index) => `2001:db8:7701:${hex(15 * (index + 1))}::1`, PORTS.slice(0, 1_000));
  assert.deepEqual(await setElements(lab, "held48"), ["2001:db8:7701::"]);
  for (const set of ["held40", "held32"]) assert.deepEqual(await setElements(lab, set), [], set);
});

test("the addresses of an IPv4 /16, sixteen of each /24, learn next to nothing", async (t) => {
  const { lab } = await open(t);
  const from = (index: number) => `198.18.${index % 256}.${1 + (index >>> 8)}`;
  const learned = await scan(lab, "ipv4", from, closedFirst(600));
  t.diagnostic(`learned ${learned.length} of ${OPEN.length}`);
  assert.ok(learned.length <= LITTLE, `learned ${learned.join(", ")}`);
});

test("a flood forged in 70,000 networks does not end the counting of networks", async (t) => {
  const { lab } = await open(t);
  await floodOfNetworks(lab, 70_000, 4_000);
  const from = (index: number) => `2001:db8:b:${hex(15 * (index + 1))}::1`;
  const learned = await scan(lab, "ipv6", from, PORTS.slice(0, 2_000));
  assert.ok(learned.length <= FEW, `learned ${learned.join(", ")}`);
  const counted = (await setElements(lab, "many48")) ?? [];
  assert.ok(counted.includes("2001:db8:b::"), `not counted; ${counted.length} others are`);
});

test("the addresses of an IPv4 /24: the same, and no history line, no full block, with PROOF off as well", async (t) => {
  for (const proof of ["on", "off"]) {
    const { lab, daemon } = await open(t, { ...careful, PROOF: proof });
    const from = (index: number) => source(1 + index).ipv4;
    const learned = await scan(lab, "ipv4", from, PORTS.slice(0, 253));
    assert.ok(learned.length <= FEW, `learned ${learned.join(", ")}`);
    assert.match(
      await finding(daemon, "203.0.113.0/24"),
      /^\d+ addresses of 203\.0\.113\.0\/24 have each tried a port /,
    );
    const block = await daemon.waitForBlock("203.0.113.0/24");
    assert.deepEqual([block.soft, block.grade, block.backend], [true, "direct", "nftables"]);
    assert.deepEqual(daemon.history(), []);
    assert.match(daemon.lines.join("\n"), /WARNING: \d+ addresses of 203\.0\.113\.0\/24 have each tried a port/);
    await daemon.stop();
    await daemon.restart();
    assert.equal((await daemon.waitForBlock("203.0.113.0/24")).soft, true, "a restart keeps it, and as it was");
    await daemon.stop();
    await lab.close();
  }
});

test("where nothing is blocked it is told of", async (t) => {
  const { lab, daemon } = await open(t, { ...careful, BLOCK_TCP: "0", BLOCK_UDP: "0" });
  await scan(lab, "ipv4", (index) => source(1 + index).ipv4, PORTS.slice(0, 60));
  await finding(daemon, "203.0.113.0/24");
  assert.deepEqual(await daemon.blocked(), []);
});

/** Answers to the addresses of a neighbour who has as many as it likes go to it; nobody would answer for them on the link. */
async function openOnLink(t: TestContext): Promise<{ lab: Lab; daemon: Daemon }> {
  const parts = await open(t);
  const networks = ["2001:db8:a::1000/116", "198.51.100.96/27", "198.51.100.128/26", "198.51.100.192/29"];
  for (const network of networks) {
    const via = network.includes(":") ? SCANNER.ipv6 : SCANNER.ipv4;
    assert.equal((await parts.lab.target.run(["ip", "route", "add", network, "via", via])).code, 0, network);
  }
  return parts;
}

for (const family of families) {
  test(`on the link, over ${family}: another address for each port is a finding, told of only`, async (t) => {
    const { lab, daemon } = await openOnLink(t);
    const from = (index: number) =>
      family === "ipv4" ? `198.51.100.${100 + index}` : `2001:db8:a::${hex(0x1000 + index)}`;
    // Over IPv6 all twenty open ports are among them (E7 of attacks.md).
    const learned = await scan(lab, family, from, family === "ipv4" ? PORTS.slice(0, 100) : PORTS);
    t.diagnostic(`learned ${learned.length}`);
    assert.ok(learned.length <= FEW, `learned ${learned.join(", ")}`);
    const network = family === "ipv4" ? "198.51.100.0/24" : "2001:db8:a::/64";
    assert.match(await finding(daemon, network), /addresses of \S+, on a link of this host, have each tried a port/);
    assert.ok(!(await daemon.blocked()).some(({ source: blocked }) => blocked === network));
  });
}

test("on the link, another address for each of 40 ports, half of which are open (E7 of attacks.md): few are learned", async (t) => {
  const { lab, daemon } = await openOnLink(t);
  const ports = OPEN.flatMap((port, index) => [port, CLOSED[index] ?? 0]);
  const learned = await scan(lab, "ipv6", (index) => `2001:db8:a::${hex(0x1000 + index)}`, ports);
  t.diagnostic(`learned ${learned.length}`);
  // Before each of the four closed ports that are asked one by one, and of a fifth, lies an open one.
  assert.ok(learned.length <= 6, `learned ${learned.join(", ")}`);
  await finding(daemon, "2001:db8:a::/64");
});

for (const family of families) {
  test(`one address of a network over ${family} for each of 40 ports, half of which are open: few are learned`, async (t) => {
    const { lab, daemon } = await open(t);
    const ports = OPEN.flatMap((port, index) => [port, CLOSED[index] ?? 0]);
    const from = (index: number) =>
      family === "ipv4" ? `203.0.113.${100 + index}` : `2001:db8:b:${hex(0x100 + index * 0x40)}::1`;
    const learned = await scan(lab, family, from, ports);
    t.diagnostic(`learned ${learned.length}`);
    // Before each of the six closed ports that are asked one by one, and of a seventh, lies an open one.
    assert.ok(learned.length <= 8, `learned ${learned.join(", ")}`);
    await finding(daemon, family === "ipv4" ? "203.0.113.0/24" : "2001:db8:b::/48");
  });
}

test("600 sources from anywhere, one port each: told of once, and nobody is blocked for it", async (t) => {
  const { lab, daemon } = await open(t);
  const from = (index: number) => `198.${18 + (index & 1)}.${(index >>> 1) & 255}.${1 + (index >>> 9)}`;
  await scan(lab, "ipv4", from, PORTS.slice(0, 600));
  assert.match(await finding(daemon, "0.0.0.0/0"), /^\d+ sources from anywhere have each tried a port or two /);
  const { warnings } = await daemon.status();
  assert.ok(
    warnings.some((line) => line.includes("sources from anywhere")),
    warnings.join("\n"),
  );
  assert.match((await daemon.cli(["why", "0.0.0.0/0"])).stdout, /sources from anywhere have each tried/);
  assert.equal((await daemon.eventsOf("0.0.0.0/0")).length, 1);
  assert.deepEqual(await daemon.blocked(), []);
});

const TOLERATED = "22,25,53,80,113,139,443,445,465,587,993,995,8080,8443";

test("nmap with nothing but tolerated ports, three times: found, softly, and why says so", async (t) => {
  const { lab, daemon } = await open(t);
  const from = source(5);
  for (let round = 0; round < 3; round++)
    await nmap(lab, { family: "ipv4", source: from, options: ["-sS", "-p", TOLERATED] });
  const block = await daemon.waitForBlock(from.ipv4);
  assert.deepEqual([block.soft, block.grade], [true, "direct"]);
  assert.match(block.reason, /^tolerated ports of \d kinds, which nobody tries by habit/);
  assert.match(await finding(daemon, from.ipv4), /tolerated ports of \d kinds, .*: .+, .+, .+/);
  const { stdout } = await daemon.cli(["why", from.ipv4]);
  assert.doesNotMatch(stdout, /above 2 is a scan \(SCORE_PORTS\)/);
  assert.equal((await daemon.eventsOf(from.ipv4)).filter(({ type }) => type === "finding").length, 1);
});

test("the same on a host that serves nine of them: three kinds are left, and nmap's marks", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: [22, 25, 53, 80, 443, 587, 993, 8080, 8443] });
  const daemon = await Daemon.start(lab, careful);
  for (const family of families) {
    const from = source(5);
    for (let round = 0; round < 3; round++)
      await nmap(lab, { family, source: from, options: ["-sS", "-p", TOLERATED] });
    const block = await daemon.waitForBlock(from.key[family]);
    assert.deepEqual([block.soft, block.grade], [true, "direct"]);
    const events = await daemon.eventsOf(from.key[family]);
    assert.ok(events.some(({ type, tool }) => type === "finding" && tool === "nmap"));
  }
});

test("setting up a mail account at a host that serves 25, 465, 587 and 993 is innocent, each time", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: [25, 465, 587, 993] });
  const daemon = await Daemon.start(lab, careful);
  const client = source(9);
  for (let round = 0; round < 2; round++) {
    for (const family of families) {
      for (const port of [143, 993, 110, 995, 25, 465, 587, 443, 80]) {
        const how = { to: TARGET[family], from: client[family], port, timeout: 1_500 };
        const { opened, errors } = await visit(lab.scanner, how);
        const isServed = [25, 465, 587, 993].includes(port);
        assert.deepEqual([opened, errors], isServed ? [1, {}] : [0, { ECONNREFUSED: 1 }], `${family} ${port}`);
      }
    }
  }
  await assertInnocent(lab, daemon, [client]);
});

test("a soft block of a network goes on while its sources do", async (t) => {
  const { lab, daemon } = await open(t, { ...careful, SOFT_BLOCK_TIME: "20s" });
  const packets = (at: number) =>
    PORTS.slice(at, at + 40).map((port, index) => syn({ from: source(1 + index).ipv4, to: TARGET.ipv4, port }));
  await sendPackets(lab, packets(0));
  const { until: first } = await daemon.waitForBlock("203.0.113.0/24");
  // Each time other ports: what a kernel sends again is the same probe.
  const later = Array.from({ length: 20 }, (_, turn) => packets(100 + turn)).flat();
  keepSending(lab, later, { perSecond: 10 });
  await waitUntil(
    "the block is renewed",
    async () => {
      const block = (await daemon.blocked()).find(({ source: blocked }) => blocked === "203.0.113.0/24");
      return Date.parse(block?.until ?? "") > Date.parse(first ?? "") + 2_000;
    },
    60_000,
  );
  assert.equal((await daemon.eventsOf("203.0.113.0/24")).filter(({ type }) => type === "finding").length, 1);
});

test("an office of 20 behind one /24 whose browsers and mailers try what is closed is innocent", async (t) => {
  const { lab, daemon } = await open(t);
  const people = Array.from({ length: 20 }, (_, index) => source(20 + index));
  const byHabit = [80, 443, 8080, 8443, 25, 110, 143, 465, 587, 993, 995];
  for (const family of families) {
    const to = TARGET[family];
    const packets = people.flatMap((each) => byHabit.map((port) => syn({ from: each[family], to, port })));
    await sendPackets(lab, packets, { perSecond: 2_000 });
    for (const each of people.slice(0, 3)) {
      const how = { to, from: each[family], port: KNOWN_PORT, timeout: 1_500 };
      assert.equal((await visit(lab.scanner, how)).opened, 1, "an office is held");
    }
  }
  await assertInnocent(lab, daemon, people);
  const events = await daemon.events();
  assert.deepEqual(
    events.filter(({ type, source: of }) => type === "finding" && of?.includes("/") === true),
    [],
  );
  await waitUntil("nothing is wrong", async () => (await daemon.status()).warnings.length === 0);
});

// ANSWER="open" under attack: whom the hold meets cannot tell real ports from closed ones by anything but SYNs either, the
// decoy's connections leave nothing behind that would spare anybody, and nobody is proven by what others forge.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TcpFlag } from "../../src/wire/packet.ts";
import { buildTcp } from "../support/build-packet.ts";
import { type Family, families, LINK, type Source, source, TARGET } from "./support/addresses.ts";
import { Capture, portsThatAnswered, type Segment } from "./support/capture.ts";
import { Daemon } from "./support/daemon.ts";
import { blockedInKernel, setElements } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { syn, udp } from "./support/packets.ts";
import { keepSending, sendPackets } from "./support/raw.ts";
import { type Settings, shipped } from "./support/settings.ts";
import { serve, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const open: Settings = { ...shipped, PROOF: "on", ANSWER: "open" };
const SERVED = [81, 2001] as const;
const CLOSED = [7, 82, 2000, 2002, 31_337] as const;
const ALL = [...SERVED, ...CLOSED].sort((a, b) => a - b);

type T = { after(fn: () => Promise<void>): void };

async function begin(t: T, settings: Settings = open, before?: (lab: Lab) => Promise<unknown>) {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await before?.(lab);
  await serve(lab, lab.target, { tcp: SERVED });
  return { lab, daemon: await Daemon.start(lab, settings) };
}

function synsTo(family: Family, from: string, ports: readonly number[]): Uint8Array[] {
  return ports.map((port) => syn({ from, to: TARGET[family], port }));
}

/** Ports that refused. */
function refusals(segments: readonly Segment[], to: string): number[] {
  const ports = segments.filter((each) => each.to === to && each.flags.startsWith("R")).map(({ fromPort }) => fromPort);
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** A whole connection from a port of the scanner's choice, cut off by a RST when the other end has closed it. */
async function connectFrom(lab: Lab, from: string, fromPort: number, to: string, port: number): Promise<void> {
  const script = `const s=require("node:net").connect({host:"${to}",port:${port},localAddress:"${from}",localPort:${fromPort}});
s.on("end",()=>s.resetAndDestroy());s.on("error",()=>{});setTimeout(()=>s.destroy(),1500).unref()`;
  await lab.scanner.mustRun([process.execPath, "-e", script]);
}

for (const family of families) {
  test(`an ACK scan over ${family} by a held source is met alike on open and closed ports`, async (t) => {
    const { lab, daemon } = await begin(t);
    const { [family]: from, key } = source(1);
    await sendPackets(lab, synsTo(family, from, CLOSED));
    await daemon.waitForBlock(key[family]);
    const capture = await Capture.start(lab);
    const ends = { source: from, destination: TARGET[family], sourcePort: 41_000 };
    await sendPackets(
      lab,
      ALL.map((port) => buildTcp({ ...ends, destinationPort: port, flags: TcpFlag.Ack })),
    );
    assert.deepEqual(refusals(await capture.stop(), from), []);
  });

  test(`behind a firewall that rejects, a held source over ${family} is met alike on open and closed ports`, async (t) => {
    const { lab, daemon } = await begin(t);
    const rules = `add table inet other
add chain inet other in { type filter hook input priority filter; policy accept; }
add rule inet other in ct state established,related accept
add rule inet other in tcp dport { ${SERVED.join(", ")} } accept
add rule inet other in meta l4proto tcp reject with tcp reset
`;
    await lab.target.mustRun(["nft", "-f", "-"], rules);
    const { [family]: from, key } = source(1);
    const capture = await Capture.start(lab);
    await sendPackets(lab, synsTo(family, from, [...CLOSED, ...ALL]));
    await daemon.waitForBlock(key[family]);
    await sendPackets(lab, synsTo(family, from, ALL));
    const segments = await capture.stop();
    t.diagnostic(`refused: ${refusals(segments, from)}; answered: ${portsThatAnswered(segments, from)}`);
    assert.deepEqual(portsThatAnswered(segments, from), []);
    // The first closed port may be refused: nobody holds its visitor yet.
    assert.deepEqual(refusals(segments, from), [CLOSED[0]]);
  });

  test(`what the decoy sends over ${family} makes nobody one whom this host has asked`, async (t) => {
    const { lab, daemon } = await begin(t, { ...open, SOFT_BLOCK_TIME: "3s" });
    const { [family]: from, key } = source(1);
    // A client is at most softly blocked, so it may finish as many handshakes as it likes.
    assert.equal((await visit(lab.scanner, { to: TARGET[family], from, port: SERVED[0] })).opened, 1);
    await waitUntil("it is a client", async () => {
      return (await setElements(lab, family === "ipv4" ? "client4" : "client6"))?.length === 1;
    });
    let number = 50_000;
    const pairs = [...CLOSED, SERVED[1]].map((port) => ({ port, fromPort: number++ }));
    for (const { port, fromPort } of pairs) await connectFrom(lab, from, fromPort, TARGET[family], port);
    // Not the list: on a busy machine the block of 3 s may be over before it is looked at.
    await daemon.waitForLine(new RegExp(`Host ${key[family]} has been blocked`));
    t.diagnostic(`flows: ${await setElements(lab, family === "ipv4" ? "flows4" : "flows6")}`);
    await waitUntil("the soft block is over", async () => (await daemon.blocked()).length === 0, 20_000);
    await waitUntil(
      "the hold is over",
      async () => {
        return (await setElements(lab, family === "ipv4" ? "held4" : "held6"))?.length === 0;
      },
      20_000,
    );
    const capture = await Capture.start(lab);
    const again = pairs.map(({ port, fromPort }) => syn({ from, to: TARGET[family], port, fromPort }));
    await sendPackets(lab, again);
    const segments = await capture.stop();
    t.diagnostic(`refused: ${refusals(segments, from)}; answered: ${portsThatAnswered(segments, from)}`);
    assert.deepEqual(await setElements(lab, family === "ipv4" ? "flows4" : "flows6"), []);
    assert.deepEqual(refusals(segments, from), []);
  });
}

for (const family of families) {
  test(`who slips once after ${family} SYNs in its name to 36 closed ports is not proven`, async (t) => {
    const { lab, daemon } = await begin(t);
    const { [family]: from, key } = source(1);
    const ports = Array.from({ length: 36 }, (_, index) => 3_000 + index);
    await sendPackets(lab, synsTo(family, from, ports));
    assert.ok((await daemon.waitForBlock(key[family])).soft);
    for (const port of [8_082, 8_082, 8_083])
      await visit(lab.scanner, { to: TARGET[family], from, port, timeout: 1_500 });
    await waitUntil("the slips are seen", async () => {
      return ((await daemon.status()).counters as Record<string, number>).handshakesEarly === 3;
    });
    assert.ok((await daemon.blocked()).every(({ soft }) => soft));
    assert.deepEqual(await blockedInKernel(lab), []);
    // A third closed port is a scan of its own.
    await visit(lab.scanner, { to: TARGET[family], from, port: 8_084, timeout: 1_500 });
    await waitUntil("it is proven", async () => (await blockedInKernel(lab)).includes(key[family]));
  });
}

test("nor is in connect mode who slips once after datagrams in its name", async (t) => {
  const traps = [3_001, 3_002, 3_003];
  const { lab, daemon } = await begin(t, {
    ...shipped,
    PROOF: "on",
    TCP_MODE: "tcp",
    TCP_PORTS: traps.join(","),
    SOFT_BLOCK_TIME: "2s",
  });
  const { ipv4: from } = source(1);
  const forged = [4_001, 4_002].map((port) => udp({ from, to: TARGET.ipv4, port }));
  await sendPackets(lab, forged);
  await waitUntil("they are counted", async () => (await daemon.eventsOf(from)).length === 2);
  await waitUntil("its hold is over", async () => (await setElements(lab, "held4"))?.length === 0, 20_000);
  const slip = await visit(lab.scanner, { to: TARGET.ipv4, from, port: traps[0] ?? 0, timeout: 1_500 });
  t.diagnostic(JSON.stringify(slip));
  const { soft, grade } = await daemon.waitForBlock(from);
  assert.deepEqual([soft, grade], [true, "direct"]);
  // Three connections of its own are a scan, and a proof.
  await waitUntil("the soft block is over", async () => (await daemon.blocked()).length === 0, 20_000);
  for (const port of traps) await visit(lab.scanner, { to: TARGET.ipv4, from, port, timeout: 1_500 });
  await waitUntil("it is proven", async () => (await blockedInKernel(lab)).includes(from));
});

/** Further addresses of the target, on which nobody serves. */
const OTHER = { ipv4: "198.51.100.9", ipv6: "2001:db8:7::9" } as const;

// With LATELY_OPEN="1s" the port is not in `lately` any more, which alone would keep the forged SYN from the decoy.
for (const { family, lately } of [
  { family: "ipv4", lately: "1h" },
  { family: "ipv4", lately: "1s" },
  { family: "ipv6", lately: "1s" },
] as const) {
  test(`a SYN over ${family} that is forged to another address of this host makes no visit to a real port a proof (LATELY_OPEN="${lately}")`, async (t) => {
    const { lab, daemon } = await begin(t, { ...open, LATELY_OPEN: lately }, async (each) => {
      const length = family === "ipv4" ? 24 : 64;
      const nodad = family === "ipv4" ? [] : ["nodad"];
      await each.target.mustRun(["ip", "addr", "add", `${OTHER[family]}/${length}`, "dev", LINK, ...nodad]);
      await serve(each, each.target, { tcp: [1_022], address: TARGET[family] });
    });
    const innocent: Source = source(1);
    await sendPackets(lab, synsTo(family, innocent[family], CLOSED));
    assert.ok((await daemon.waitForBlock(innocent.key[family])).soft);
    if (lately === "1s") {
      await waitUntil(
        "the port is forgotten",
        async () => !((await setElements(lab, "lately")) ?? []).some((element) => element.includes("1022")),
        40_000,
      );
    }
    await sendPackets(lab, [syn({ from: innocent[family], to: OTHER[family], port: 1_022, fromPort: 50_000 })]);
    await connectFrom(lab, innocent[family], 50_000, TARGET[family], 1_022);
    const counters = async () => (await daemon.status()).counters as Record<string, number>;
    await waitUntil("the visit is seen", async () => {
      const { decoyHandshakes = 0, decoyScreened = 0 } = await counters();
      return decoyHandshakes + decoyScreened > 0;
    });
    assert.deepEqual(await blockedInKernel(lab), []);
    assert.equal((await counters()).decoyHandshakes, 0);
  });
}

for (const family of families) {
  test(`what the decoy leaves behind over ${family} when it is switched off makes no closed port look served`, async (t) => {
    const { lab, daemon } = await begin(t);
    const { [family]: from } = source(1);
    const to = TARGET[family];
    const fromPort = 50_000;
    const script = `require("node:net").connect({host:"${to}",port:2000,localAddress:"${from}",localPort:${fromPort}}).resume()`;
    await lab.scanner.mustRun([process.execPath, "-e", script]);
    const waiting = await lab.target.mustRun(["ss", "-Htn", "state", "time-wait"]);
    assert.match(waiting, /:2000\s+\S+:50000/, "no connection of the decoy is in TIME_WAIT: the test does not test");
    const line = daemon.lines.length;
    daemon.configure({ ...open, ANSWER: "reset" });
    daemon.signal("SIGHUP");
    await daemon.waitForLine(/reload: .* is in force/, line);
    const held = family === "ipv4" ? "held4" : "held6";
    await waitUntil("the hold is over", async () => (await setElements(lab, held))?.length === 0, 20_000);
    await lab.target.mustRun(["nft", "flush", "set", "inet", "portreeve", "lately"]);
    await sendPackets(lab, [syn({ from, to, port: 2000, fromPort })]);
    assert.equal((await visit(lab.scanner, { to, from: source(2)[family], port: SERVED[1] })).opened, 1);
    const lately = (await setElements(lab, "lately")) ?? [];
    assert.ok(
      lately.some((element) => element.includes(String(SERVED[1]))),
      "a served port is not remembered",
    );
    assert.deepEqual(
      lately.filter((element) => element.includes("2000")),
      [],
    );
  });
}

test("where the kernel accepts connections by one packet (TCP Fast Open without cookies), a forged one is no proof", async (t) => {
  // TFO_SERVER_ENABLE, TFO_SERVER_COOKIE_NOT_REQD, TFO_SERVER_WO_SOCKOPT1.
  const { lab, daemon } = await begin(t, open, (each) => each.target.set("net.ipv4.tcp_fastopen", String(0x602)));
  const innocent = source(1);
  const ends = { source: innocent.ipv4, destination: TARGET.ipv4, payload: Uint8Array.of(1, 2, 3) };
  const packets = [...CLOSED, ...CLOSED].map((port, index) =>
    buildTcp({ ...ends, destinationPort: port, sourcePort: 42_000 + index }),
  );
  await sendPackets(lab, packets, { perSecond: 50 });
  await waitUntil("the kernel has accepted them", async () => {
    const { decoyHandshakes = 0, decoyUnfinished = 0 } = (await daemon.status()).counters as Record<string, number>;
    return decoyHandshakes + decoyUnfinished >= CLOSED.length;
  });
  assert.ok((await daemon.waitForBlock(innocent.ipv4)).soft);
  assert.deepEqual(await blockedInKernel(lab), []);
});

test("guesses of a SYN cookie are bounded: a forged one would prove the source that it names", async (t) => {
  const { lab } = await begin(t);
  await lab.target.set("net.ipv4.tcp_syncookies", "2");
  const [innocent, port, fromPort] = [source(1), CLOSED[0], 50_000];
  const ends = { source: innocent.ipv4, destination: TARGET.ipv4, sourcePort: fromPort, destinationPort: port };
  await sendPackets(lab, [syn({ from: innocent.ipv4, to: TARGET.ipv4, port, fromPort })]);
  const guesses = Array.from({ length: 5_000 }, (_, index) =>
    buildTcp({ ...ends, flags: TcpFlag.Ack, sequence: 1, acknowledgment: (index * 858_993) % 2 ** 32 }),
  );
  await sendPackets(lab, guesses);
  const stat = await lab.target.mustRun(["nstat", "-asz", "TcpExtSyncookiesFailed"]);
  const failed = Number(/SyncookiesFailed\s+(\d+)/.exec(stat)?.[1]);
  t.diagnostic(`${failed} of ${guesses.length} guesses were looked at`);
  assert.ok(failed > 0, "none came so far");
  assert.ok(failed < 2_000, `${failed}`);
});

test("behind address translation a flood makes no closed port unwatched", async (t) => {
  const { lab } = await begin(t, open, async (each) => {
    await each.target.mustRun([
      "nft",
      "add table ip other; add chain ip other pre { type nat hook prerouting priority dstnat; }; add rule ip other pre tcp dport 9090 redirect to :81",
    ]);
  });
  const forged = Array.from({ length: 250 }, (_, index) =>
    syn({ from: source(2 + index).ipv4, to: TARGET.ipv4, port: 3_000 + index, fromPort: 1_024 + index }),
  );
  const flood = keepSending(lab, forged, { perSecond: 4_000 });
  await waitUntil("the flood is there", async () => ((await setElements(lab, "held4")) ?? []).length > 0, 20_000);
  const asking = Array.from({ length: 200 }, (_, index) => `192.0.2.${index + 1}`);
  await sendPackets(
    lab,
    asking.map((from) => syn({ from, to: TARGET.ipv4, port: 5_000 })),
    { perSecond: 500 },
  );
  const held = new Set(await setElements(lab, "held4"));
  await flood.stop();
  assert.deepEqual(
    asking.filter((from) => !held.has(from)),
    [],
  );
});

// The packet ring where it lives: real interfaces, the kernel's own run of our filters, and the daemon with no other
// right than CAP_NET_RAW, which finds nmap's scans and runs KILL_ROUTE.
import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { TcpFlag } from "../../src/wire/packet.ts";
import { buildIcmp, buildTcp, buildUdp } from "../support/build-packet.ts";
import { families, LINK, NEIGHBOURS, NOBODY, SCANNER, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import type { Running } from "./support/exec.ts";
import { Lab } from "./support/lab.ts";
import { syn, udp } from "./support/packets.ts";
import { frame, sendPackets } from "./support/raw.ts";
import { nmap } from "./support/scan.ts";
import { harsh } from "./support/settings.ts";
import { program, serve, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const SERVED = 8_000;
const ETHERNET = 1;
const FROM = source(9);
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** The same packet as the ring has it, whatever the decoders would say: a SYN that nobody else sends. */
function synTo(port: number, to: string = TARGET.ipv4): Uint8Array {
  return syn({ from: FROM.ipv4, to, port });
}

function lineOf(bytes: Uint8Array): RegExp {
  return new RegExp(`^frame ${ETHERNET} ${hexOf(bytes)}$`);
}

async function startRing(lab: Lab, interfaces: string, ...more: readonly string[]): Promise<Running> {
  const ring = lab.spawn(lab.target, [...program("ring", { interfaces }), ...more]);
  await ring.waitForLine(/^ready$/);
  return ring;
}

/** How often `packet` was seen, asked for when `last`, which was sent behind it, has been seen. */
async function countOf(ring: Running, packet: Uint8Array, last: Uint8Array): Promise<number> {
  await ring.waitForLine(new RegExp(`^packet 0 ${hexOf(last)}$`));
  return ring.lines.filter((line) => line.startsWith("packet ") && line.endsWith(` ${hexOf(packet)}`)).length;
}

describe("the ring on real interfaces", () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
  });
  after(() => lab.close());

  test("the kernel takes and leaves what the interpreter says", async () => {
    const ring = await startRing(lab, "ALL_NLO");
    const ends = { source: FROM.ipv4, destination: TARGET.ipv4, sourcePort: 40_000 };
    const { Syn, Ack, Rst, Fin, Psh, Urg } = TcpFlag;
    const flags = [0, Syn, Fin, Fin | Psh | Urg, Syn | Fin, Syn | Ack, Ack, Ack | Psh, Fin | Ack, Rst, Rst | Ack];
    const taken = new Set([0, Syn, Fin, Fin | Psh | Urg, Syn | Fin, Syn | Ack]);
    const tcp = flags.map((each) => ({
      bytes: buildTcp({ ...ends, destinationPort: 23, flags: each, sequence: each }),
      isTaken: taken.has(each),
    }));
    const six = { source: FROM.ipv6, destination: TARGET.ipv6, sourcePort: 40_000 };
    const others = [
      { bytes: buildUdp({ ...ends, destinationPort: 161 }), isTaken: true },
      { bytes: buildUdp({ ...ends, destinationPort: 40_000 }), isTaken: false },
      { bytes: buildIcmp({ source: FROM.ipv4, destination: TARGET.ipv4, type: 8, code: 0 }), isTaken: false },
      { bytes: buildTcp({ ...six, destinationPort: 23 }), isTaken: true },
      { bytes: buildTcp({ ...six, destinationPort: 23, flags: Ack }), isTaken: false },
      { bytes: buildUdp({ ...six, destinationPort: 161 }), isTaken: true },
    ];
    const last = synTo(65_000);
    await sendPackets(lab, [...tcp, ...others].map(({ bytes }) => bytes).concat(last));
    for (const { bytes, isTaken } of [...tcp, ...others])
      assert.equal(await countOf(ring, bytes, last), isTaken ? 1 : 0, hexOf(bytes));
    // Not for this host, by its hardware address.
    await sendPackets(lab, [synTo(24)], { mac: NOBODY.mac });
    await sendPackets(lab, [synTo(65_001)]);
    assert.equal(await countOf(ring, synTo(24), synTo(65_001)), 0);
    assert.equal(await ring.stop(), 0);
    const counters = JSON.parse(ring.lines.findLast((line) => line.startsWith("{")) ?? "{}");
    assert.equal(counters.ringDropped, 0);
  });

  test("what this host sends is seen as such: its questions, and that a port answers", async () => {
    await serve(lab, lab.target, { tcp: [SERVED] });
    const ring = await startRing(lab, LINK);
    await visit(lab.scanner, { to: TARGET.ipv4, port: SERVED });
    // IPv4, TCP, from the served port, SYN+ACK.
    const port = SERVED.toString(16).padStart(4, "0");
    await ring.waitForLine(new RegExp(`^packet 4 45.{38}${port}.{20}.{2}12`));
    await visit(lab.target, { to: SCANNER.ipv4, port: 9 });
    await ring.waitForLine(/^packet 4 45.{38}.{4}0009.{16}.{2}(02|c2)/);
    await ring.stop();
  });

  test("frames with VLAN tags: none on a host, with what is in them on a tap", async () => {
    const host = await startRing(lab, "ALL_NLO");
    const tap = await startRing(lab, LINK, "--tap");
    const inner = synTo(300);
    const plain = frame(inner, TARGET.mac);
    const tags = (...types: number[]) => types.flatMap((type, index) => [type >> 8, type & 255, 0, 10 + index]);
    const tagged = (...types: number[]) =>
      Uint8Array.from([...plain.subarray(0, 12), ...tags(...types), ...plain.subarray(12)]);
    await sendFrames(lab, [tagged(0x8100), tagged(0x88a8, 0x8100), frame(synTo(301), TARGET.mac)]);
    await tap.waitForLine(lineOf(frame(synTo(301), TARGET.mac)));
    // The outer tag is off; of two, the inner one is still in the frame.
    const inSecond = tags(0x8100, 0x8100).slice(4);
    const left = Uint8Array.from([...plain.subarray(0, 12), ...inSecond, ...plain.subarray(12)]);
    const frames = tap.lines.filter((line) => line.endsWith(hexOf(inner)));
    assert.deepEqual(
      frames,
      [plain, left].map((bytes) => `frame ${ETHERNET} ${hexOf(bytes)}`),
    );
    assert.equal(await countOf(host, inner, synTo(301)), 0);
    await host.stop();
    await tap.stop();
  });

  test("a tap sees what is for others, with answers and ARP, and without bulk", async () => {
    const tap = await startRing(lab, LINK, "--tap");
    const ends = { source: FROM.ipv4, destination: NOBODY.ipv4, sourcePort: 40_000, destinationPort: 80 };
    const { Ack, Rst, Psh } = TcpFlag;
    const bulk = buildTcp({ ...ends, flags: Ack | Psh, payload: new Uint8Array(1_000) });
    const reset = buildTcp({ ...ends, flags: Rst | Ack });
    await sendPackets(lab, [bulk, reset], { mac: NOBODY.mac });
    await tap.waitForLine(lineOf(frame(reset, NOBODY.mac)));
    assert.ok(!tap.lines.some((line) => line.includes(hexOf(bulk.subarray(0, 40)))));
    await lab.scanner.run(["ping", "-c", "1", "-W", "1", NOBODY.ipv4]);
    await tap.waitForLine(new RegExp(`^frame ${ETHERNET} f{12}.{12}08060001080006040001`));
    await tap.stop();
  });

  test("a device without any link header", async () => {
    const tun = lab.spawn(lab.target, program("tun", { dev: "tun7" }));
    await tun.waitForLine(/^ready$/);
    await lab.target.mustRun(["ip", "link", "set", "tun7", "up"]);
    const ring = await startRing(lab, "ALL_NLO");
    tun.write(`${hexOf(synTo(400))}\n`);
    await ring.waitForLine(new RegExp(`^packet 0 ${hexOf(synTo(400))}$`));
    await ring.stop();
    await tun.stop();
  });

  test("an interface that is named is waited for, comes, goes and comes again; no other is heard", async () => {
    const ring = await startRing(lab, "tun8");
    assert.ok(ring.lines.includes("gone tun8"));
    for (const round of [1, 2]) {
      const seen = ring.lines.length;
      const tun = lab.spawn(lab.target, program("tun", { dev: "tun8" }));
      await tun.waitForLine(/^ready$/);
      await lab.target.mustRun(["ip", "link", "set", "tun8", "up"]);
      await ring.waitForLine(/^back tun8$/, seen);
      await sendPackets(lab, [synTo(500)]);
      tun.write(`${hexOf(synTo(500 + round))}\n`);
      await ring.waitForLine(new RegExp(`^packet 0 ${hexOf(synTo(500 + round))}$`), seen);
      await tun.stop();
      await ring.waitForLine(/^gone tun8$/, seen);
    }
    assert.ok(!ring.lines.includes(`packet 0 ${hexOf(synTo(500))}`));
    assert.equal(await ring.stop(), 0);
  });

  test("a packet that comes in on a bridge is heard once", async () => {
    const { target } = lab;
    for (const command of ["link add br7 type bridge", `link set ${LINK} master br7`, "link set br7 up"])
      await target.mustRun(["ip", ...command.split(" ")]);
    const ring = await startRing(lab, "ALL_NLO");
    await waitUntil("the bridge forwards", async () => {
      await sendPackets(lab, [synTo(600)]);
      return ring.lines.includes(`packet 0 ${hexOf(synTo(600))}`);
    });
    await sendPackets(lab, [synTo(601), synTo(602)]);
    assert.equal(await countOf(ring, synTo(601), synTo(602)), 1);
    await target.mustRun(["ip", "link", "del", "br7"]);
    await ring.stop();
  });
});

/** Frames as they are; the last six bytes of the header are the caller's. */
async function sendFrames(lab: Lab, frames: readonly Uint8Array[]): Promise<void> {
  const file = join(lab.folder, `frames-${frames.length}.trafgen`);
  writeFileSync(file, frames.map((bytes) => `{ ${[...bytes].join(", ")} }\n`).join(""));
  const argv = ["trafgen", "--dev", LINK, "--cpus", "1", "-q", "-Q", "-C", "--conf", file, "--num", `${frames.length}`];
  await lab.scanner.mustRun(argv);
}

describe("the daemon with CAP_NET_RAW and nothing else", () => {
  let lab: Lab;
  let daemon: Daemon;
  before(async () => {
    lab = await Lab.open();
    const script = join(lab.folder, "shut-out");
    writeFileSync(script, `#!/bin/sh\necho "$@" >> ${join(lab.folder, "shut-out.log")}\n`);
    chmodSync(script, 0o755);
    await serve(lab, lab.target, { tcp: [SERVED], udp: [5_353] });
    const settings = {
      ...harsh,
      POLICY: "score",
      FIREWALL: "none",
      CAPTURE: "ring",
      KILL_ROUTE: `${script} $TARGET$ $PORT$ $MODE$`,
    };
    const enter = (argv: readonly string[]) => ["setpriv", "--bounding-set=-all,+net_raw", ...argv];
    daemon = await Daemon.start(lab, settings, [], { enter });
  });
  after(() => lab.close());

  const commandsRun = (): readonly string[] => {
    try {
      return readFileSync(join(lab.folder, "shut-out.log"), "utf8").trim().split("\n");
    } catch {
      return [];
    }
  };

  test("it has no other right, loads no table, and says which capture it uses", async () => {
    const status = readFileSync(`/proc/${daemon.pid}/status`, "latin1");
    assert.match(status, /^CapEff:\t0000000000002000$/m);
    assert.equal((await lab.target.mustRun(["nft", "list", "ruleset"])).trim(), "");
    const { capture, firewall, held } = await daemon.status();
    assert.deepEqual([capture, firewall, held], ["ring", "none", 0]);
    assert.ok(daemon.lines.some((line) => line.includes('packet ring on the interfaces (CAPTURE="ring")')));
  });

  const scans = [
    { options: "-sS", kind: "syn", number: 11 },
    { options: "-sT", kind: "syn", number: 12 },
    { options: "-sF", kind: "fin", number: 13 },
    { options: "-sN", kind: "null", number: 14 },
    { options: "-sX", kind: "xmas", number: 15 },
    { options: "-sU", kind: "udp", number: 16 },
    { options: "-sS -f", kind: "syn", number: 17 },
  ] as const;
  for (const { options, kind, number } of scans) {
    test(`nmap ${options} is found, named ${kind}, and KILL_ROUTE is run for it`, async () => {
      const from = source(number);
      await nmap(lab, { family: "ipv4", source: from, options: [...options.split(" "), "-p", "1-40"] });
      const { backend, enforced } = await daemon.waitForBlock(from.ipv4);
      assert.deepEqual([backend, enforced], ["kill-route", true]);
      assert.deepEqual(await kindsFound(from.ipv4), [kind]);
      const runs = commandsRun().filter((line) => line.startsWith(`${from.ipv4} `));
      assert.equal(runs.length, 1, commandsRun().join("\n"));
      assert.match(runs[0] ?? "", options === "-sU" ? / audp$/ : / atcp$/);
    });

    if (options.endsWith("-f")) continue;
    test(`nmap ${options} over IPv6 is found as well`, async () => {
      const from = source(number + 20);
      await nmap(lab, { family: "ipv6", source: from, options: [options, "-p", "1-40"] });
      // A command that is not known to be for IPv6 is not run with such an address.
      const isTold = async () =>
        (await daemon.eventsOf(from.key.ipv6)).some(({ message = "" }) => message.includes("not run"));
      await waitUntil("the finding", isTold);
      assert.deepEqual(await kindsFound(from.key.ipv6), [kind]);
    });
  }

  async function kindsFound(of: string): Promise<readonly (string | undefined)[]> {
    const events = await daemon.eventsOf(of);
    return [...new Set(events.filter(({ type }) => type === "finding").map((event) => event.kind))];
  }

  test("who uses what is served, and who answers this host, is no scanner", async () => {
    const [customer] = NEIGHBOURS;
    for (const family of families) {
      const visits = await visit(lab.scanner, { to: TARGET[family], port: SERVED, from: customer[family], count: 200 });
      assert.deepEqual([visits.opened, visits.failed], [200, 0]);
    }
    const more = Array.from({ length: 50 }, () => udp({ from: FROM.ipv4, to: TARGET.ipv4, port: 5_353 }));
    await sendPackets(lab, more);
    // This host asks from ports of its own below the ephemeral ones, and the answers come late and one by one.
    const questions = [7_001, 7_002, 7_003, 7_004].map((port) => ({ port, to: SCANNER.ipv4 }));
    for (const { port, to } of questions) await lab.target.mustRun(["bash", "-c", askFrom(port, to)]);
    await sendPackets(
      lab,
      questions.map(({ port }) => udp({ from: SCANNER.ipv4, to: TARGET.ipv4, port, fromPort: 9 })),
    );
    // A probe behind all that: when it is known, so would they be.
    const mark = source(60);
    await sendPackets(lab, [syn({ from: mark.ipv4, to: TARGET.ipv4, port: 23 })]);
    await waitUntil("the last probe is known", async () => (await daemon.eventsOf(mark.ipv4)).length > 0);
    const sources = new Set((await daemon.events()).map((event) => event.source));
    for (const innocent of [customer.ipv4, customer.ipv6, FROM.ipv4, SCANNER.ipv4])
      assert.ok(!sources.has(innocent), innocent);
  });

  test("a service that has just been started is no trap, and one that has ended is none for a while", async () => {
    const from = source(70).ipv4;
    const service = await serve(lab, lab.target, { tcp: [7_100] });
    const visits = await visit(lab.scanner, { to: TARGET.ipv4, port: 7_100, from });
    assert.equal(visits.opened, 1);
    await service.stop();
    await sendPackets(lab, [syn({ from, to: TARGET.ipv4, port: 7_100 })]);
    await sendPackets(lab, [syn({ from: source(71).ipv4, to: TARGET.ipv4, port: 23 })]);
    await waitUntil("the probe behind it is known", async () => (await daemon.eventsOf(source(71).ipv4)).length > 0);
    const evidence = (await daemon.eventsOf(from)).filter(({ action }) => action !== "quiet");
    assert.deepEqual(
      evidence.filter(({ type }) => type !== "probe"),
      [],
    );
  });
});

test("without CAP_NET_ADMIN the daemon takes the ring by itself, says why, and keeps it over a reload", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const enter = (argv: readonly string[]) => ["setpriv", "--bounding-set=-all,+net_raw", ...argv];
  const settings = { ...harsh, FIREWALL: "auto", BLOCK_TCP: "0", BLOCK_UDP: "0" };
  const daemon = await Daemon.start(lab, settings, [], { enter });
  assert.equal((await daemon.status()).capture, "ring");
  assert.ok(daemon.lines.some((line) => line.includes("nftables needs CAP_NET_ADMIN, which this process lacks")));
  const seen = daemon.lines.length;
  daemon.configure({ ...settings, ADVANCED_PORTS_TCP: "100", TCP_MODE: "atcp" });
  daemon.signal("SIGHUP");
  await daemon.waitForLine(/is in force/, seen);
  const ports = [99, 100].map((port) => syn({ from: FROM.ipv4, to: TARGET.ipv4, port }));
  await sendPackets(lab, [...ports, syn({ from: source(10).ipv4, to: TARGET.ipv4, port: 23 })]);
  await waitUntil("the last probe is known", async () => (await daemon.eventsOf(source(10).ipv4)).length > 0);
  const probed = new Set((await daemon.eventsOf(FROM.ipv4)).map(({ port }) => port));
  assert.deepEqual([...probed], [99]);
  assert.equal(await daemon.stop(), 0);
});

/** One datagram to port 9, from a port of our own choice. */
function askFrom(port: number, to: string): string {
  const send = `const s=require("node:dgram").createSocket("udp4");s.bind(${port},()=>s.send("?",9,"${to}",()=>s.close()))`;
  return `${process.execPath} -e '${send}'`;
}

// ANSWER="open": a scanner sees every port open and cannot tell the real ones; who connects to a closed one is proven; a
// flood leaves nothing in connection tracking; and nobody is blocked in full for what others send in his name.
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { type Family, families, LINK, source, TARGET } from "./support/addresses.ts";
import { Capture, portsThatAnswered } from "./support/capture.ts";
import { Daemon } from "./support/daemon.ts";
import { blockedInKernel, chains, setElements } from "./support/kernel.ts";
import { Lab, type LabShape } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { keepSending, sendPackets } from "./support/raw.ts";
import { masscan, nmap, portsReportedOpen } from "./support/scan.ts";
import { type Settings, shipped } from "./support/settings.ts";
import { synAcks, synForms } from "./support/syn-acks.ts";
import { serve, talk, visit } from "./support/traffic.ts";
import { waitFor, waitUntil } from "./support/wait.ts";

const open: Settings = { ...shipped, PROOF: "on", ANSWER: "open" };
const SERVED = [81, 2001] as const;
const [REAL] = SERVED;
const CLOSED = [7, 82, 2000, 2002, 31_337] as const;
const ALL = [...SERVED, ...CLOSED].sort((a, b) => a - b);
const CONNTRACK = "/proc/sys/net/netfilter/nf_conntrack_count";

type T = { after(fn: () => Promise<void>): void };

async function begin(t: T, settings: Settings = open, shape: LabShape = {}): Promise<{ lab: Lab; daemon: Daemon }> {
  const lab = await Lab.open(shape);
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: SERVED });
  return { lab, daemon: await Daemon.start(lab, settings) };
}

function synsTo(family: Family, from: string, ports: readonly number[]): Uint8Array[] {
  return ports.map((port) => syn({ from, to: TARGET[family], port }));
}

/** A connection that the service itself has answered. */
async function isServed(lab: Lab, family: Family, from: string, port: number = REAL): Promise<boolean> {
  return (await visit(lab.scanner, { to: TARGET[family], from, port, timeout: 1_500 })).opened === 1;
}

async function handshake(lab: Lab, family: Family, from: string, port: number): Promise<void> {
  await (await talk(lab, lab.scanner, { to: TARGET[family], from, port })).waitForEnd();
}

for (const family of families) {
  const to = TARGET[family];

  test(`nmap -sS over ${family} sees every port open; soft is its block, for it has proved nothing`, async (t) => {
    const { lab, daemon } = await begin(t);
    const scanner = source(1);
    const scan = { family, source: scanner, options: ["-sS", "-T4", "-p", ALL.join(",")] };
    assert.deepEqual(portsReportedOpen((await nmap(lab, scan)).stdout), ALL);
    assert.equal((await daemon.waitForBlock(scanner.key[family])).soft, true);
    assert.deepEqual(portsReportedOpen((await nmap(lab, scan)).stdout), ALL, "while it is blocked");
    assert.equal((await daemon.status()).lost, 0);
  });

  test(`right behind a probe over ${family} real ports are answered by the decoy, not by their service`, async (t) => {
    const { lab, daemon } = await begin(t);
    const { [family]: from, key } = source(1);
    const capture = await Capture.start(lab);
    await sendPackets(lab, synsTo(family, from, [CLOSED[0], ...SERVED, ...CLOSED]));
    await daemon.waitForBlock(key[family]);
    assert.deepEqual(portsThatAnswered(await capture.stop(), from), ALL);
    const visits = await visit(lab.scanner, { to, from, port: REAL, timeout: 1_500 });
    assert.deepEqual(visits.errors, { "closed without an answer": 1 });
    // Its name may be forged, and the visit one to a real service: no evidence.
    assert.deepEqual(await blockedInKernel(lab), []);
    assert.ok(await isServed(lab, family, source(2)[family]), "everybody else is served");
  });

  test(`the SYN+ACK over ${family} is a real port's, byte by byte, before and during a soft block`, async (t) => {
    const { lab, daemon } = await begin(t);
    const ports = [REAL, CLOSED[1]];
    let number = 1;
    const compare = async (name: string, ask: { from: string; options: readonly number[]; flags?: number }) => {
      const answers = await synAcks(lab, { family, ports, ...ask });
      assert.equal(answers.get(CLOSED[1]), answers.get(REAL), name);
      assert.ok((answers.get(REAL) ?? "").length >= 80, "nothing was compared");
      return answers.get(REAL);
    };
    const blocked = source(200);
    const real = new Map<string, string | undefined>();
    for (const [name, options] of Object.entries(synForms)) {
      real.set(name, await compare(name, { from: source(number++)[family], options }));
    }
    await compare("ECN", { from: source(number++)[family], options: synForms.linux ?? [], flags: 0xc2 });
    await sendPackets(lab, synsTo(family, blocked[family], CLOSED));
    await daemon.waitForBlock(blocked.key[family]);
    for (const [name, options] of Object.entries(synForms)) {
      const covered = await compare(`${name}, blocked`, { from: blocked[family], options });
      assert.equal(covered, real.get(name), `${name}: the decoy that covers a real port`);
    }
  });

  test(`nmap -sT over ${family}: handshakes with three closed ports prove it, and it is shut out`, async (t) => {
    const { lab, daemon } = await begin(t);
    const scanner = source(1);
    const key = scanner.key[family];
    await nmap(lab, { family, source: scanner, options: ["-sT", "-T4", "-p", ALL.join(",")] });
    const block = await waitFor("the full block", async () =>
      (await daemon.blocked()).find((each) => each.source === key && !each.soft),
    );
    assert.equal(block.grade, "handshake");
    assert.match(block.reason, /completed connections to traps on 3 closed ports, the last tcp\/\d+/);
    assert.deepEqual(await blockedInKernel(lab), [key]);
    assert.equal(await isServed(lab, family, scanner[family]), false);
    assert.ok((await daemon.eventsOf(key)).some(({ kind }) => kind === "connect"));
  });

  test(`a live stranger whose name is forged over ${family} is never blocked in full, a known customer not delayed`, async (t) => {
    const { lab, daemon } = await begin(t, { ...open, SOFT_BLOCK_TIME: "3s" });
    const [customer, stranger] = [source(1), source(2)];
    assert.ok(await isServed(lab, family, customer[family]));
    await waitUntil(
      "it is known",
      async () => (await setElements(lab, family === "ipv4" ? "known4" : "known6"))?.length === 1,
    );
    const forged = [customer, stranger].flatMap((each) => synsTo(family, each[family], CLOSED));
    const forging = keepSending(lab, forged, { perSecond: 200 });
    for (const each of [customer, stranger]) assert.ok((await daemon.waitForBlock(each.key[family])).soft);
    assert.ok(await isServed(lab, family, customer[family]), "known pairs pass");
    for (let visits = 0; visits < 5; visits++) await isServed(lab, family, stranger[family]);
    assert.deepEqual(await blockedInKernel(lab), []);
    await forging.stop();
    await waitUntil("the stranger is served again", () => isServed(lab, family, stranger[family]), 20_000);
    assert.deepEqual(
      (await daemon.blocked()).filter(({ soft }) => !soft),
      [],
    );
    assert.deepEqual(daemon.history(), []);
  });
}

test("masscan and zmap, then their user's visits to three ports that they showed as open: proven", async (t) => {
  const { lab, daemon } = await begin(t);
  const [first, second] = [source(1), source(2)];
  await masscan(lab, { family: "ipv4", source: first }, CLOSED.join(","));
  assert.ok((await daemon.waitForBlock(first.key.ipv4)).soft);
  for (const port of CLOSED.slice(0, 3)) await handshake(lab, "ipv4", first.ipv4, port);
  const where = ["-i", LINK, "-G", TARGET.mac, "-S", second.ipv4, "-b", "/dev/null"];
  for (const port of CLOSED.slice(0, 3)) {
    await lab.scanner.mustRun(["zmap", "-q", "-p", String(port), "-r", "1000", "-c", "1", ...where, TARGET.ipv4]);
  }
  assert.ok((await daemon.waitForBlock(second.key.ipv4)).soft);
  for (const port of CLOSED.slice(2)) await handshake(lab, "ipv4", second.ipv4, port);
  for (const { key } of [first, second]) {
    await waitUntil(`${key.ipv4} is proven`, async () =>
      (await daemon.blocked()).some(
        ({ source: who, grade, soft }) => who === key.ipv4 && grade === "handshake" && !soft,
      ),
    );
  }
  await waitUntil("in the kernel", async () => (await blockedInKernel(lab)).length === 2);
});

test("a slip is no scan: one wrong port, tolerated ports, and a service that is down", async (t) => {
  const { lab, daemon } = await begin(t);
  const person = source(1);
  const down = await serve(lab, lab.target, { tcp: [8081] });
  assert.ok(await isServed(lab, "ipv4", source(3).ipv4, 8081));
  await down.stop();
  const refused = await visit(lab.scanner, { to: TARGET.ipv4, from: source(4).ipv4, port: 8081, timeout: 1_500 });
  assert.deepEqual(refused.errors, { ECONNREFUSED: 1 }, "who watches the service must see that it is down");
  for (const port of [443, CLOSED[0]]) await handshake(lab, "ipv4", person.ipv4, port);
  const { decoyHandshakes } = (await daemon.status()).counters as Record<string, number>;
  assert.equal(decoyHandshakes, 1, "tolerated ports are answered without being traps");
  assert.deepEqual(await daemon.blocked(), []);
  // The hold of five seconds ends; then it is served.
  await waitUntil("served again", () => isServed(lab, "ipv4", person.ipv4), 20_000);
});

test("a flood of 20,000 sources to closed ports: connection tracking stays flat, real ports serve", async (t) => {
  const { lab, daemon } = await begin(t);
  const count = async () => Number(await lab.target.mustRun(["cat", CONNTRACK]));
  const before = await count();
  const program = resolve(import.meta.dirname, "../support/flood-sender.js");
  const to = ["--dev", LINK, "--mac", TARGET.mac, "--to", TARGET.ipv4];
  const flood = lab.spawn(lab.scanner, [
    process.execPath,
    program,
    ...to,
    "--count",
    "20000",
    "--port",
    "0",
    "--rate",
    "4000",
  ]);
  let most = before;
  let visitor = 1;
  while (!flood.ended) {
    most = Math.max(most, await count());
    assert.ok(await isServed(lab, "ipv4", source(visitor++).ipv4), "to somebody new");
  }
  assert.match(flood.lines.join("\n"), /"sent":20000/);
  most = Math.max(most, await count());
  const scan = { family: "ipv4", source: source(254), options: ["-sS", "-T4", "-p", CLOSED.join(",")] } as const;
  assert.deepEqual(portsReportedOpen((await nmap(lab, scan)).stdout), CLOSED, "the decoy answers no more");
  t.diagnostic(`connection tracking: ${before} before, at most ${most} entries`);
  assert.ok(most - before < 1_000, `${most} entries`);
  const { lost } = await daemon.status();
  assert.equal(lost, 0);
  assert.deepEqual(
    (await daemon.blocked()).filter(({ soft }) => !soft),
    [],
  );
});

test("half-open handshakes beyond the backlog: SYN cookies complete, and prove", async (t) => {
  const { lab, daemon } = await begin(t);
  // 2: always, as under a flood.
  await lab.target.set("net.ipv4.tcp_syncookies", "2");
  const scanner = source(1);
  for (const port of CLOSED.slice(0, 4)) await handshake(lab, "ipv4", scanner.ipv4, port).catch(() => undefined);
  await waitUntil("proven", async () => (await blockedInKernel(lab)).includes(scanner.ipv4));
  assert.equal((await daemon.waitForBlock(scanner.ipv4)).grade, "handshake");
});

test("behind another firewall that is silent about closed ports, a held source gets no answer of open ones either", async (t) => {
  const { lab, daemon } = await begin(t);
  const rules = `add table inet other
add chain inet other in { type filter hook input priority filter; policy drop; }
add rule inet other in ct state established,related accept
add rule inet other in meta l4proto { icmp, ipv6-icmp } accept
add rule inet other in tcp dport { ${SERVED.join(", ")} } accept
`;
  await lab.target.mustRun(["nft", "-f", "-"], rules);
  const scanner = source(1);
  assert.ok(await isServed(lab, "ipv4", scanner.ipv4, SERVED[1]));
  const capture = await Capture.start(lab);
  await sendPackets(lab, synsTo("ipv4", source(2).ipv4, [...CLOSED, ...SERVED]));
  await daemon.waitForBlock(source(2).ipv4);
  assert.deepEqual(portsThatAnswered(await capture.stop(), source(2).ipv4), []);
});

test("ports published into a container go on, the decoy stands behind the translation, and in front of it for them", async (t) => {
  const { lab, daemon } = await begin(t, open, { inner: true });
  await serve(lab, lab.inner, { tcp: [80] });
  assert.ok((await chains(lab)).includes("decoy"));
  const publish = `add table ip other
add chain ip other pre { type nat hook prerouting priority dstnat; }
add rule ip other pre tcp dport 9090 dnat to 10.88.0.2:80
`;
  await lab.target.mustRun(["nft", "-f", "-"], publish);
  await waitUntil("the decoy steps back", async () => (await chains(lab)).includes("decoynat"));
  assert.ok(await isServed(lab, "ipv4", source(1).ipv4, 9090));
  const scan = { family: "ipv4", source: source(2), options: ["-sS", "-T4", "-p", ALL.join(",")] } as const;
  assert.deepEqual(portsReportedOpen((await nmap(lab, scan)).stdout), ALL);
  // To a softly blocked source the published port is as open as all others, and the container is not behind it.
  assert.equal((await daemon.waitForBlock(source(2).ipv4)).soft, true);
  const again = { ...scan, options: ["-sS", "-T4", "-p", "9090"] };
  assert.deepEqual(portsReportedOpen((await nmap(lab, again)).stdout), [9090]);
  const { errors } = await visit(lab.scanner, { to: TARGET.ipv4, from: source(2).ipv4, port: 9090 });
  assert.deepEqual(errors, { "closed without an answer": 1 });
  assert.ok(await isServed(lab, "ipv4", source(1).ipv4, 9090));
  await lab.target.mustRun(["nft", "delete", "table", "ip", "other"]);
  await waitUntil("the decoy comes forward", async () => !(await chains(lab)).includes("decoynat"));
});

test("the daemon is killed: closed ports are silent as without the decoy; stopped: they are closed again", async (t) => {
  const { lab, daemon } = await begin(t);
  await daemon.kill();
  const capture = await Capture.start(lab);
  await sendPackets(lab, synsTo("ipv4", source(1).ipv4, CLOSED));
  assert.ok(await isServed(lab, "ipv4", source(2).ipv4));
  assert.deepEqual(portsThatAnswered(await capture.stop(), source(1).ipv4), []);
  assert.deepEqual(await setElements(lab, "held4"), [source(1).ipv4]);
  await daemon.restart();
  await daemon.stop();
  const left = await chains(lab);
  assert.deepEqual([...left].sort(), ["forward", "inward", "resting", "shield"]);
  const { errors } = await visit(lab.scanner, {
    to: TARGET.ipv4,
    from: source(3).ipv4,
    port: CLOSED[0],
    timeout: 1_500,
  });
  assert.deepEqual(errors, { ECONNREFUSED: 1 });
});

test("a reload switches the decoy on, to another mark, and off", async (t) => {
  const { lab, daemon } = await begin(t, { ...open, ANSWER: "silent" });
  const reload = async (settings: Settings) => {
    const from = daemon.lines.length;
    daemon.configure(settings);
    daemon.signal("SIGHUP");
    await daemon.waitForLine(/reload: .* is in force/, from);
  };
  const answering = async (number: number) => {
    const scan = { family: "ipv4", source: source(number), options: ["-sS", "-T4", "-p", CLOSED.join(",")] } as const;
    return portsReportedOpen((await nmap(lab, scan)).stdout);
  };
  assert.deepEqual(await answering(1), []);
  await reload(open);
  assert.deepEqual(await answering(2), CLOSED);
  await reload({ ...open, DECOY_MARK: "77" });
  assert.deepEqual(await answering(3), CLOSED);
  const listed = await lab.target.mustRun(["nft", "list", "chain", "inet", "portreeve", "divert"]);
  assert.match(listed, /meta mark set 0x0000004d/);
  await reload({ ...open, ANSWER: "silent" });
  assert.deepEqual(await answering(4), []);
  assert.ok(!(await chains(lab)).some((chain) => chain.startsWith("decoy")));
});

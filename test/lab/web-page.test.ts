// Who uses a service of this host is at most softly blocked, whatever makes it look like a scanner: a page with images on its
// closed ports, or a neighbour behind the same address. Strangers who do the same are blocked in full.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Family, families, type Source, source, TARGET } from "./support/addresses.ts";
import { blockedSchema } from "./support/contract.ts";
import { Daemon } from "./support/daemon.ts";
import { blockedInKernel } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { waitForProof } from "./support/proofs.ts";
import { sendPackets } from "./support/raw.ts";
import { startNmap } from "./support/scan.ts";
import { harsh, type Settings, shipped } from "./support/settings.ts";
import { exchange, program, serve, talk, visit } from "./support/traffic.ts";
import { waitFor } from "./support/wait.ts";

const SSH = 22;
const WEB = 8443;
const TALKING = 8082;
const NEVER_USED = 8083;
const PROOF_MS = 40_000;
/** nmap that met silence on a busy machine may fall to one probe a second: it needs longer until it repeats itself. */
const SLOW_PROOF_MS = 120_000;
const settings = { ...shipped, PROOF: "on", ANSWER: "reset" };

async function setUp(t: TestContext, changes: Settings = {}): Promise<{ lab: Lab; daemon: Daemon }> {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, { ...settings, ...changes });
  await serve(lab, lab.target, { tcp: [SSH, WEB, NEVER_USED] });
  await serve(lab, lab.target, { tcp: [TALKING], mode: "echo" });
  return { lab, daemon };
}

/** 40 images on closed ports: by the kernel's own connect(), which repeats what is silent and stops at an RST. */
function openPage(lab: Lab, from: Source, family: Family) {
  return lab.spawn(lab.scanner, program("page", { to: TARGET[family], from: from[family], ports: "4000-4039" }));
}

function waitForSoftProof(daemon: Daemon, key: string) {
  return waitFor(
    `${key} is proven and softly blocked`,
    async () => (await daemon.blocked()).find(({ source, grade }) => source === key && grade !== "direct"),
    PROOF_MS,
  );
}

for (const family of families) {
  test(`a customer and an administrator over ${family} open a page with images on closed ports`, async (t) => {
    const { lab, daemon } = await setUp(t);
    const customer = source(1);
    const stranger = source(2);
    const [to, from] = [TARGET[family], customer[family]];
    for (const port of [SSH, WEB]) assert.equal((await visit(lab.scanner, { to, from, port })).opened, 1);
    const conversation = await talk(lab, lab.scanner, { to, from, port: TALKING });

    openPage(lab, customer, family);
    openPage(lab, stranger, family);
    const block = await waitForSoftProof(daemon, customer.key[family]);
    t.diagnostic(block.reason);
    assert.deepEqual([block.soft, block.grade], [true, "silence"]);
    assert.match(block.reason, /not blocked in full: the source has finished a real connection/);
    for (const port of [SSH, WEB])
      assert.deepEqual(await visit(lab.scanner, { to, from, port, count: 20 }), { opened: 20, failed: 0, errors: {} });
    await exchange(conversation, "still there");
    // Silent or refused, as the silence test's coin falls.
    const never = await visit(lab.scanner, { to, from, port: NEVER_USED, timeout: 1_500 });
    assert.equal(never.opened, 0, "the soft block is not in force: the test does not test");

    const proof = await waitForProof(daemon, stranger.key[family], PROOF_MS);
    assert.equal(proof.block.grade, "silence");
    assert.equal((await blockedInKernel(lab)).length, 1, "the stranger, and nobody else");
    assert.deepEqual(
      daemon.history().filter((line) => line.includes(from)),
      [],
    );
  });
}

test("a customer whose neighbour behind the same address scans keeps its connection and its port", async (t) => {
  const { lab, daemon } = await setUp(t);
  for (const family of families) {
    const shared = source(3);
    const [to, from] = [TARGET[family], shared[family]];
    await visit(lab.scanner, { to, from, port: WEB });
    const conversation = await talk(lab, lab.scanner, { to, from, port: TALKING });
    const scan = startNmap(lab, { family, source: shared, options: ["-sS", "-T4", "-p", "2000-2119"] });
    const block = await waitForSoftProof(daemon, shared.key[family]);
    assert.equal(block.soft, true);
    await exchange(conversation, "still there");
    assert.equal((await visit(lab.scanner, { to, from, port: WEB })).opened, 1);
    await scan.stop();
  }
  assert.deepEqual(await blockedInKernel(lab), []);
});

for (const family of families) {
  test(`a first visitor over ${family} whose connection stands opens a page with images on closed ports`, async (t) => {
    const { lab, daemon } = await setUp(t);
    const visitor = source(8);
    const conversation = await talk(lab, lab.scanner, { to: TARGET[family], from: visitor[family], port: TALKING });
    openPage(lab, visitor, family);
    const block = await waitForSoftProof(daemon, visitor.key[family]);
    assert.deepEqual([block.soft, block.grade, block.liveConnections], [true, "silence", 1]);
    await exchange(conversation, "still there");
    assert.deepEqual(await blockedInKernel(lab), []);
  });
}

test("an address with as many live connections as a shared one is softly blocked; what a full block ended is told", async (t) => {
  const { lab, daemon } = await setUp(t, { SHARED_ADDRESS_CONNECTIONS: "4" });
  const to = TARGET.ipv4;
  const scan = (from: Source) =>
    startNmap(lab, { family: "ipv4", source: from, options: ["-sS", "-T4", "-p", "2000-2119"] });
  const [shared, single] = [source(4), source(5)];
  const talks = (from: Source, count: number) =>
    Promise.all(Array.from({ length: count }, () => talk(lab, lab.scanner, { to, from: from.ipv4, port: TALKING })));
  const conversations = await talks(shared, 4);
  await talks(single, 3);
  scan(shared);
  scan(single);
  const block = await waitForSoftProof(daemon, shared.ipv4);
  assert.deepEqual([block.soft, block.liveConnections], [true, 4]);
  assert.match(block.reason, /SHARED_ADDRESS_CONNECTIONS/);
  for (const conversation of conversations) await exchange(conversation, "still there");
  const { block: full } = await waitForProof(daemon, single.ipv4, PROOF_MS);
  assert.deepEqual([full.liveConnections, full.knownPairs], [3, 0]);
  const { stdout } = await daemon.cli(["why", single.ipv4]);
  assert.match(stdout, /the source had 3 live connections to this host, and 0 ports/);
});

test("a block by hand is full, and tells of the ports that its source had used", async (t) => {
  const { lab, daemon } = await setUp(t);
  for (const family of families) {
    const customer = source(6);
    const [to, from] = [TARGET[family], customer[family]];
    for (const port of [SSH, WEB]) await visit(lab.scanner, { to, from, port });
    const { code, stdout } = await daemon.cli(["block", customer.key[family], "--json"]);
    assert.equal(code, 0);
    const { soft, knownPairs } = blockedSchema.parse(JSON.parse(stdout));
    assert.deepEqual([soft, knownPairs], [false, 2]);
  }
});

test("with PROOF=off a packet forged in a customer's name softens the table's block, and no command of the administrator's", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const customer = source(7);
  const forge = () => sendPackets(lab, [syn({ from: customer.ipv4, to: TARGET.ipv4, port: 4000 })]);
  const visited = () => visit(lab.scanner, { to: TARGET.ipv4, from: customer.ipv4, port: WEB, timeout: 1_500 });
  const daemon = await Daemon.start(lab, harsh);
  await serve(lab, lab.target, { tcp: [WEB] });
  assert.equal((await visited()).opened, 1);
  await forge();
  const byTable = await daemon.waitForBlock(customer.ipv4);
  assert.deepEqual([byTable.soft, byTable.grade], [true, "direct"]);
  assert.equal((await visited()).opened, 1);
  await daemon.unblock(customer.ipv4);

  daemon.configure({ ...harsh, FIREWALL: "auto", KILL_ROUTE: "/usr/sbin/ip route add blackhole $TARGET$" });
  const from = daemon.lines.length;
  daemon.signal("SIGHUP");
  await daemon.waitForLine(/reload: .* is in force/, from);
  await forge();
  const byCommand = await daemon.waitForBlock(customer.ipv4);
  assert.deepEqual([byCommand.soft, byCommand.backend], [false, "kill-route"]);
});

test("control: a stranger's connecting scan, to open ports too, makes it no client: it is blocked in full", async (t) => {
  const { lab, daemon } = await setUp(t);
  await serve(lab, lab.target, { tcp: [25, 80, 443, 3306] });
  const strangers = [10, 11, 12, 13].map(source);
  const options = ["-sT", "-T4", "--top-ports", "200"];
  for (const from of strangers)
    startNmap(lab, { family: "ipv4", source: from, options, timeoutSeconds: SLOW_PROOF_MS / 1_000 });
  for (const from of strangers) {
    const { block } = await waitForProof(daemon, from.ipv4, SLOW_PROOF_MS);
    assert.equal(block.grade, "silence");
  }
});

// ANSWER="open", and who proves himself on it: nmap -sT at any speed with a handful of ports; with PROOF="off" who is found.
// The guard meets closed ports that are closed, with either PROOF: no decoy, no hold, no handshake that counts.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { type Family, families, SCANNER, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { blockedInKernel, setElements } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { waitForProof } from "./support/proofs.ts";
import { nmap, portsReportedOpen, startNmap } from "./support/scan.ts";
import { type Settings, shipped } from "./support/settings.ts";
import { Stage } from "./support/stage.ts";
import { serve, visit } from "./support/traffic.ts";

// nmap's own connections to the served ports may stand when it is proven, which is what this key is about, and not this test.
const open: Settings = { ...shipped, PROOF: "on", ANSWER: "open", SHARED_ADDRESS_CONNECTIONS: "0" };
const SERVED = [81, 2001];
const [REAL = 0] = SERVED;
const CLOSED = [7, 82, 2000, 2002, 31_337];
const [TRAP = 0] = CLOSED;
const ALL = [...SERVED, ...CLOSED].sort((a, b) => a - b);
const PROOF_MS = 30_000;
const [resolver, stranger] = [source(6), source(8)];

async function setUp(t: TestContext, settings: Settings): Promise<{ lab: Lab; daemon: Daemon }> {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const stage = new Stage(join(lab.folder, "stage"));
  stage.write("etc/resolv.conf", families.map((family) => `nameserver ${resolver[family]}\n`).join(""));
  await serve(lab, lab.target, { tcp: SERVED });
  return { lab, daemon: await Daemon.start(lab, settings, [], stage) };
}

const outcomeOf = async (lab: Lab, family: Family, from: string, port: number): Promise<string> => {
  const { opened, errors } = await visit(lab.scanner, { to: TARGET[family], from, port, timeout: 1_000 });
  return opened === 1 ? "served" : Object.keys(errors).join();
};

/** To a port where nobody listens, from each of those whom the decoy must leave alone. */
async function assertLeftAlone(lab: Lab, daemon: Daemon): Promise<void> {
  for (const family of families) {
    for (const from of [{ ...SCANNER, key: SCANNER }, resolver]) {
      const { stdout } = await nmap(lab, { family, source: from, options: ["-sT", "-T4", "-p", ALL.join(",")] });
      assert.deepEqual(portsReportedOpen(stdout), SERVED, from[family]);
      assert.equal(stdout.match(/^\d+\/tcp\s+closed\s/gm)?.length, CLOSED.length, stdout);
    }
  }
  const { decoyHandshakes, decoyScreened } = (await daemon.status()).counters as Record<string, number>;
  assert.deepEqual([decoyHandshakes, decoyScreened], [0, 0]);
  assert.deepEqual(await daemon.blocked(), []);
  assert.deepEqual([await setElements(lab, "held4"), await setElements(lab, "held6")], [[], []]);
}

// nmap waits between its probes: several labs at a time.
describe("the decoy", { concurrency: 2 }, () => {
  test("the guard sees closed ports; nmap -sT of a handful, from -T2 to -T5, is proven by its handshakes", async (t) => {
    const { lab, daemon } = await setUp(t, open);
    await assertLeftAlone(lab, daemon);
    const cases = ["-T2", "-T3", "-T4", "-T5"].flatMap((speed) => families.map((family) => ({ speed, family })));
    const prove = async ({ speed, family }: (typeof cases)[number], index: number): Promise<string> => {
      const from = source(20 + index);
      // -r: a closed port first. Who begins with an open one, slowly, is a client by it.
      const scan = startNmap(lab, { family, source: from, options: ["-sT", speed, "-r", "-p", ALL.join(",")] });
      const { block, probes, seconds } = await waitForProof(daemon, from.key[family], PROOF_MS);
      await scan.stop();
      t.diagnostic(`-sT ${speed} over ${family}: ${probes} probes, ${seconds.toFixed(1)} s: ${block.reason}`);
      assert.equal(block.grade, "handshake", `${speed} ${family}`);
      assert.match(block.reason, /completed connections to traps on 3 closed ports, the last tcp\/\d+/);
      assert.equal(await outcomeOf(lab, family, from[family], REAL), "timeout");
      return from.key[family];
    };
    const proven = await Promise.all(cases.map(prove));
    assert.deepEqual([...(await blockedInKernel(lab))].sort(), proven.sort());
  });

  test("with PROOF=off the decoy answers until its visitor is found, who is blocked in full at once", async (t) => {
    const { lab, daemon } = await setUp(t, { ...open, PROOF: "off" });
    await assertLeftAlone(lab, daemon);
    for (const family of families) {
      const [slip, scanner] = [source(30), source(31)];
      // One wrong port is no scan: the decoy answers and closes.
      assert.equal(await outcomeOf(lab, family, slip[family], TRAP), "closed without an answer");
      const scan = { family, source: scanner, options: ["-sS", "-T3", "-p", ALL.join(",")] } as const;
      const seen = portsReportedOpen((await nmap(lab, scan)).stdout);
      const { grade, soft, enforced } = await daemon.waitForBlock(scanner.key[family]);
      assert.deepEqual([grade, soft, enforced], ["direct", false, true]);
      assert.ok((await blockedInKernel(lab)).includes(scanner.key[family]));
      assert.ok(seen.length > 0, "the decoy answered its first probes");
      assert.deepEqual(portsReportedOpen((await nmap(lab, scan)).stdout), [], "blocked: silence, the decoy's too");
      assert.equal(await outcomeOf(lab, family, stranger[family], REAL), "served");
    }
  });
});

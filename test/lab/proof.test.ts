// Who scans itself is proven, and only who does: nmap by the silence test, beside its decoys and through a zombie too;
// scanners that never repeat are not, and stay softly blocked for as long as they scan. More of each: long/proof.test.ts.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Family, families, furtherHost, LINK, type Source, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { blockedInKernel } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { assertNotProven, tellProof, waitForProof } from "./support/proofs.ts";
import { startNmap } from "./support/scan.ts";
import { shipped } from "./support/settings.ts";
import { serve, startZombie, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const PORTS = "2000-2119";
const SERVED = 8000;
const PROOF_MS = 40_000;
const settings = { ...shipped, PROOF: "on", ANSWER: "reset", SOFT_BLOCK_TIME: "6s" };

async function setUp(t: TestContext): Promise<{ lab: Lab; daemon: Daemon }> {
  const lab = await Lab.open();
  t.after(() => lab.close());
  return { lab, daemon: await Daemon.start(lab, settings) };
}

test("nmap is proven by the silence test", async (t) => {
  const { lab, daemon } = await setUp(t);
  const scans = ["-sS -T3", "-sS -T4", "-sT -T3", "-sT -T4"];
  for (const family of families) {
    await t.test(family, async (sub) => {
      const prove = async (scan: string, index: number): Promise<void> => {
        const from = source(1 + index);
        const running = startNmap(lab, { family, source: from, options: [...scan.split(" "), "-p", PORTS] });
        const proof = await waitForProof(daemon, from.key[family], PROOF_MS);
        await running.stop();
        sub.diagnostic(`${scan} over ${family}: ${tellProof(proof)}`);
        assert.equal(proof.block.grade, "silence");
        assert.match(proof.block.reason, /the source sees the answers of this host/);
      };
      await Promise.all(scans.map(prove));
    });
  }
  const proven = (await blockedInKernel(lab)).length;
  assert.equal(proven, scans.length * families.length);
});

/** So that a window of 3 s, which it would suffice to outwait, is over before each repetition (attacks.md E8). */
const PATIENT = ["-sS", "--max-retries", "1", "--min-rtt-timeout", "4s", "--initial-rtt-timeout", "4s"];

test("nmap that waits for 4 s before it repeats is proven as well", async (t) => {
  const { lab, daemon } = await setUp(t);
  const prove = async (family: Family): Promise<void> => {
    const from = source(1);
    const options = [...PATIENT, "--max-rtt-timeout", "4s", "-p", "2000-2399"];
    const running = startNmap(lab, { family, source: from, options });
    const proof = await waitForProof(daemon, from.key[family], 2 * PROOF_MS);
    await running.stop();
    t.diagnostic(`${family}: ${tellProof(proof)}`);
    assert.equal(proof.block.grade, "silence");
  };
  await Promise.all(families.map(prove));
});

test("nmap -D: the scanner is proven, no decoy is", async (t) => {
  const { lab, daemon } = await setUp(t);
  // One decoy lives, two are dead.
  await lab.addHost(3);
  const decoys = [furtherHost(3), furtherHost(41), furtherHost(42)];
  for (const family of families) {
    await t.test(family, async (sub) => {
      const from = source(1);
      const names = [...decoys.map((decoy) => decoy[family]), "ME"].join(",");
      const running = startNmap(lab, {
        family,
        source: from,
        options: ["-sS", "-T4", "-D", names, "-p", "2000-2199"],
        timeoutSeconds: 60,
      });
      const proof = await waitForProof(daemon, from.key[family], PROOF_MS);
      sub.diagnostic(tellProof(proof));
      await running.waitForEnd();
      await assertNotProven(daemon, decoys, family);
    });
  }
});

test("nmap -sI: the zombie in whose name it scans is not proven", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: [SERVED] });
  const zombie = furtherHost(6);
  const host = await lab.addHost(6);
  // Linux's own IP-ID tells nothing: a program answers in the kernel's place.
  await host.mustRun(["nft", "add table inet mute"]);
  await host.mustRun(["nft", "add chain inet mute input { type filter hook input priority 0; policy drop; }"]);
  const mac = (await lab.scanner.mustRun(["cat", "/sys/class/net/host6/address"])).trim();
  await startZombie(lab, host, { mac, address: zombie.ipv4 });
  const scan = (ports: string): Promise<string> =>
    lab.scanner.mustRun(["nmap", "-Pn", "-n", "-sI", `${zombie.ipv4}:80`, "-p", ports, TARGET.ipv4]);
  assert.match(await scan(`2000-2003,${SERVED}`), /^8000\/tcp open/m, "undefended, the zombie tells of the open port");
  const daemon = await Daemon.start(lab, settings);
  const report = await scan(`2000-2059,${SERVED}`);
  assert.match(report, /Idle scan using zombie/);
  assert.doesNotMatch(report, /open(?!\|)/, "it learned of the open port");
  await assertNotProven(daemon, [zombie], "ipv4");
  assert.deepEqual(await blockedInKernel(lab), []);
});

/** Twice as long as a soft block: without renewal it would end meanwhile. */
const SCAN_SECONDS = 14;
const rateless: readonly { readonly name: string; readonly family: Family; argv(from: Source): readonly string[] }[] = [
  ...families.map((family) => ({
    name: `nmap --max-retries 0 over ${family}`,
    family,
    argv: (from: Source) => [
      ...[
        "nmap",
        ...(family === "ipv6" ? ["-6"] : []),
        "-Pn",
        "-n",
        "-sS",
        "--max-retries",
        "0",
        "--scan-delay",
        "50ms",
      ],
      ...["-S", from[family], "-e", LINK, "-p", "2000-2999", TARGET[family]],
    ],
  })),
  {
    name: "masscan",
    family: "ipv4",
    argv: (from) => [
      ...["masscan", "--adapter-ip", from.ipv4, "-e", LINK, "--router-mac", TARGET.mac, "-p2000-2999"],
      ...[TARGET.ipv4, "--rate", "20", "--wait", "0"],
    ],
  },
  {
    name: "zmap, one port after the other",
    family: "ipv4",
    argv: (from) => {
      const one = `zmap -q -B 100K -i ${LINK} -G ${TARGET.mac} -S ${from.ipv4} -b /dev/null -c 0 --cores=1 -o /dev/null`;
      return ["sh", "-c", `for port in $(seq 2000 2999); do ${one} -p $port ${TARGET.ipv4}; done`];
    },
  },
];

test("scanners that never repeat stay softly blocked while they scan, and are not proven", async (t) => {
  const { lab, daemon } = await setUp(t);
  await serve(lab, lab.target, { tcp: [SERVED] });
  const watch = async ({ name, family, argv }: (typeof rateless)[number], index: number): Promise<void> => {
    const from = source(20 + index);
    const key = from.key[family];
    const running = lab.spawn(lab.scanner, argv(from));
    const isSoft = async (): Promise<boolean> =>
      (await daemon.blocked()).some((entry) => entry.source === key && entry.soft && entry.enforced);
    await waitUntil(`${name} is softly blocked`, isSoft, 20_000);
    const endMs = Date.now() + SCAN_SECONDS * 1000;
    let looks = 0;
    for (; Date.now() < endMs; looks++) {
      assert.ok(!running.ended, `${name} ended too early: ${running.lines.slice(-5).join("\n")}`);
      assert.ok(await isSoft(), `${name} is not softly blocked while it scans`);
      const visited = await visit(lab.scanner, { from: from[family], to: TARGET[family], port: SERVED, timeout: 300 });
      assert.equal(visited.opened, 0, `${name} reached an open port`);
    }
    await running.stop();
    const own = await daemon.eventsOf(key);
    const probes = own.filter(({ type }) => type === "probe").length;
    t.diagnostic(`${name}: softly blocked at each of ${looks} looks in ${SCAN_SECONDS} s, ${probes} probes`);
    assert.deepEqual(
      own.filter(({ type, grade }) => type === "block" && grade !== "direct"),
      [],
    );
    await waitUntil(`${name} has gone, and its soft block ends`, async () => !(await isSoft()), 15_000);
  };
  await Promise.all(rateless.map(watch));
  assert.deepEqual(await blockedInKernel(lab), []);
});

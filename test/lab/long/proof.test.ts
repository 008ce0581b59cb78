// How many probes and seconds the silence test takes, for nmap's scans of 120 closed ports from -T2 to -T5, as a table for
// docs/reference/measured.md; nmap -D with ten decoys. About ten minutes.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Family, families, furtherHost, source } from "../support/addresses.ts";
import { Daemon } from "../support/daemon.ts";
import { Lab } from "../support/lab.ts";
import { assertNotProven, type Proof, tellProof, waitForProof } from "../support/proofs.ts";
import { startNmap } from "../support/scan.ts";
import { shipped } from "../support/settings.ts";

const PORTS = "2000-2119";
const ROUNDS = 3;
/** -T2 waits 0.4 s between two probes, and asks ten times. */
const PROOF_MS = 400_000;
const settings = { ...shipped, PROOF: "on", ANSWER: "reset" };
const timings = ["-T2", "-T3", "-T4", "-T5"];
const scans = ["-sS", "-sT"].flatMap((type) => timings.map((timing) => `${type} ${timing}`));

async function setUp(t: TestContext): Promise<{ lab: Lab; daemon: Daemon }> {
  const lab = await Lab.open();
  t.after(() => lab.close());
  return { lab, daemon: await Daemon.start(lab, settings) };
}

test("nmap -sS and -sT, -T2 to -T5, are proven by the silence test", async (t) => {
  const { lab, daemon } = await setUp(t);
  const proofs = new Map<string, Proof[]>();
  let sources = 0;
  const prove = async (scan: string, family: Family): Promise<void> => {
    const from = source(++sources);
    const options = [...scan.split(" "), "-p", PORTS];
    const running = startNmap(lab, { family, source: from, options, timeoutSeconds: PROOF_MS / 1000 });
    const proof = await waitForProof(daemon, from.key[family], PROOF_MS);
    await running.stop();
    assert.equal(proof.block.grade, "silence");
    const name = `${scan} ${family}`;
    proofs.set(name, [...(proofs.get(name) ?? []), proof]);
  };
  // Four at a time: more would measure this machine.
  for (let round = 0; round < ROUNDS; round++) {
    for (const family of families) {
      for (const timing of timings) {
        await Promise.all(scans.filter((scan) => scan.endsWith(timing)).map((scan) => prove(scan, family)));
      }
    }
  }
  t.diagnostic("| scan | probes until proof | seconds |");
  for (const [name, each] of [...proofs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    t.diagnostic(
      `| ${name} | ${range(each.map(({ probes }) => probes))} | ${range(each.map(({ seconds }) => seconds))} |`,
    );
  }
  assert.equal(proofs.size, scans.length * families.length);
});

function range(values: readonly number[]): string {
  const text = (value: number): string => (Number.isInteger(value) ? `${value}` : value.toFixed(1));
  return `${text(Math.min(...values))}-${text(Math.max(...values))}`;
}

for (const family of families) {
  test(`nmap -D with ten decoys over ${family}: the scanner is proven, no decoy is`, async (t) => {
    const { lab, daemon } = await setUp(t);
    const living = [3, 4, 5];
    for (const number of living) await lab.addHost(number);
    const decoys = [...living, 41, 42, 43, 44, 45, 46, 47].map(furtherHost);
    const from = source(1);
    const names = [...decoys.map((decoy) => decoy[family]), "ME"].join(",");
    const options = ["-sS", "-T4", "-D", names, "-p", "2000-2299"];
    const running = startNmap(lab, { family, source: from, options, timeoutSeconds: 120 });
    const proof = await waitForProof(daemon, from.key[family], PROOF_MS);
    t.diagnostic(tellProof(proof));
    await running.waitForEnd();
    await assertNotProven(daemon, decoys, family);
  });
}

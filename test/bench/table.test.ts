// What the source table costs a packet: CPU nanoseconds per touch and per judged probe, printed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { weigh } from "../../src/detect/scorers.ts";
import { SourceTable } from "../../src/detect/source-table.ts";
import { probe, seed } from "../detect/probes.ts";

const CAPACITY = 1_048_576;
const SOURCES = 1_000_000;
const policy = {
  policy: "score",
  scanTrigger: 1,
  scorePorts: 3,
  scoreWindowMs: 60_000,
  slowScorePorts: 10,
  slowScoreWindowMs: 86_400_000,
} as const;

type Family = "IPv4" | "IPv6 /64";

/** Each source once, in an order without pattern; answers with CPU ns a packet. */
function run(table: SourceTable, family: Family, offset: number, judged: "touched" | "judged"): number {
  const one = probe({ source: family === "IPv4" ? "192.0.2.1" : "2001:db8::/64" });
  const before = process.cpuUsage();
  for (let i = 0; i < SOURCES; i++) {
    const scattered = Math.imul(i + offset, 0x9e3779b1) >>> 0;
    if (family === "IPv4") one.source3 = scattered;
    else one.source1 = scattered;
    one.port = (i + offset) & 0xffff;
    one.timeMs = 1_700_000_000_000 + i;
    const row = table.touch(one);
    if (judged === "judged") weigh(table, row, one, policy);
  }
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / SOURCES;
}

for (const family of ["IPv4", "IPv6 /64"] as const) {
  for (const judged of ["touched", "judged"] as const) {
    test(`${family}, ${judged}`, (t) => {
      const table = new SourceTable(CAPACITY, seed);
      const fresh = run(table, family, 0, judged);
      assert.equal(table.size, SOURCES);
      const known = run(table, family, 0, judged);
      assert.equal(table.size, SOURCES);
      const evicting = run(table, family, SOURCES, judged);
      assert.equal(table.size, CAPACITY);
      const tell = (what: string, nanoseconds: number) => `${what} ${nanoseconds.toFixed(0)} ns`;
      t.diagnostic([tell("new", fresh), tell("known", known), tell("evicting", evicting)].join(", "));
    });
  }
}

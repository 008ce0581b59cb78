// Options behind a bench's name, as scripts/test.mjs hands them on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readOptions } from "../bench/options.ts";

test("a bench reads its options, keeps the defaults of the others, and refuses one that it does not know", (t) => {
  const before = process.env.BENCH_OPTIONS ?? "";
  t.after(() => {
    process.env.BENCH_OPTIONS = before;
  });
  process.env.BENCH_OPTIONS = "--runs=2\n--scanners=nmap -sS|zmap";
  assert.deepEqual(readOptions({ runs: "5", scanners: ".", lanes: "10" }), {
    ...{ runs: "2", scanners: "nmap -sS|zmap", lanes: "10" },
  });
  assert.throws(() => readOptions({ runs: "5" }), /scanners/);
  process.env.BENCH_OPTIONS = "";
  assert.deepEqual(readOptions({ runs: "5" }), { runs: "5" });
});

// The page that follows a packet (docs/reference/walk-of-a-packet.md) against the running code: a SYN and a capture are given to the
// real parts, and the engine of JavaScript counts which functions are called.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { test } from "node:test";
import { Prover } from "../../src/judge/proof/prover.ts";
import { replayed } from "../replay/support.ts";
import { captures } from "../support/corpus.ts";
import { repositoryFolder } from "../support/repository.ts";
import { assemble, NOW_MS } from "./assembled.ts";

const page = readFileSync(repositoryFolder("docs/reference/walk-of-a-packet.md"), "utf8");
const [, syn = "", captured = ""] = page.split(/^## /m);

/** "src/room/file.ts function" of each stop, in order. */
function stopsIn(section: string): string[] {
  const rows = [...section.matchAll(/^\| \d+ \| `(\w+)` \(`(src\/[\w./-]+\.ts)`\)/gm)];
  assert.ok(rows.length > 20, `${rows.length} stops`);
  return rows.map(([, name, path]) => `${path} ${name}`);
}

/** The functions that are called meanwhile, as "src/room/file.ts function". */
async function calledBy(work: () => unknown): Promise<ReadonlySet<string>> {
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
    await session.post("Profiler.takePreciseCoverage");
    await work();
    const { result } = await session.post("Profiler.takePreciseCoverage");
    return new Set(
      result.flatMap(({ url, functions }) => {
        const file = /\/build\/(src\/.*)\.js$/.exec(url)?.[1];
        const called = functions.filter(({ ranges: [whole] }) => (whole?.count ?? 0) > 0);
        return file === undefined ? [] : called.map(({ functionName }) => `${file}.ts ${functionName}`);
      }),
    );
  } finally {
    session.disconnect();
  }
}

test("the third SYN of a scan passes every stop of the page but those of the kernel", async (t) => {
  const prover = new Prover({ sent: 0, refused: 0, answer: () => undefined }, () => NOW_MS);
  const conf = 'BLOCK_TCP="1"\nPROOF="on"\nPOLICY="score"\nANSWER="reset"\n';
  const { deliver, daemon } = assemble(t, conf, { prover });
  deliver("198.51.100.7", 1, 7);
  const called = await calledBy(() => deliver("198.51.100.7", 9));
  assert.equal(daemon.status().blocked, 1);
  const fromKernel = (stop: string) => /^src\/(kernel|capture)\//.test(stop);
  const stops = stopsIn(syn).filter((stop) => !fromKernel(stop));
  assert.ok(stops.length >= 27, `${stops.length} stops`);
  assert.deepEqual(
    stops.filter((stop) => !called.has(stop)),
    [],
  );
});

test("a capture of a scan passes every stop of the page", async () => {
  const capture = captures("nmap").find(({ name }) => name === "nmap/syn");
  assert.ok(capture);
  const called = await calledBy(() => replayed(capture));
  assert.deepEqual(
    stopsIn(captured).filter((stop) => !called.has(stop)),
    [],
  );
});

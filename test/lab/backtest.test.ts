// portreeve backtest on a record that real programs have made: nmap, and a customer who once typed a wrong port. Asked of the
// running daemon, and read from its files when it has been stopped, and when it has been killed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { families, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { nmap } from "./support/scan.ts";
import { harsh } from "./support/settings.ts";
import { serve, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const SERVED = 80;
const WRONG = 8081;
const SCANNED = 20;

const sourceSchema = z.looseObject({
  source: z.string(),
  change: z.string(),
  clientOf: z.array(z.number()).optional(),
  present: z.looseObject({ port: z.number(), reason: z.string() }).optional(),
  proposed: z.looseObject({ probes: z.number() }).optional(),
});
const summarySchema = z.object({
  summary: z.looseObject({
    present: z.looseObject({ found: z.number(), clients: z.number() }),
    proposed: z.looseObject({ found: z.number(), clients: z.number() }),
    record: z.looseObject({
      probes: z.number(),
      guessedProbes: z.number(),
      clientsKnown: z.boolean(),
      guardKnown: z.boolean(),
    }),
  }),
});

/** `--policy score` beside the trigger of the file. */
async function backtest(daemon: Daemon) {
  const { code, stdout, stderr } = await daemon.cli(["backtest", "--policy", "score", "--json"]);
  assert.equal(code, 0, stderr);
  const lines: unknown[] = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  return { sources: lines.slice(0, -1).map((line) => sourceSchema.parse(line)), ...summarySchema.parse(lines.at(-1)) };
}

test("who would be blocked by a policy is known before it is switched on", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, { ...harsh, BLOCK_TCP: "0", BLOCK_UDP: "0" });
  await serve(lab, lab.target, { tcp: [SERVED] });
  const [scanner, customer] = [source(1), source(2)];
  for (const family of families) {
    const way = { to: TARGET[family], from: customer[family] };
    assert.deepEqual(await visit(lab.scanner, { ...way, port: SERVED }), { opened: 1, failed: 0, errors: {} });
    assert.equal((await visit(lab.scanner, { ...way, port: WRONG })).opened, 0);
    await nmap(lab, { family, source: scanner, options: ["-sS", "-p", `1000-${1000 + SCANNED - 1}`] });
  }
  // The last packets may be on their way from the kernel's log.
  const expected = families.length * (SCANNED + 1);
  await waitUntil("all probes are recorded", async () => {
    const probes = (await daemon.events()).filter(({ type }) => type === "probe");
    return new Set(probes.map((event) => `${event.source} ${event.port}`)).size === expected;
  });
  assert.deepEqual(await daemon.blocked(), []);

  const check = async (isLive: boolean) => {
    const { sources, summary } = await backtest(daemon);
    assert.equal(sources.length, 2 * families.length, JSON.stringify(sources));
    for (const family of families) {
      const found = sources.find((one) => one.source === scanner.key[family]);
      assert.deepEqual([found?.change, found?.clientOf, found?.proposed?.probes], ["same", undefined, 3]);
      const slipped = sources.find((one) => one.source === customer.key[family]);
      assert.deepEqual([slipped?.change, slipped?.clientOf, slipped?.proposed], ["gone", [SERVED], undefined]);
      assert.equal(slipped?.present?.port, WRONG);
    }
    const { present, proposed, record } = summary;
    assert.deepEqual([present.found, present.clients], [2 * families.length, families.length]);
    assert.deepEqual([proposed.found, proposed.clients], [families.length, 0]);
    assert.deepEqual([record.guessedProbes, record.clientsKnown, record.guardKnown], [0, true, isLive]);
    assert.ok(record.probes >= expected);
  };
  await check(true);
  const text = await daemon.cli(["backtest"]);
  assert.match(text.stdout, /^2 known clients would be shut out with BLOCK_TCP="1" and BLOCK_UDP="1", in full/m);

  assert.equal(await daemon.stop(), 0);
  await check(false);
  await daemon.restart();
  await check(true);
  await daemon.kill();
  await check(false);
  await daemon.restart();
  assert.deepEqual((await daemon.status()).warnings, []);
});

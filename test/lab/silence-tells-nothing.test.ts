// Whoever is found scanning cannot tell open ports from closed ones, from however many addresses he asks: neither by who
// answers nor how often, how soon or in which form. In greater number: long/silence-tells-nothing.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Lab } from "./support/lab.ts";
import { differences, giveAway, sources, startHost, sweep, telling, totals } from "./support/sweep.ts";

const COUNT = 256;
const EACH = 10;

for (const answer of ["reset", "open", "silent"]) {
  test(`ANSWER="${answer}": 16 found addresses ask ${COUNT} ports, and chance explains what they get`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const host = await startHost(lab, { count: COUNT, each: EACH, settings: { ANSWER: answer } });
    const how = { family: "ipv4", sources: sources(16), perSecond: 800 } as const;
    await giveAway(lab, host, how);
    const drawn = await sweep(lab, host, how);
    for (const line of totals(drawn, host)) t.diagnostic(line);
    assert.deepEqual(telling(differences(drawn, host)), []);
    const answers = drawn.reduce((sum, { rsts, synAcks }) => sum + rsts + synAcks, 0);
    // Nothing was compared otherwise.
    assert.equal(answers > 1_000, answer !== "silent", `${answers} answers`);
    assert.equal((await host.daemon.status()).lost, 0);
  });
}

test('ANSWER="open": nor when half-open handshakes have filled its queue, and SYN cookies go out', async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  // The scanner's kernel knows nothing of these handshakes, and would end them.
  const quiet =
    "table inet quiet {\n chain out {\n type filter hook output priority 0;\n tcp flags & rst == rst drop\n }\n}\n";
  await lab.scanner.mustRun(["nft", "-f", "-"], quiet);
  const host = await startHost(lab, { count: 2 * COUNT, each: EACH, settings: { ANSWER: "open" } });
  const how = { family: "ipv4", sources: sources(16), perSecond: 1_500 } as const;
  await giveAway(lab, host, how);
  const drawn = await sweep(lab, host, how);
  for (const line of totals(drawn, host)) t.diagnostic(line);
  assert.deepEqual(telling(differences(drawn, host)), []);
  assert.equal(new Set(drawn.flatMap(({ forms }) => forms)).size, 2, "with SYN cookies and without");
});

test("nor by packets that are no SYNs: they are met with silence everywhere", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const host = await startHost(lab, { count: COUNT, each: EACH, settings: { ANSWER: "reset" } });
  const how = { family: "ipv4", sources: sources(4), perSecond: 800 } as const;
  await giveAway(lab, host, how);
  for (const [name, flags] of Object.entries({ NULL: 0, FIN: 1, XMAS: 0x29, "SYN+FIN": 3, ACK: 0x10, Maimon: 0x11 })) {
    const drawn = await sweep(lab, host, { ...how, flags });
    const answered = drawn.filter(({ rsts, synAcks }) => rsts + synAcks > 0).map(({ port }) => host.sorts.get(port));
    assert.deepEqual(answered, [], name);
  }
});

// Greylisting of first contacts, with popular ports open, as on a real server: what real scanners learn and what it costs a
// customer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { sets } from "../../src/table/sets.ts";
import { families, source, TARGET } from "./support/addresses.ts";
import { Capture, portsThatAnswered } from "./support/capture.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { describe, measureLeaks } from "./support/leak.ts";
import { masscan, nmap, popularPorts } from "./support/scan.ts";
import { PUBLIC, shipped } from "./support/settings.ts";
import { serve, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

/** The ports that scanners ask first. */
const SERVED = popularPorts(20);
const settings = { ...shipped, PROOF: "on", GREYLIST: "on" };
const countsSchema = z.object({ firstContacts: z.number(), firstContactsRepeated: z.number() });

async function countsOf(daemon: Daemon) {
  return countsSchema.parse((await daemon.status()).counters);
}

/** The kernel tells of a SYN within 10 ms. */
async function waitForCounts(daemon: Daemon, wanted: z.infer<typeof countsSchema>): Promise<void> {
  let counts: z.infer<typeof countsSchema> | undefined;
  await waitUntil(`${JSON.stringify(wanted)}`, async () => {
    counts = await countsOf(daemon);
    return counts.firstContacts >= wanted.firstContacts && counts.firstContactsRepeated >= wanted.firstContactsRepeated;
  });
  assert.deepEqual(counts, wanted);
}

const scans = [
  { name: "-sS -T4 -F", options: ["-sS", "-T4", "-F"], timeoutSeconds: 30 },
  { name: "-sS -T4 --top-ports 200", options: ["-sS", "-T4", "--top-ports", "200"], timeoutSeconds: 30 },
  { name: "-sT -T4 -F", options: ["-sT", "-T4", "-F"], timeoutSeconds: 30 },
  { name: "-sS -T5 -F", options: ["-sS", "-T5", "-F"], timeoutSeconds: 30 },
];

test("scanners learn no served port that is not public, and one that asks only such a port learns nothing", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: SERVED });
  const one = (number: number, family: "ipv4" | "ipv6") =>
    ({ family, source: source(number), options: ["-sS", "-T4", "-p", "22"], timeoutSeconds: 20 }) as const;
  const daemon = await Daemon.start(lab, { ...settings, GREYLIST: "off" });
  const learned = async (number: number, family: "ipv4" | "ipv6") => {
    const capture = await Capture.start(lab);
    await nmap(lab, one(number, family));
    return portsThatAnswered(await capture.stop(), source(number)[family]);
  };
  assert.deepEqual(await learned(1, "ipv4"), [22], "without greylisting the question is answered");
  await daemon.stop();
  daemon.configure(settings);
  await daemon.restart();
  for (const [index, family] of families.entries()) {
    assert.deepEqual(await learned(2 + index, family), [], `nmap -p 22 over ${family}`);
    const leaks = await measureLeaks(lab, family, scans, 10 + 20 * index);
    for (const { scan, ports } of leaks) {
      assert.deepEqual(
        ports.filter((port) => !PUBLIC.includes(port)),
        [],
        `${family} ${scan}: ${describe(leaks)}`,
      );
    }
  }
  // Served, closed and tolerated, closed and a trap: one question, from a source each, is met alike.
  for (const [index, port] of [22, 8443, 4444].entries()) {
    const from = { ...one(50 + index, "ipv4"), options: ["-sS", "-T4", "-p", `${port}`] };
    assert.match((await nmap(lab, from)).stdout, new RegExp(`^${port}/tcp +filtered`, "m"));
  }
  const capture = await Capture.start(lab);
  await masscan(lab, { family: "ipv4", source: source(60) }, "22,3306,8080");
  assert.deepEqual(portsThatAnswered(await capture.stop(), source(60).ipv4), []);

  // It asks served ports only, each once: nothing but that says what it is.
  await masscan(lab, { family: "ipv4", source: source(61) }, SERVED.filter((port) => !PUBLIC.includes(port)).join(","));
  const block = await daemon.waitForBlock(source(61).ipv4);
  assert.match(block.reason, /^\d+ ports asked by one SYN each and none asked again/);
  assert.equal(block.soft, true);
});

test("a customer's first connection waits for one repetition, a later one for none, and a public port for nothing", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: [22, 80] });
  const daemon = await Daemon.start(lab, settings, [source(9).ipv4]);
  const visits = async (from: string, to: string, port: number, count = 1) =>
    assert.deepEqual(await visit(lab.scanner, { to, port, from, count }), { opened: count, failed: 0, errors: {} });
  for (const [index, family] of families.entries()) {
    const counts = { firstContacts: index + 1, firstContactsRepeated: index + 1 };
    await visits(source(1)[family], TARGET[family], 22);
    await waitForCounts(daemon, counts);
    await visits(source(1)[family], TARGET[family], 22, 20);
    await visits(source(2)[family], TARGET[family], 80, 5);
    assert.deepEqual(await countsOf(daemon), counts, family);
  }
  // Another address of the same /64, beyond our links, is the same customer.
  await visits(source(1).ipv6.replace(/1$/, "77"), TARGET.ipv6, 22);
  await visits(source(9).ipv4, TARGET.ipv4, 22);
  assert.deepEqual(await countsOf(daemon), { firstContacts: 2, firstContactsRepeated: 2 });
  // A tolerated port that nobody serves refuses the repetition.
  const refused = await visit(lab.scanner, { to: TARGET.ipv4, port: 8443, from: source(3).ipv4, count: 1 });
  assert.deepEqual(refused, { opened: 0, failed: 1, errors: { ECONNREFUSED: 1 } });
  assert.deepEqual(await daemon.blocked(), [], "silence is evidence of nothing");
});

test('with ANSWER="open" nothing is greylisted, as served and closed ports answer alike', async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: [22, 3306] });
  await Daemon.start(lab, { ...settings, ANSWER: "open" });
  const state = async (port: number, number: number) => {
    const options = ["-sS", "-T4", "-p", `${port}`];
    const { stdout } = await nmap(lab, { family: "ipv4", source: source(number), options });
    return new RegExp(`^${port}/tcp +(\\w+)`, "m").exec(stdout)?.[1];
  };
  const states = [];
  for (const [index, port] of [3306, 4444, 22, 8443].entries()) states.push(await state(port, 1 + index));
  assert.deepEqual(states, ["open", "open", "open", "open"]);
  const visited = await visit(lab.scanner, { to: TARGET.ipv4, port: 22, from: source(9).ipv4 });
  assert.deepEqual(visited, { opened: 1, failed: 0, errors: {} });
});

test("a full set lets first SYNs through", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: [22] });
  const daemon = await Daemon.start(lab, settings);
  const elements = Array.from(
    { length: sets.met.size },
    (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255} . ${TARGET.ipv4} . 22`,
  );
  await lab.target.mustRun(["nft", "-f", "-"], `add element inet portreeve met4 { ${elements.join(", ")} }\n`);
  const visited = await visit(lab.scanner, { to: TARGET.ipv4, port: 22, from: source(1).ipv4 });
  assert.deepEqual(visited, { opened: 1, failed: 0, errors: {} });
  assert.deepEqual(await countsOf(daemon), { firstContacts: 0, firstContactsRepeated: 0 });
});

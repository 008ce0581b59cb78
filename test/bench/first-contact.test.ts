// What greylisting costs customers (GREYLIST="on"): the time to the first byte of a first and of a later connection, for customers
// of many kinds. Printed; asserted only that each customer is served.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Family, families, LINK, source, TARGET } from "../lab/support/addresses.ts";
import { Daemon } from "../lab/support/daemon.ts";
import { type Customers, type FirstBytes, firstBytes, served } from "../lab/support/first-bytes.ts";
import { Lab } from "../lab/support/lab.ts";
import { Prober } from "../lab/support/prober.ts";
import { shipped } from "../lab/support/settings.ts";
import { synForms } from "../lab/support/syn-acks.ts";
import { program, serve } from "../lab/support/traffic.ts";
import { waitFor } from "../lab/support/wait.ts";
import { buildTcp } from "../support/build-packet.ts";
import { tellQuantiles } from "./support.ts";

const SERVED = [22, 143, 993, 3306, 4190, 5432, 8000];
const settings = { ...shipped, PROOF: "on", GREYLIST: "on" };
/** No customer here waits longer. */
const PATIENCE_MS = 20_000;
const TIMERS_MS = [250, 500, 1_000, 3_000];
const FLOOD_RATE = 40_000;
/** At least 300,000: more than a set of first contacts takes. */
const FLOOD_TOTAL = /(?:[3-9]\d{5}|\d{7,})/;

async function greylisting(t: { after: (f: () => Promise<void>) => void }): Promise<Lab> {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: SERVED });
  await Daemon.start(lab, settings);
  return lab;
}

const addresses = (family: Family, first: number, count: number) =>
  Array.from({ length: count }, (_, index) => source(first + index)[family]);

function tell(what: string, all: FirstBytes): string {
  assert.equal(served(all).length, all.length, what);
  return tellQuantiles(what, served(all), "ms");
}

test("Linux: a first and a later connection, one to seven services at once", async (t) => {
  const lab = await greylisting(t);
  for (const family of families) {
    const ask = (from: readonly string[], ports: readonly number[]) =>
      firstBytes(lab.scanner, { to: TARGET[family], from, ports, timeout: PATIENCE_MS });
    const twenty = addresses(family, 1, 20);
    t.diagnostic(tell(`${family}, first connection`, await ask(twenty, [22])));
    t.diagnostic(tell(`${family}, second connection`, await ask(twenty, [22])));
    for (const count of [2, 3, 5, 7]) {
      const all = await ask(addresses(family, 30 + count, 1), SERVED.slice(0, count));
      assert.equal(served(all).length, count);
      t.diagnostic(`${family}, ${count} services at once: ${served(all).map(Math.round).join(", ")} ms`);
    }
  }
});

test("customers whose kernels repeat a SYN sooner or later, with their options and without", async (t) => {
  const lab = await greylisting(t);
  const prober = await Prober.start(lab);
  const filter = "tcp[13] & 18 = 18";
  const tcpdump = lab.spawn(lab.scanner, ["tcpdump", "-i", LINK, "-lnnt", "--immediate-mode", filter]);
  await tcpdump.waitForLine(/listening on/);
  const { linux = [], "nmap, masscan": bare = [] } = synForms;
  for (const [form, tcpOptions] of Object.entries({ linux, bare })) {
    for (const [index, timerMs] of TIMERS_MS.entries()) {
      const from = source(1 + index + (form === "bare" ? 10 : 0)).ipv4;
      const packet = buildTcp({
        source: from,
        destination: TARGET.ipv4,
        sourcePort: 40_404,
        destinationPort: 22,
        tcpOptions,
      });
      const startedMs = performance.now();
      const answer = () => (tcpdump.lines.some((line) => line.includes(`> ${from}.40404:`)) ? true : undefined);
      for (let waitMs = timerMs; performance.now() - startedMs < PATIENCE_MS; waitMs *= 2) {
        await prober.packet(packet);
        if (await waitFor("its answer", answer, waitMs).catch(() => false)) break;
      }
      assert.ok(answer(), `${form}, ${timerMs} ms`);
      t.diagnostic(`SYN timer of ${timerMs} ms, options as ${form}: ${Math.round(performance.now() - startedMs)} ms`);
    }
  }
});

test("a database pool, a load balancer and a monitor", async (t) => {
  const lab = await greylisting(t);
  const kinds: readonly (readonly [string, Omit<Customers, "from" | "to">])[] = [
    ["a database pool that gives up after 250 ms", { ports: [3306], timeout: 250, every: 250, tries: 40 }],
    ["a load balancer's check each 2 s, 1.5 s long", { ports: [8000], timeout: 1_500, every: 2_000, tries: 10 }],
    ["the same for three services", { ports: [8000, 3306, 5432], timeout: 1_500, every: 2_000, tries: 10 }],
    [
      "the same for two, each ended by an RST",
      { ports: [8000, 3306], timeout: 1_500, every: 2_000, tries: 10, checks: true },
    ],
    ["a monitor each minute, 0.5 s long", { ports: [22], timeout: 500, every: 60_000, tries: 4 }],
    [
      "a monitor of five services each minute, 5 s long",
      { ports: SERVED.slice(0, 5), timeout: 5_000, every: 60_000, tries: 4 },
    ],
  ];
  const runs = kinds.map(async ([what, how], index) => {
    const ask = () => firstBytes(lab.scanner, { to: TARGET.ipv4, from: [source(1 + index).ipv4], ...how });
    const [first, second] = [await ask(), await ask()];
    const text = (all: FirstBytes) =>
      all.map(({ ms, tries }) => `${ms === null ? "never" : Math.round(ms)} ms (try ${tries})`).join(", ");
    t.diagnostic(`${what}: first ${text(first)}; then ${text(second)}`);
    for (const { ms } of [...first, ...second]) assert.notEqual(ms, null, what);
  });
  await Promise.all(runs);
});

test("200 first-time customers at once, and 100 in a flood of the same port", async (t) => {
  const lab = await greylisting(t);
  const ask = (from: readonly string[], port: number) =>
    firstBytes(lab.scanner, { to: TARGET.ipv4, from, ports: [port], timeout: PATIENCE_MS });
  t.diagnostic(tell("200 at once", await ask(addresses("ipv4", 1, 200), 22)));
  const to = { dev: LINK, mac: TARGET.mac, to: TARGET.ipv4, port: 3306 };
  const flood = lab.spawn(lab.scanner, program("flood", { ...to, rate: FLOOD_RATE }));
  await flood.waitForLine(/sent/);
  const first = await ask(addresses("ipv4", 1, 100), 3306);
  // By then it has filled the sets, and first SYNs are served.
  await flood.waitForLine(new RegExp(`"sent":${FLOOD_TOTAL.source}`), 0, 60_000);
  const second = await ask(addresses("ipv4", 101, 100), 3306);
  await flood.stop();
  for (const [when, all] of Object.entries({ "at its beginning": first, later: second })) {
    t.diagnostic(
      tellQuantiles(`in a flood of ${FLOOD_RATE} SYNs a second, ${when}, of 100 customers`, served(all), "ms"),
    );
    assert.ok(served(all).length >= 0.95 * all.length, when);
  }
});

// What greylisting does about scanners that repeat their SYNs, as nmap and a scanner's kernel do, and what customers pay for that who
// open several services at once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { families, source, TARGET } from "./support/addresses.ts";
import { Capture, portsThatAnswered } from "./support/capture.ts";
import { Daemon } from "./support/daemon.ts";
import { firstBytes, served } from "./support/first-bytes.ts";
import { Lab } from "./support/lab.ts";
import { popularPorts, startNmap } from "./support/scan.ts";
import { PUBLIC, shipped } from "./support/settings.ts";
import { serve } from "./support/traffic.ts";

/** The ports that scanners ask first. */
const SERVED = popularPorts(20);
const settings = { ...shipped, PROOF: "on", GREYLIST: "on" };

test("a scanner that repeats its SYNs learns no served port that is not public, or of two that it names one", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: SERVED });
  // test/lab/greylist.test.ts has the other answer.
  await Daemon.start(lab, { ...settings, ANSWER: "silent" });
  const scans = ["-sS -T4 -p 22,3306", "-sS -T3 --top-ports 20", "-sT -T3 --top-ports 20", "-sT -T3 -p 22,3306"];
  // IPv4 sources of the lab are one /24: two of them beside each other are not held as a whole.
  const all = [
    ...scans.map((scan) => ({ scan, family: "ipv6" as const })),
    ...scans.slice(0, 2).map((scan) => ({ scan, family: "ipv4" as const })),
  ];
  const capture = await Capture.start(lab);
  await Promise.all(
    all.map(({ scan, family }, index) =>
      startNmap(lab, { family, source: source(1 + index), options: scan.split(" "), timeoutSeconds: 15 }).waitForEnd(),
    ),
  );
  const segments = await capture.stop();
  for (const [index, { scan, family }] of all.entries()) {
    const answered = portsThatAnswered(segments, source(1 + index)[family]);
    if (scan.includes("--top-ports"))
      assert.ok(
        PUBLIC.every((port) => answered.includes(port)),
        "its SYNs arrive",
      );
    const ports = answered.filter((port) => !PUBLIC.includes(port));
    assert.ok(ports.length <= (scan === "-sT -T3 -p 22,3306" ? 1 : 0), `${family} ${scan}: ${ports}`);
  }
});

test("a customer of five services at once is served by each within seconds, one of two after another second or two", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: SERVED });
  const daemon = await Daemon.start(lab, settings);
  const asks = families.flatMap((family, index) =>
    [2, 5].map(async (count) => {
      const from = [source(1 + 10 * index + count)[family]];
      const how = { to: TARGET[family], from, ports: [22, 143, 993, 3306, 5900].slice(0, count), timeout: 20_000 };
      const first = await firstBytes(lab.scanner, how);
      assert.equal(served(first).length, count, `${family}: ${JSON.stringify(first)}`);
      // Neither the customer of many nor its next connections wait again.
      assert.equal(served(await firstBytes(lab.scanner, { ...how, timeout: 900 })).length, count);
    }),
  );
  const check = { to: TARGET.ipv4, from: [source(30).ipv4], ports: [22, 3306], timeout: 1_500, every: 2_000 };
  const checks = firstBytes(lab.scanner, { ...check, tries: 4, checks: true });
  await Promise.all(asks);
  assert.equal(served(await checks).length, 2, "a health check of two services that ends each connection by an RST");
  assert.deepEqual(await daemon.blocked(), [], "silence is evidence of nothing");
});

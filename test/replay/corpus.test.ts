// Captures in, findings out: every scanner of the corpus is found with its kinds and its tool, no innocent is, and one
// scorer at a time finds what docs/reference/detection.md says it finds.
import assert from "node:assert/strict";
import { test } from "node:test";
import { scorerNames } from "../../src/detect/tap/tap-source.ts";
import { type Capture, captures, type Scanner } from "../support/corpus.ts";
import { found, replayed } from "./support.ts";

for (const capture of captures()) {
  test(`${capture.name}: who scanned, how, and with what`, async () => {
    const reports = new Map((await replayed(capture)).scanners.map((report) => [report.source, report]));
    for (const scanner of capture.expected.scanners) {
      const report = found(reports, scanner.source);
      assert.ok(report !== undefined, `${scanner.source} was not found scanning`);
      assert.deepEqual([...report.kinds].sort(), [...scanner.kinds].sort(), `the kinds of ${scanner.source}`);
      const tools = report.tools ?? (report.tool === undefined ? [] : [report.tool]);
      assert.deepEqual([...tools].sort(), isNameless(scanner) ? [] : toolsOf(scanner));
      reports.delete(report.source);
    }
    for (const decoy of capture.expected.decoys) reports.delete(decoy);
    assert.deepEqual([...reports.keys()], [], "called scanners and are none");
  });
}

test("no innocent is called a scanner by any scorer alone", async () => {
  // PortSentry's own rule, "trigger", takes the first probe of a closed port for a scan: that is what the others are for.
  for (const policy of scorerNames.filter((name) => name !== "trigger")) {
    for (const capture of captures("innocent")) {
      const { scanners } = await replayed(capture, { policy });
      assert.deepEqual(sourcesOf(capture, scanners), [], `${capture.name}, ${policy}`);
    }
  }
});

test("decoys are named as such, with the real scanner among them", async () => {
  const capture = captures("nmap").find(({ name }) => name === "nmap/decoys");
  assert.ok(capture !== undefined);
  const { scanners } = await replayed(capture);
  const groups = new Set(scanners.map(({ decoyGroup }) => decoyGroup));
  assert.equal(groups.size, 1);
  assert.notEqual([...groups][0], undefined);
  assert.equal(scanners.length, capture.expected.decoys.length + capture.expected.scanners.length);
});

test("a coordinated scan is one finding with its members", async () => {
  for (const capture of captures().filter(({ expected }) => expected.coordinated !== undefined)) {
    const { summary } = await replayed(capture);
    for (const { members } of capture.expected.coordinated ?? []) {
      assert.deepEqual(
        summary.coordinated.map((one) => [...one.members].sort()),
        [[...members].sort()],
        capture.name,
      );
    }
  }
});

/** What nmap sends with the words of others: pings, ARP, plain datagrams. Nothing in the header says who it is. */
const namelessKinds = ["arp", "neighbor", "icmp-echo", "icmp-timestamp", "icmp-netmask", "fragment", "udp"];
const alsoNameless = ["ip-protocol", "sctp-cookie-echo"];

function isNameless({ kinds, tool }: Scanner): boolean {
  return tool === "nmap" && kinds.every((kind) => [...namelessKinds, ...alsoNameless].includes(kind));
}

function toolsOf({ tool, tools }: Scanner): string[] {
  return [...(tools ?? (tool === null ? [] : [tool]))].sort();
}

function sourcesOf({ expected }: Capture, scanners: readonly { readonly source: string }[]): string[] {
  return scanners
    .map(({ source }) => source)
    .filter((source) => !expected.scanners.some((one) => one.source === source));
}

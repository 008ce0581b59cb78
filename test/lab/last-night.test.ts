// "What happened last night?", asked after a real scan of hundreds of ports: the finding and the block are told before the probes,
// the number of ports is never one at which a scorer has stopped, and a restart of the daemon loses nothing of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { source } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { waitForProof } from "./support/proofs.ts";
import { startNmap } from "./support/scan.ts";
import { shipped } from "./support/settings.ts";

const PORTS = 400;
const PROOF_MS = 40_000;

test("a scan is summed up, its findings and blocks are listed, and why tells the number of ports that is known", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, { ...shipped, PROOF: "on", ANSWER: "reset" });
  const told = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await daemon.cli(words);
    assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
    return stdout;
  };
  const scanner = source(1).ipv4;
  const options = ["-sS", "-T4", "-p", `2000-${2000 + PORTS - 1}`];
  const running = startNmap(lab, { family: "ipv4", source: source(1), options });
  const { block } = await waitForProof(daemon, scanner, PROOF_MS);
  await running.stop();
  const ports = Number(/^at least (\d+) different ports in \d+ probes /.exec(block.reason)?.[1]);
  assert.ok(ports > 20 && ports <= PORTS, block.reason);

  const why = await told("why", scanner);
  const known = Number(/^The source sent \d+ probes to (?:at least )?(\d+) different ports, /m.exec(why)?.[1]);
  assert.ok(known >= ports && known <= PORTS, why);
  assert.match(why, new RegExp(`^The source has asked (?:at least )?${known} different ports: `, "m"));
  assert.match(why, new RegExp(`^To let it in now: portreeve unblock ${scanner}; for good: portreeve allow`, "m"));
  const [, decided = "", probes = ""] = why.split(/^Findings, blocks .*:\n|^The last probes, .*:\n/m);
  assert.match(decided, /^TIME .*\n.* block +.* proven by the silence test \(silence\); full block\n/);
  assert.ok((probes.match(/ probe /g)?.length ?? 0) >= 5, why);

  await daemon.stop();
  await daemon.restart();
  const events = await told("events", "--since", "1h", "--type", "finding,block", "--source", "203.0.113.0/24");
  const [head = "", ...lines] = events.trimEnd().split("\n");
  assert.match(head, /^TIME +TYPE +SOURCE +PORT +WHAT$/);
  assert.ok(lines.length >= 3 && lines.every((line) => / (?:finding|block) +203\.0\.113\./.test(line)), events);
  const before = await told("events", "--since", "2h", "--until", "1h");
  assert.equal(before, "");

  const report = await told("report", "--since", "12h");
  assert.match(report, /^1 full block and \d+ soft blocks? began, and \d+ blocks? ended\.$/m);
  assert.match(report, new RegExp(`^${scanner.replaceAll(".", "\\.")} +\\d+ +\\d+ +\\d+ +nmap$`, "m"));
  assert.match(report, /^The ports with the most probes:\nPORT +PROBES\ntcp\/2\d\d\d +\d/m);
});

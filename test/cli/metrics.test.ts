// portreeve metrics against a fake daemon: Prometheus's text format, and the file for node_exporter, with and without a daemon.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { makeLab } from "./run-command.ts";

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-metrics-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("each line is a comment or a sample; labels are escaped; buckets are cumulative", async (t) => {
  const { ask } = await makeLab(t);
  const { code, out } = await ask("metrics");
  assert.equal(code, 0);
  for (const line of out.trimEnd().split("\n"))
    assert.match(
      line,
      /^(?:# (?:HELP|TYPE) portreeve_\w+ .+|portreeve_\w+(?:\{\w+="(?:[^"\\]|\\["\\n])*"(?:,\w+="[^"]*")*\})? -?[\d.e+-]+)$/,
    );
  const lines = new Set(out.split("\n"));
  for (const line of [
    "portreeve_up 1",
    'portreeve_info{version="0.1.0",capture="nflog",firewall="nftables"} 1',
    'portreeve_blocked{proven="yes"} 1',
    'portreeve_probes_total{kind="syn"} 12000',
    'portreeve_probes_total{kind="xmas"} 0',
    'portreeve_tool_findings_total{tool="odd \\"tool\\"\\n\\\\"} 1',
    'portreeve_actions_total{action="block silence"} 1',
    'portreeve_actions_total{action="finding block"} 0',
    'portreeve_stage{counter="undecodable"} 4',
    'portreeve_decision_seconds_bucket{le="0.01"} 3',
    'portreeve_decision_seconds_bucket{le="+Inf"} 4',
    "portreeve_decision_seconds_sum 0.5",
  ])
    assert.ok(lines.has(line), line);
  const families = [...out.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  assert.equal(new Set(families.map(([, name]) => name)).size, families.length);
  for (const [, name = "", type] of families) assert.equal(name.endsWith("_total"), type === "counter", name);
});

test("a text file is replaced whole, can be read by others, and says when the daemon is gone", async (t) => {
  const { ask, server } = await makeLab(t);
  const path = join(folderFor(t), "portreeve.prom");
  assert.equal((await ask("metrics", "--textfile", path)).code, 0);
  assert.match(readFileSync(path, "utf8"), /^portreeve_up 1$/m);
  assert.equal(statSync(path).mode & 0o777, 0o644);
  await server.close();
  const { code, err } = await ask("metrics", "--textfile", path);
  assert.equal(code, 69);
  assert.match(err, /not running|no daemon/);
  assert.match(readFileSync(path, "utf8"), /^portreeve_up 0$/m);
});

test("a link is not followed: the command refuses and says so", async (t) => {
  const { ask } = await makeLab(t);
  const folder = folderFor(t);
  symlinkSync(join(folder, "elsewhere"), join(folder, "portreeve.prom"));
  const { code, err } = await ask("metrics", "--textfile", join(folder, "portreeve.prom"));
  assert.equal(code, 73);
  assert.match(err, /cannot be written/);
});

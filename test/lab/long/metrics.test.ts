// portreeve metrics with Prometheus's real programs of Debian's packages: promtool accepts the text and the alert rules, and a
// Prometheus that scrapes a node_exporter with our text file answers what a scan has brought.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { repositoryFolder } from "../../support/repository.ts";
import { source, TARGET } from "../support/addresses.ts";
import { Daemon } from "../support/daemon.ts";
import { mustRun, run } from "../support/exec.ts";
import { fetchPackages } from "../support/fetch-packages.ts";
import { Lab } from "../support/lab.ts";
import { syn } from "../support/packets.ts";
import { sendPackets } from "../support/raw.ts";
import { harsh } from "../support/settings.ts";
import { waitFor } from "../support/wait.ts";

const PACKAGES = ["prometheus", "prometheus-node-exporter"];
const SCRAPED_MS = 60_000;
const answerSchema = z.object({
  data: z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }),
});

test("promtool accepts the figures and the alert rules; Prometheus answers what a scan has brought", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const root = join(lab.folder, "prometheus");
  mkdirSync(root);
  for (const file of await fetchPackages(PACKAGES)) await mustRun(["dpkg", "-x", file, root]);
  const program = (name: string) => join(root, "usr/bin", name);
  const daemon = await Daemon.start(lab, harsh);
  await sendPackets(lab, [syn({ from: source(1).ipv4, to: TARGET.ipv4, port: 2000 })]);
  await daemon.waitForBlock(source(1).ipv4);

  const text = (await daemon.cli(["metrics"])).stdout;
  const checked = await run([program("promtool"), "check", "metrics"], text);
  assert.equal(checked.code, 0, checked.stdout + checked.stderr);
  const rules = repositoryFolder("contrib/prometheus");
  await mustRun([program("promtool"), "test", "rules", join(rules, "portreeve-rules-test.yml")]);

  const collected = join(lab.folder, "textfiles");
  mkdirSync(collected);
  assert.equal((await daemon.cli(["metrics", "--textfile", join(collected, "portreeve.prom")])).code, 0);
  const only = ["--collector.disable-defaults", "--collector.textfile", `--collector.textfile.directory=${collected}`];
  lab.spawn(lab.target, [program("prometheus-node-exporter"), ...only, "--web.listen-address=127.0.0.1:9100"]);
  const jobs = [{ job_name: "node", scrape_interval: "1s", static_configs: [{ targets: ["127.0.0.1:9100"] }] }];
  const configuration = join(lab.folder, "prometheus.yml");
  // JSON is YAML.
  writeFileSync(
    configuration,
    JSON.stringify({ rule_files: [join(rules, "portreeve-rules.yml")], scrape_configs: jobs }),
  );
  const where = [`--storage.tsdb.path=${join(lab.folder, "tsdb")}`, "--web.listen-address=127.0.0.1:9090"];
  lab.spawn(lab.target, [program("prometheus"), `--config.file=${configuration}`, ...where]);

  const ask = async (query: string): Promise<string | undefined> => {
    const url = `http://127.0.0.1:9090/api/v1/query?query=${encodeURIComponent(query)}`;
    const script = "fetch(process.argv[1]).then((answer) => answer.text()).then(console.log, () => process.exit(1))";
    const { code, stdout } = await lab.target.run([process.execPath, "-e", script, url]);
    return code === 0 ? answerSchema.parse(JSON.parse(stdout)).data.result[0]?.value[1] : undefined;
  };
  assert.equal(await waitFor("a scrape", () => ask('portreeve_probes_total{kind="syn"}'), SCRAPED_MS), "1");
  assert.equal(await ask("sum(portreeve_blocked)"), "1");
  assert.equal(await ask('portreeve_actions_total{action="block direct"}'), "1");
  assert.equal(await ask("portreeve_decision_seconds_count"), "1");
});

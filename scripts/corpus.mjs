#!/usr/bin/env node
// Makes test/corpus/: captures of real scanners and of everyday traffic, taken in network namespaces on documentation
// addresses, and beside each what is true about it, written from what was done and not from what our detector says.
//   node scripts/corpus.mjs [name part ...]      all captures, or those whose group/name contains one of the parts
// Needs root and the build (npm run build); installs Debian's tools that are missing. Takes some five minutes.
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { answerCases } from "./corpus/answers.mjs";
import { benignCases } from "./corpus/benign.mjs";
import { builtCases } from "./corpus/built.mjs";
import { CorpusLab, HOME, HOMES } from "./corpus/lab.mjs";
import { nmapCases } from "./corpus/nmap.mjs";
import { readme } from "./corpus/readme.mjs";
import { toolCases } from "./corpus/tools.mjs";
import { requireMachine } from "./machine.mjs";
import { ensureDebianPackages, root, run } from "./setup.mjs";

const packages = ["nmap", "masscan", "zmap", "hping3", "tcpdump", "nftables", "iproute2", "procps", "iputils-ping"];
const output = join(root, "test/corpus");
const groups = {
  nmap: nmapCases,
  tools: [...toolCases, ...builtCases],
  innocent: [...benignCases, ...answerCases],
};

const wanted = process.argv.slice(2);
await requireMachine({ asRoot: true });
ensureDebianPackages([...packages, "dnsmasq-base", "curl", "openssh-client"]);
const lab = new CorpusLab();
try {
  lab.open();
  await startServices();
  for (const [group, cases] of Object.entries(groups)) await makeGroup(group, cases);
  writeFileSync(join(output, "README.md"), readme(groups));
  // As `npm test` wants JSON to look.
  run(join(root, "node_modules/.bin/biome"), ["format", "--write", output], { quiet: true });
} finally {
  lab.close();
}

async function startServices() {
  const services = join(import.meta.dirname, "corpus/services.mjs");
  await lab.start(lab.home, [process.execPath, services, HOME.ipv4, HOME.ipv6], /ready/);
  const own = [
    "-k",
    "--port=53",
    "--pid-file=",
    "--conf-file=/dev/null",
    "--log-facility=-",
    "--no-resolv",
    "--no-hosts",
  ];
  const zone = ["--address=/example/198.51.100.1", "--address=/example/2001:db8:a::1"];
  await lab.start(lab.home, ["dnsmasq", ...own, ...zone], /started/);
}

async function makeGroup(group, cases) {
  const folder = join(output, group);
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(folder)) {
    if (!cases.some(({ name }) => file === `${name}.pcap` || file === `${name}.expected.json`))
      rmSync(join(folder, file));
  }
  for (const one of cases) {
    if (wanted.length === 0 || wanted.some((text) => `${group}/${one.name}`.includes(text))) await make(group, one);
  }
}

async function make(group, one) {
  const path = join(output, group, one.name);
  const startedAt = Date.now();
  await one.around?.begin(lab);
  const begun = await one.before?.(lab);
  await lab.capture(`${path}.pcap`, () => one.run(lab, begun), one.capture);
  await one.around?.end(lab);
  writeFileSync(`${path}.expected.json`, `${JSON.stringify({ homes: HOMES, ...one.expected }, undefined, 2)}\n`);
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  process.stdout.write(`${group}/${one.name}: ${statSync(`${path}.pcap`).size} bytes, ${seconds} s\n`);
}

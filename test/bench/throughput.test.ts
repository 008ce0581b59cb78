// What a web server that nobody attacks pays for us: new connections, requests and bytes a second, in pairs of one measurement each,
// in turn, beside a server that differs in one thing: with nothing, with connection tracking alone, with us, and with one feature of
// ours off or on. All servers stand at once, each in a namespace of its own; one of them is asked at a time. Printed; asserted only
// that each is served.
//   npm run bench -- throughput [--pairs=10] [--seconds=1] [--only=REGEXP] [--kinds=public,kept,...]
import assert from "node:assert/strict";
import { test } from "node:test";
import { source, TARGET } from "../lab/support/addresses.ts";
import { Daemon } from "../lab/support/daemon.ts";
import { bridgeContainer, insidePort, publishByDocker } from "../lab/support/docker.ts";
import { Lab } from "../lab/support/lab.ts";
import { blocking } from "../lab/support/servers.ts";
import type { Settings } from "../lab/support/settings.ts";
import { readOptions } from "./options.ts";
import { WebTools } from "./web-server.ts";

const options = readOptions({ pairs: "10", seconds: "1", only: ".", kinds: "public,known,kept,bytes" });
const [PUBLIC_PORT, OTHER_PORT] = [80, 8000];
/** Comes again and again to the port that is not public. */
const REGULAR = source(200).ipv4;
const TRACKING = `table inet tracking {
  chain in { type filter hook input priority 0; policy accept; ct state established,related accept; }
}
`;

interface Variant {
  /** Our settings; undefined without us. */
  readonly ours?: Settings;
  readonly tracks?: true;
  /** The ports lead to a container, by Docker's rules. */
  readonly published?: true;
  /** What it is held against; connection tracking alone unless told. */
  readonly against?: string;
}

const TRACKED = "connection tracking alone";
const variants: Readonly<Record<string, Variant>> = {
  [TRACKED]: { tracks: true },
  "the same once more": { tracks: true },
  nothing: {},
  Portreeve: { ours: blocking },
  'GREYLIST="off"': { ours: { ...blocking, GREYLIST: "off" } },
  'PROOF="off"': { ours: { ...blocking, PROOF: "off" } },
  'ANSWER="silent"': { ours: { ...blocking, ANSWER: "silent" } },
  'ANSWER="open" (decoy)': { ours: { ...blocking, ANSWER: "open" } },
  'FIREWALL="none"': { ours: { ...blocking, FIREWALL: "none" } },
  'CAPTURE="ring" and FIREWALL="none"': { ours: { ...blocking, CAPTURE: "ring", FIREWALL: "none" } },
  "a KILL_ROUTE": { ours: { ...blocking, KILL_ROUTE: "/bin/true $TARGET$" } },
  "Docker's rules alone": { published: true },
  "Portreeve beside Docker's rules": { ours: blocking, published: true, against: "Docker's rules alone" },
};
const against = (name: string) => variants[name]?.against ?? TRACKED;
const wanted = Object.keys(variants).filter((name) => name !== against(name) && new RegExp(options.only).test(name));

type Measure = (tools: WebTools, lab: Lab, pair: number) => Promise<number>;
const url = (port: number, path = "/") => `http://${TARGET.ipv4}:${port}${path}`;
const seconds = Number(options.seconds);
const kinds: Readonly<Record<string, readonly [string, Measure]>> = {
  public: [
    "new connections a second, public port, new customers",
    (tools, { scanner }, pair) =>
      tools.requests(scanner, url(PUBLIC_PORT), source(1 + (pair % 190)).ipv4, seconds, false),
  ],
  known: [
    "new connections a second, another port, a known customer",
    (tools, { scanner }) => tools.requests(scanner, url(OTHER_PORT), REGULAR, seconds, false),
  ],
  kept: [
    "requests a second on standing connections",
    (tools, { scanner }) => tools.requests(scanner, url(OTHER_PORT), REGULAR, seconds, true),
  ],
  bytes: [
    "bytes a second on one connection",
    (tools, { scanner }) => tools.bytes(scanner, url(OTHER_PORT, "/big"), REGULAR, seconds),
  ],
};

async function open(tools: WebTools, variant: Variant): Promise<Lab> {
  const lab = await Lab.open({ inner: variant.published === true });
  try {
    await prepare(tools, lab, variant);
  } catch (error) {
    await lab.close();
    throw error;
  }
  return lab;
}

async function prepare(tools: WebTools, lab: Lab, { ours, tracks, published }: Variant): Promise<void> {
  const ports = [PUBLIC_PORT, OTHER_PORT];
  if (published === true) {
    await bridgeContainer(lab);
    await tools.serve(lab, lab.inner, ports.map(insidePort));
    await publishByDocker(lab, "nftables", { tcp: ports });
  } else await tools.serve(lab, lab.target, ports);
  if (tracks === true) await lab.target.mustRun(["nft", "-f", "-"], TRACKING);
  if (ours !== undefined) await Daemon.start(lab, ours);
  await lab.scanner.set("net.ipv4.ip_local_port_range", "1024 65535");
  // So that it is a known customer.
  for (let visit = 0; visit < 3; visit++)
    await lab.scanner.mustRun(["curl", "-s", "--interface", REGULAR, url(OTHER_PORT)]);
}

function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const [low = Number.NaN, high = low] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

const percent = (ratio: number) => `${ratio >= 1 ? "+" : ""}${(100 * (ratio - 1)).toFixed(1)} %`;
const big = (value: number) => (value >= 1e6 ? `${(value / 1e6).toFixed(0)} MB` : value.toFixed(0));

test("a web server without and with us, in pairs", async (t) => {
  const tools = await WebTools.fetch();
  const labs = new Map<string, Lab>();
  t.after(() => Promise.all([...labs.values()].map((lab) => lab.close())));
  for (const name of new Set(wanted.flatMap((each) => [against(each), each]))) {
    labs.set(name, await open(tools, variants[name] ?? {}));
  }
  for (const kind of options.kinds.split(",")) {
    const [what, measure] = kinds[kind] ?? assert.fail(`--kinds=${kind}: ${Object.keys(kinds)}`);
    t.diagnostic(
      `| ${what} | rate (median) | the other's | difference: median | half of the pairs within | all within |`,
    );
    for (const name of wanted) {
      const ask = async (which: string, pair: number) => {
        const lab = labs.get(which) ?? assert.fail(which);
        const rate = await measure(tools, lab, pair);
        assert.ok(rate > 0, which);
        return rate;
      };
      const pairs: { own: number; other: number }[] = [];
      for (let pair = 0; pair < Number(options.pairs); pair++) {
        // Each of them is the first in every other pair.
        const first = pair % 2 === 0 ? await ask(name, pair) : 0;
        const other = await ask(against(name), pair);
        pairs.push({ own: pair % 2 === 0 ? first : await ask(name, pair), other });
      }
      const sorted = (pick: (pair: { own: number; other: number }) => number) => pairs.map(pick).sort((a, b) => a - b);
      const [own, other] = [sorted((pair) => pair.own), sorted((pair) => pair.other)];
      const ratios = sorted((pair) => pair.own / pair.other);
      const range = (low: number, high: number) =>
        `${percent(quantile(ratios, low))} to ${percent(quantile(ratios, high))}`;
      const medians = `${big(quantile(own, 0.5))} | ${big(quantile(other, 0.5))} | ${percent(quantile(ratios, 0.5))}`;
      t.diagnostic(`| ${name} | ${medians} | ${range(0.25, 0.75)} | ${range(0, 1)} |`);
      process.stderr.write(`${kind}: ${name} done\n`);
    }
  }
});

// `portreeve why` tells how many ports a scan has asked, whether its source was held, softly or fully blocked meanwhile.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { source } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { nmap } from "./support/scan.ts";
import { harsh, type Settings, shipped } from "./support/settings.ts";
import { serve } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

/** nmap -F asks a hundred. */
const ASKED = 100;
const OPEN = [21, 3306];
const schema = z.looseObject({
  state: z.string(),
  contacts: z.number(),
  ports: z.looseObject({ tried: z.number(), all: z.boolean(), answered: z.number(), open: z.number() }).optional(),
});

async function explained(daemon: Daemon, address: string) {
  const { stdout } = await daemon.cli(["why", address, "--json"]);
  return schema.parse(JSON.parse(stdout));
}

const cases: readonly { readonly name: string; readonly state: RegExp; readonly settings: Settings }[] = [
  { name: "each probe is a full block", state: /^blocked$/, settings: harsh },
  { name: "scores, softly blocked", state: /softly blocked/, settings: { ...shipped, PROOF: "on", GREYLIST: "on" } },
];

for (const [index, { name, state, settings }] of cases.entries()) {
  test(`${name}: nmap -F has asked a hundred ports, two of them served`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    await serve(lab, lab.target, { tcp: OPEN });
    const daemon = await Daemon.start(lab, settings);
    const scanner = source(30 + index);
    await nmap(lab, { family: "ipv4", source: scanner, options: ["-sS", "-T4", "-F"], timeoutSeconds: 30 });
    let last: z.infer<typeof schema> | undefined;
    await waitUntil("every port is counted", async () => {
      last = await explained(daemon, scanner.ipv4);
      return (last.ports?.tried ?? 0) >= ASKED;
    });
    const { ports, contacts } = last ?? assert.fail();
    assert.match(last?.state ?? "", state);
    assert.deepEqual([ports?.tried, ports?.all, ports?.open, contacts], [ASKED, true, OPEN.length, ASKED]);
    const { stdout } = await daemon.cli(["why", scanner.ipv4]);
    assert.match(stdout.replace(/\s+/g, " "), /The source has asked 100 different ports: 2 of them are served here/);
    assert.match(stdout.replace(/\s+/g, " "), /The source sent \d+ probes? to 100 different ports/);
  });
}

// What is true of the ports that an engine publishes: scanners learn none of them, customers are served, what the guest opens itself
// passes, and nobody is a scanner for having asked a published port.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { CONTAINER, families, SCANNER, source, TARGET } from "./addresses.ts";
import { Daemon } from "./daemon.ts";
import { bridgeContainer, insidePort } from "./docker.ts";
import { type Engine, publishBy } from "./engines.ts";
import { assertInnocent } from "./innocent.ts";
import { Lab } from "./lab.ts";
import { describe as describeLeaks, measureLeaks } from "./leak.ts";
import { nmap, portsReportedOpen } from "./scan.ts";
import { shipped } from "./settings.ts";
import { serve, visit } from "./traffic.ts";

const PUBLISHED = [21, 23, 110, 3306, 5432, 8080];
/** Asked by each scan; the last four are closed. */
const ASKED = [...PUBLISHED, 79, 106, 2049, 9999].join(",");
const OUTSIDE = 7000;
const served = { opened: 1, failed: 0, errors: {} };

export async function assertPortsAreKept(t: TestContext, engine: Engine): Promise<void> {
  const lab = await Lab.open({ inner: true });
  t.after(() => lab.close());
  await bridgeContainer(lab, engine.bridge);
  await serve(lab, lab.inner, { tcp: PUBLISHED.map(insidePort) });
  await serve(lab, lab.scanner, { tcp: [OUTSIDE] });
  await publishBy(lab, engine, PUBLISHED);
  const undefended = await nmap(lab, { family: "ipv4", source: source(1), options: ["-sS", "-T4", "-p", ASKED] });
  assert.deepEqual(portsReportedOpen(undefended.stdout), PUBLISHED, "without us");

  const daemon = await Daemon.start(lab, { ...shipped, PROOF: "on", GREYLIST: "on" });
  const asGuest = await Promise.all(
    families.map((family) => visit(lab.inner, { to: SCANNER[family], port: OUTSIDE, from: CONTAINER[family] })),
  );
  assert.deepEqual(asGuest, [served, served], "the guest asks the world");
  // A customer of each port, of whom nothing is known; the host's own closed ports have not been asked.
  const customers = PUBLISHED.flatMap((port, index) =>
    families.map((family) => visit(lab.scanner, { to: TARGET[family], port, from: source(2 + index)[family] })),
  );
  for (const visits of await Promise.all(customers)) assert.deepEqual(visits, served);
  await assertInnocent(lab, daemon, [...PUBLISHED.map((_, index) => source(2 + index)), CONTAINER]);
  const probed = (await daemon.events()).filter(
    ({ disposition, port = 0 }) => disposition === "probe" && PUBLISHED.includes(port),
  );
  assert.deepEqual(probed, [], "a published port counts as closed");

  const scans = [{ name: "-sS -T4", options: ["-sS", "-T4", "-p", ASKED], timeoutSeconds: 10 }];
  const leaks = await Promise.all(families.map((family, index) => measureLeaks(lab, family, scans, 20 + 10 * index)));
  for (const { ports, asked } of leaks.flat())
    assert.deepEqual([ports, asked], [[], ASKED.split(",").length], describeLeaks(leaks.flat()));
  const known = families.map((family) => visit(lab.scanner, { to: TARGET[family], port: 21, from: source(2)[family] }));
  assert.deepEqual(await Promise.all(known), [served, served], "a known customer beside the scanners");
}

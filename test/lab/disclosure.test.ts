// The short form of `npm run bench -- disclosure`: a web server and a database that was left open, real scanners as their users run
// them, each of a server of its own or of one that knows nothing of it. They learn no port that is not public.
import assert from "node:assert/strict";
import { test } from "node:test";
import { source } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { disclosed } from "./support/disclosed.ts";
import { masscanPopular, nmapScanner, zmap } from "./support/scanners.ts";
import { blocking, openServer, type ServerName } from "./support/servers.ts";

/** nmap repeats itself after one second and after three, and the kernel as well. */
const SECONDS = 8;
const all = [nmapScanner("-sS -T4 --top-ports 20"), nmapScanner("-sT -T4 -F"), masscanPopular, zmap];
/** IPv4 sources of the lab are one /24, of which a few may scan before all of it is held: two of them, and the others over IPv6. */
const askers = all.map((scanner, index) => ({
  scanner,
  family: scanner.families.includes("ipv6") && index > 0 ? ("ipv6" as const) : ("ipv4" as const),
  source: source(1 + index),
}));

for (const server of ["web", "database"] as const satisfies readonly ServerName[]) {
  test(`${server}: nmap, masscan and ZMap learn nothing`, async (t) => {
    const lab = await openServer(server);
    t.after(() => lab.close());
    await Daemon.start(lab, blocking);
    const learned = await disclosed(lab, server, askers, SECONDS);
    for (const [index, { secrets, others }] of learned.entries()) {
      const { name } = all[index] ?? assert.fail();
      assert.deepEqual(secrets, [], name);
      // ZMap asks port 22 alone.
      if (server === "web") assert.equal(others, name.startsWith("zmap") ? 0 : 2, `${name}: ports 80 and 443 answer`);
    }
  });
}

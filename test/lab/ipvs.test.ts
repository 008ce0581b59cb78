// IPVS serves without a socket. The project's machine has a kernel without it, so its file is put over the daemon's
// /proc/net, in the kernel's own form (net/netfilter/ipvs/ip_vs_ctl.c): how a real load balancer's packets come by the
// sensor is not shown here.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { families, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { mustRun } from "./support/exec.ts";
import { assertInnocent } from "./support/innocent.ts";
import { Lab } from "./support/lab.ts";
import { syn, udp } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";

const TCP_SERVICE = 0x1f9a;
const UDP_SERVICE = 0x0035;
const SERVICES = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C6336401:1F9A rr
  -> C0000202:0050      Masq    1      0          0
UDP  [2001:0db8:000a:0000:0000:0000:0000:0001]:0035 wlc persistent 300
  -> [2001:0db8:000c:0002:0000:0000:0000:0002]:0035      Route   1      0          0
FWM  00000001 rr
`;

test("ports of IPVS services are no traps, and what cannot be known of them is said", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab);
  const visits = (number: number) =>
    sendPackets(
      lab,
      families.flatMap((family) => {
        const ends = { from: source(number)[family], to: TARGET[family] };
        return [syn({ ...ends, port: TCP_SERVICE }), udp({ ...ends, port: UDP_SERVICE })];
      }),
    );
  await visits(1);
  for (const family of families) await daemon.waitForBlock(source(1).key[family]);

  const folder = join(lab.folder, "proc-net");
  mkdirSync(folder);
  writeFileSync(join(folder, "ip_vs"), SERVICES);
  await mustRun(["nsenter", "-t", `${daemon.pid}`, "-m", "mount", "--bind", folder, `/proc/${daemon.pid}/net`]);
  await daemon.waitForLine(/WARNING: IPVS: 1 virtual service\(s\) by packet mark .* ADVANCED_EXCLUDE_TCP/);
  await visits(2);
  await assertInnocent(lab, daemon, [source(2)]);
  assert.equal(daemon.lines.filter((line) => line.includes("IPVS:")).length, 1, "said once");
});

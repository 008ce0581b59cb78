// UDP_PORTS in the range from which this host's own clients ask: no traps, which is told; reserved ones are traps.
import assert from "node:assert/strict";
import { test } from "node:test";
import { families, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { udp } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";

const told = /2 UDP ports that are watched are no trap: 2000, 54321; this host itself asks other hosts from 1024-65535/;

for (const capture of ["nflog", "ring"] as const) {
  test(`watched UDP ports that are clients' are told in log, status and check (${capture}); a reserved one is a trap`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    await lab.target.set("net.ipv4.ip_local_port_range", "1024 65535");
    await lab.target.set("net.ipv4.ip_local_reserved_ports", "8080,31337");
    const settings = { ...harsh, TCP_MODE: "stcp", UDP_MODE: "sudp", TCP_PORTS: "1", UDP_PORTS: "2000,31337,54321" };
    const more = capture === "ring" ? { CAPTURE: "ring", FIREWALL: "none" } : {};
    const daemon = await Daemon.start(lab, { ...settings, ...more });
    assert.ok(
      daemon.lines.some((line) => told.test(line)),
      "not in the log",
    );
    assert.ok(
      (await daemon.status()).warnings.some((line) => told.test(line)),
      "not in status",
    );
    assert.match((await lab.target.run(daemon.argvOf(["check"]))).stdout, told);
    for (const family of families) {
      const [clients, reserved] = [source(7), source(8)];
      const to = TARGET[family];
      await sendPackets(lab, [
        ...[2000, 54_321].map((port) => udp({ from: clients[family], to, port })),
        udp({ from: reserved[family], to, port: 31_337 }),
      ]);
      await daemon.waitForLine(new RegExp(`attackalert.*${reserved.key[family]}`));
      assert.deepEqual(await daemon.eventsOf(clients.key[family]), []);
    }
  });
}

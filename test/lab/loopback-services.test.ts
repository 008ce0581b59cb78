// What is served on a loopback address alone can be reached by nobody outside: its port is a trap at every other address, also for
// services that were there before the daemon and for those that start later.
import assert from "node:assert/strict";
import { test } from "node:test";
import { families, LINK, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { setElements } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { syn, udp } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";
import { serve } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const [BEFORE, LATER, OUTSIDE] = [3306, 5432, 8000];

for (const capture of ["nflog", "ring"] as const) {
  test(`ports that are served on 127.0.0.1 and ::1 alone are traps (${capture})`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    for (const address of ["127.0.0.1", "::1"]) await serve(lab, lab.target, { tcp: [BEFORE], udp: [BEFORE], address });
    await serve(lab, lab.target, { tcp: [OUTSIDE] });
    const more = capture === "ring" ? { CAPTURE: "ring", FIREWALL: "none" } : {};
    const daemon = await Daemon.start(lab, { ...harsh, ...more });
    for (const address of ["127.0.0.1", "::1"]) await serve(lab, lab.target, { tcp: [LATER], udp: [LATER], address });
    if (capture === "nflog") {
      // A change of the host has the listeners looked at again: the own address stands in the guard when that is done.
      await lab.target.mustRun(["ip", "addr", "add", "192.0.2.77/32", "dev", LINK]);
      const guard = () => lab.target.mustRun(["nft", "list", "set", "inet", "portreeve", "guard4"]);
      await waitUntil("the host has been looked at", async () => (await guard()).includes("192.0.2.77"));
      const lately = (await setElements(lab, "lately")) ?? [];
      assert.ok(
        lately.some((element) => element.includes(`${OUTSIDE}`)),
        "what is served outside is remembered",
      );
      assert.ok(!lately.some((element) => element.includes(`${BEFORE}`) || element.includes(`${LATER}`)), `${lately}`);
    }
    let number = 0;
    for (const family of families) {
      for (const port of [BEFORE, LATER]) {
        for (const build of [syn, udp]) {
          const from = source(++number);
          await sendPackets(lab, [build({ from: from[family], to: TARGET[family], port })]);
          const found = async () => (await daemon.eventsOf(from.key[family])).some(({ type }) => type === "finding");
          await waitUntil(`a finding about ${build.name} to ${port} over ${family}`, found);
        }
      }
    }
  });
}

// A hold makes no evidence of its own: the SYN that a client's kernel sends again, because its source is held, is the same probe. Real
// kernels, which send again by their own clocks.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { families, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { syn, udp } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh, type Settings, shipped } from "./support/settings.ts";
import { program } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const CLOSED = 1080;
const repeats = async (daemon: Daemon) =>
  z.looseObject({ probesRepeated: z.number() }).parse((await daemon.status()).counters).probesRepeated;

const cases: readonly { readonly name: string; readonly settings: Settings }[] = [
  ...["2", "3", "5"].map((trigger) => ({
    name: `SCAN_TRIGGER ${trigger}`,
    settings: { ...harsh, SCAN_TRIGGER: trigger },
  })),
  {
    name: "SCAN_TRIGGER 2 and the packet ring",
    settings: { ...harsh, SCAN_TRIGGER: "2", CAPTURE: "ring", FIREWALL: "none" },
  },
  { name: "scores", settings: { ...shipped, SCORE_PORTS: "2" } },
];

for (const { name, settings } of cases) {
  for (const family of families) {
    test(`${name}, ${family}: one try of one closed port is one probe, however often the client's kernel sends it`, async (t) => {
      const lab = await Lab.open();
      t.after(() => lab.close());
      // In place of the hold where there is none: another firewall drops in silence.
      if (settings.FIREWALL === "none") {
        const rules = `table inet silent { chain input { type filter hook input priority 0; tcp dport ${CLOSED} drop; }; }`;
        await lab.target.mustRun(["nft", "-f", "-"], rules);
      }
      const daemon = await Daemon.start(lab, settings);
      const client = source(20);
      const once = { to: TARGET[family], from: client[family], port: CLOSED, timeout: 60_000 };
      lab.spawn(lab.scanner, program("connect", once));
      const wanted = Math.max(2, Number(settings.SCAN_TRIGGER) - 1);
      await waitUntil("its kernel has sent it often enough", async () => (await repeats(daemon)) >= wanted, 20_000);
      const events = await daemon.eventsOf(client.key[family]);
      assert.deepEqual(
        events.map(({ type, port }) => [type, port]),
        [["probe", CLOSED]],
      );
      assert.deepEqual(await daemon.blocked(), []);
    });
  }
}

for (const family of families) {
  test(`SCAN_TRIGGER 2, ${family}: the same datagram again is one probe, and another port is the second`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const daemon = await Daemon.start(lab, { ...harsh, SCAN_TRIGGER: "2" });
    const client = source(20);
    const [from, to] = [client[family], TARGET[family]];
    const question = udp({ from, to, port: CLOSED, fromPort: 5000 });
    await sendPackets(lab, [question, question, question, syn({ from: source(21)[family], to, port: CLOSED })]);
    await waitUntil("all has been judged", async () => (await daemon.eventsOf(source(21).key[family])).length > 0);
    assert.equal((await daemon.eventsOf(client.key[family])).length, 1);
    assert.deepEqual(await daemon.blocked(), []);
    await sendPackets(lab, [udp({ from, to, port: CLOSED + 1, fromPort: 5000 })]);
    await daemon.waitForBlock(client.key[family]);
  });
}

// KILL_ROUTE beside the built-in table (FIREWALL="nftables"): the table's block stands whatever the command comes to, so a
// command that failed, or has no form for IPv6, is a line of its own, and no host that is shut out is called anything else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { families, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { blockedInKernel } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";
import { waitUntil } from "./support/wait.ts";

const [first, second] = [source(1), source(2)];

for (const format of ["portsentry1", "portsentry2"] as const) {
  test(`the log is true when a command fails beside the table (LOG_FORMAT="${format}")`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const daemon = await Daemon.start(lab, { ...harsh, LOG_FORMAT: format, KILL_ROUTE: "/bin/false $TARGET$" });
    for (const family of families) {
      const { [family]: from, key } = first;
      await sendPackets(lab, [syn({ from, to: TARGET[family], port: 2000 })]);
      const { backend, enforced } = await daemon.waitForBlock(key[family]);
      assert.deepEqual([backend, enforced], ["nftables", true]);
      const said = (pattern: RegExp) => daemon.lines.some((line) => line.includes(key[family]) && pattern.test(line));
      await waitUntil("the command's failure is said", () =>
        said(/error trying to block host \((exit code 1|not run: )/),
      );
      await waitUntil("the block is said", () =>
        said(/has been blocked via dropped route using command: "nft add element/),
      );
      const actions = (await daemon.eventsOf(key[family])).map(({ type, action }) => `${type} ${action}`);
      assert.ok(actions.includes("warning command-failed") && actions.includes("block block"), actions.join());
    }
    assert.match(daemon.lines.join("\n"), /not run: the command is for IPv4, and no IPv6 form of it is known/);
    assert.ok(!daemon.lines.some((line) => /Could not block|during target dispose|blocked: \[false\]/.test(line)));
    assert.deepEqual([...(await blockedInKernel(lab))].sort(), families.map((family) => first.key[family]).sort());
  });
}

test("control: where the command is the block, its failure is one to block", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, { ...harsh, FIREWALL: "auto", KILL_ROUTE: "/bin/false $TARGET$" });
  await sendPackets(lab, [syn({ from: second.ipv4, to: TARGET.ipv4, port: 2000 })]);
  await daemon.waitForLine(/Could not block host 203\.0\.113\.2\//);
  assert.deepEqual(await daemon.blocked(), []);
});

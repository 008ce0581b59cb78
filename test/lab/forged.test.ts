// One packet, and a few dozen, forged in the name of the gateway, the resolver, a known customer with an open connection, a
// live stranger and a dead address: nobody is fully blocked, no outside command runs, all but the stranger go on at once,
// and the stranger after SOFT_BLOCK_TIME. 10,000 packets: long/forged.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { families, TARGET } from "./support/addresses.ts";
import { forgeInAllNames } from "./support/forged.ts";
import { forge, forgeryKinds } from "./support/forgeries.ts";
import { sendPackets } from "./support/raw.ts";
import { gateway, resolver, SERVED, STRANGERS_PORTS, stranger, Town } from "./support/town.ts";
import { waitUntil } from "./support/wait.ts";

const COUNT = 48;

test("forged packets shut out no innocent", async (t) => {
  const town = await Town.build();
  t.after(() => town.close());
  const [mixed = 0, ...ports] = STRANGERS_PORTS;
  await t.test("one packet of each kind in each name", (sub) =>
    forgeInAllNames(sub, town, { kinds: forgeryKinds, count: 1, perSecond: 100, strangersPort: mixed }),
  );
  for (const [index, kind] of forgeryKinds.entries()) {
    await t.test(`${COUNT} ${kind} in each name`, (sub) =>
      forgeInAllNames(sub, town, { kinds: [kind], count: COUNT, perSecond: 500, strangersPort: ports[index] ?? 0 }),
    );
  }
});

test("control: with PROOF=off one forged packet shuts a stranger out, but neither gateway nor resolver", async (t) => {
  const town = await Town.build({ PROOF: "off" });
  t.after(() => town.close());
  for (const family of families) {
    const to = TARGET[family];
    const names = [gateway[family], resolver[family], stranger[family]];
    await sendPackets(
      town.lab,
      names.map((from) => forge("SYN", { from, to, served: SERVED }, 0)),
    );
    await town.daemon.waitForBlock(stranger.key[family]);
  }
  await waitUntil("outside commands were run", () => town.killed().length >= 3);
  const { ipv4, ipv6 } = stranger.key;
  assert.deepEqual([...town.killed()].sort(), [`route ${ipv4}`, `run ${ipv4}`, `run ${ipv6}`]);
  assert.deepEqual(
    (await town.daemon.blocked()).map(({ source }) => source).sort(),
    families.map((family) => stranger.key[family]).sort(),
  );
  await waitUntil("both history lines are written", () => town.daemon.history().length >= 2);
  assert.equal(town.daemon.history().length, 2);
});

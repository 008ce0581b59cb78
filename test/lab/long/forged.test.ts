// 10,000 packets of each kind, over each family, in the name of each of five innocents: as ../forged.test.ts. About three and a
// half minutes.
import { test } from "node:test";
import { forgeInAllNames } from "../support/forged.ts";
import { forgeryKinds } from "../support/forgeries.ts";
import { STRANGERS_PORTS, Town } from "../support/town.ts";

const COUNT = 10_000;
/** Below what the link's queue of this machine holds: a packet that no host could have received shows nothing. */
const PER_SECOND = 4_000;

test("10,000 forged packets shut out no innocent", async (t) => {
  const town = await Town.build();
  t.after(() => town.close());
  for (const [index, kind] of forgeryKinds.entries()) {
    await t.test(`${COUNT} ${kind} in each name`, (sub) =>
      forgeInAllNames(sub, town, {
        kinds: [kind],
        count: COUNT,
        perSecond: PER_SECOND,
        strangersPort: STRANGERS_PORTS[index] ?? 0,
      }),
    );
  }
});

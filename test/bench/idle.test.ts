// What a daemon costs to which nobody speaks: the design promises under 0.1 % of a core. The figure is printed; asserted
// is only what no noise of the machine can exceed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Daemon } from "../lab/support/daemon.ts";
import { Lab } from "../lab/support/lab.ts";
import { shipped } from "../lab/support/settings.ts";
import { onlyPid, readCpuSeconds, readMemory, tellMemory } from "./support.ts";

/** After start: compiling, first looks at the host, and V8's memory reducer, which collects garbage for some 20 s. */
const SETTLE_SECONDS = 25;
const MEASURED_SECONDS = 20;

test("an idle daemon costs next to nothing", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await Daemon.start(lab, shipped);
  const pid = await onlyPid(lab.target);
  await delay(SETTLE_SECONDS * 1000);
  const before = readCpuSeconds(pid);
  await delay(MEASURED_SECONDS * 1000);
  const share = (readCpuSeconds(pid) - before) / MEASURED_SECONDS;
  t.diagnostic(`CPU: ${(100 * share).toFixed(3)} % of a core over ${MEASURED_SECONDS} s`);
  t.diagnostic(tellMemory("resident", readMemory(pid)));
  assert.ok(share < 0.01, `${100 * share} % of a core`);
});

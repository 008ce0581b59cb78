// The long form of the busiest client: 30,000 connections over each family.
import { test } from "node:test";
import { source } from "../support/addresses.ts";
import { Daemon } from "../support/daemon.ts";
import { assertInnocent } from "../support/innocent.ts";
import { Lab } from "../support/lab.ts";
import { manyConnections } from "../support/time-wait.ts";

test("30,000 connections of one client to one open port", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab);
  await manyConnections(lab, source(1), { count: 15_000, clientPorts: 2_000 });
  await assertInnocent(lab, daemon, [source(1)]);
});

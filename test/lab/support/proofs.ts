// Who is proven, and what it took: the daemon's own record of a scan that runs beside the test.
import assert from "node:assert/strict";
import type { Family, Source } from "./addresses.ts";
import type { BlockedSource } from "./contract.ts";
import type { Daemon } from "./daemon.ts";
import { waitFor } from "./wait.ts";

export interface Proof {
  readonly block: BlockedSource;
  /** Probes of the source until its block, and from the first of them until then. */
  readonly probes: number;
  readonly seconds: number;
}

/** Waits until a source is fully blocked; fails with what the daemon knows of it. */
export async function waitForProof(daemon: Daemon, key: string, deadlineMs: number): Promise<Proof> {
  const block = await waitFor(
    `proof of ${key}`,
    async () => (await daemon.blocked()).find(({ source, soft }) => source === key && !soft),
    deadlineMs,
  ).catch(async ({ message }: Error) => assert.fail(`${message}\n${(await daemon.cli(["why", key])).stdout}`));
  const events = (await daemon.eventsOf(key)).map(({ type, time }) => ({ type, ms: Date.parse(time) }));
  const endMs = Date.parse(block.since);
  const probes = events.filter(({ type, ms }) => type === "probe" && ms <= endMs);
  const firstMs = Math.min(...probes.map(({ ms }) => ms));
  return { block, probes: probes.length, seconds: (endMs - firstMs) / 1000 };
}

export function tellProof({ block, probes, seconds }: Proof): string {
  return `${probes} probes, ${seconds.toFixed(1)} s: ${block.reason}`;
}

/** They were accused, so that the test tests something, and none of them is fully blocked. */
export async function assertNotProven(daemon: Daemon, hosts: readonly Source[], family: Family): Promise<void> {
  const events = await daemon.events();
  for (const host of hosts) {
    const own = events.filter((event) => event.source === host.key[family]);
    assert.ok(
      own.some(({ type }) => type === "finding"),
      `${host[family]} was not found scanning`,
    );
    assert.deepEqual(
      own.filter(({ type, grade }) => type === "block" && grade !== "direct"),
      [],
    );
  }
  const full = (await daemon.blocked()).filter(({ soft }) => !soft).map((entry) => entry.source);
  assert.deepEqual(
    full.filter((key) => hosts.some((host) => host.key[family] === key)),
    [],
  );
}

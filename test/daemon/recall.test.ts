// What the sensor is told that it cannot see by itself: what was saved, and the sources of SSH sessions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { InForce } from "../../src/daemon/in-force.ts";
import { Recall } from "../../src/daemon/recall.ts";
import type { HostFacts } from "../../src/host/host.ts";
import { LearnedSets } from "../../src/table/learned-sets.ts";
import { formatPrefix, prefixOfWords } from "../../src/wire/address.ts";
import { load, settingsOf } from "../config/support.ts";
import { prefix } from "../detect/probes.ts";

const host: HostFacts = {
  ...{ own: [], broadcast: [], near: [], gateways: [], resolvers: [], ephemeral: { first: 32_768, last: 60_999 } },
  guarded: [
    { source: prefix("2001:db8::5"), because: "ssh", ports: [22] },
    { source: prefix("192.0.2.9"), because: "time server" },
  ],
};

function setUp(isMirrorPort = false) {
  const said: string[] = [];
  const sensor = { refusal: "" };
  const tables = { insert: () => "", lookup: () => ({ present: false }) as const, visitElements: () => undefined };
  const learned = new LearnedSets(tables, () => 0);
  const inForce = new InForce({
    ...{ settings: settingsOf(load("")), host, sensor: { load: () => false }, uptimeMs: () => 1e9 },
  });
  Object.defineProperty(learned, "clients", {
    value: {
      add: (pairs: readonly { source: Parameters<typeof formatPrefix>[0]; ports: readonly number[] }[]) => {
        if (sensor.refusal !== "") throw new Error(sensor.refusal);
        said.push(...pairs.map(({ source, ports }) => `knows ${formatPrefix(source)} ${ports.join()}`));
      },
    },
  });
  const recall = new Recall({
    ...{ inForce, learned: isMirrorPort ? undefined : learned, relearn: () => void said.push("saved") },
    sources: { keyOf: ({ w0, w1, w2, w3 }) => prefixOfWords(w0, w1, w2, w3, 64) },
    warn: (message) => said.push(message),
  });
  inForce.tell(recall);
  return { recall, inForce, sensor, take: () => said.splice(0) };
}

test("at start: what was saved, then the sessions by the keys of their sources; after that whenever the host has changed", () => {
  const { recall, inForce, take } = setUp();
  recall.everything();
  assert.deepEqual(take(), ["saved", "knows 2001:db8::/64 22"]);
  inForce.apply({ ignored: [] });
  assert.deepEqual(take(), []);
  inForce.apply({ host });
  assert.deepEqual(take(), ["knows 2001:db8::/64 22"]);
});

test("what the kernel refuses is said, and ends nothing; a mirror port knows nobody", () => {
  const { recall, sensor, take } = setUp();
  sensor.refusal = "ENOENT";
  recall.everything();
  assert.deepEqual(take(), ["saved", "known pairs of SSH sessions: Error: ENOENT"]);
  const mirror = setUp(true);
  mirror.recall.everything();
  assert.deepEqual(mirror.take(), ["saved"]);
});

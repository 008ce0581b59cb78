// What the sets hold that are filled from the plan: each list in the sets of both families, and nothing of one in the other's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { configuredElements, configuredSets } from "../../src/table/configured-sets.ts";
import { prefix } from "../support/prefix.ts";
import { ordinaryPlan } from "./plan.ts";

test("each list of addresses is divided by family, and goes into its own sets", () => {
  const lists = { ignored: 1, guarded: 2, sessions: 3, near: 4, nearIpv4: 5, own: 6, inside: 7 };
  const both = (number: number) => [`192.0.2.${number}`, `2001:db8::${number}`].map(prefix);
  const plan = {
    ...ordinaryPlan,
    ...Object.fromEntries(Object.entries(lists).map(([list, number]) => [list, both(number)])),
  };
  const elements = configuredElements(plan);
  for (const [list, number] of [
    ["ignored", 1],
    ["guard", 2],
    ["own", 6],
    ["inside", 7],
  ] as const) {
    assert.deepEqual(elements[`${list}4`], [`192.0.2.${number}`], list);
    assert.deepEqual(elements[`${list}6`], [`2001:db8::${number}`], list);
  }
  assert.deepEqual(elements.session6, ["2001:db8::3"]);
  assert.deepEqual(elements.near6, ["fe80::/10", "2001:db8::4"], "links without an address of ours are near as well");
  assert.deepEqual(elements.near4, ["192.0.2.5"]);
});

test("ports are written one by one or as ranges; what a plan does not have leaves its sets empty", () => {
  const elements = configuredElements(ordinaryPlan);
  assert.deepEqual(elements.watched_tcp, ["1-65535"]);
  assert.deepEqual(elements.watched_udp, ["1-32767", "61000"]);
  assert.deepEqual(elements.public_tcp, ["25", "80", "443"]);
  for (const set of ["own4", "own6", "inside4", "inside6", "session6", "listened_tcp", "listened_udp"])
    assert.deepEqual(elements[set], [], set);
  assert.deepEqual(configuredSets(ordinaryPlan), Object.keys(elements));
});

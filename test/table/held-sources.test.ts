import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldSources } from "../../src/table/held-sources.ts";
import { nthIpv4, prefix } from "../support/prefix.ts";

test("what is taken is gone, and the rest comes full blocks first", () => {
  const held = new HeldSources({ k0: 1, k1: 2 });
  const [one, other] = [prefix("192.0.2.1"), prefix("2001:db8:1::/64")];
  held.add({ source: one, soft: true, expiresInMs: 1_000 });
  held.add({ source: one, soft: false, expiresInMs: undefined });
  held.add({ source: other, soft: true, expiresInMs: 5 });
  held.add({ source: undefined, soft: true, expiresInMs: 5 });
  assert.equal(held.take(other, false), undefined);
  assert.equal(held.take(other, true), 5);
  assert.equal(held.take(other, true), undefined);
  assert.deepEqual(
    [...held.rest()].map(({ source, soft, expiresInMs }) => ({ source, soft, expiresInMs })),
    [
      { source: one, soft: false, expiresInMs: undefined },
      { source: one, soft: true, expiresInMs: 1_000 },
    ],
  );
});

test("many are found again", () => {
  const held = new HeldSources({ k0: 1, k1: 2 });
  for (let index = 0; index < 20_000; index++) held.add({ source: nthIpv4(index), soft: false, expiresInMs: index });
  for (let index = 0; index < 20_000; index++) assert.equal(held.take(nthIpv4(index), false), index);
  assert.deepEqual([...held.rest()], []);
});

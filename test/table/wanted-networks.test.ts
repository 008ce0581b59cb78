// The networks that are to be blocked: in the order of their addresses whatever order they came in, and sorted once for all who ask.
import assert from "node:assert/strict";
import { test } from "node:test";
import { WantedNetworks } from "../../src/table/wanted-networks.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

const names = (networks: WantedNetworks, family: "ipv4" | "ipv6") =>
  networks.of(family).map(({ source }) => formatPrefix(source));

test("they come out by address, each family by itself, with what was put last", () => {
  const networks = new WantedNetworks();
  for (const text of ["198.51.100.0/24", "192.0.2.0/25", "2001:db8:2::/48", "192.0.2.128/25", "2001:db8:1::/48"])
    networks.put({ source: prefix(text), untilMs: undefined });
  assert.deepEqual(names(networks, "ipv4"), ["192.0.2.0/25", "192.0.2.128/25", "198.51.100.0/24"]);
  assert.deepEqual(names(networks, "ipv6"), ["2001:db8:1::/48", "2001:db8:2::/48"]);
  networks.delete(prefix("192.0.2.128/25"));
  networks.put({ source: prefix("192.0.2.0/25"), untilMs: 5_000 });
  networks.put({ source: prefix("203.0.113.0/24"), untilMs: undefined });
  assert.deepEqual(names(networks, "ipv4"), ["192.0.2.0/25", "198.51.100.0/24", "203.0.113.0/24"]);
  assert.deepEqual([networks.size, networks.has(prefix("192.0.2.128/25"))], [5, false]);
  networks.forgetEnded(4_999);
  assert.equal(networks.size, 5);
  networks.forgetEnded(5_000);
  assert.deepEqual(names(networks, "ipv4"), ["198.51.100.0/24", "203.0.113.0/24"]);
  const copy = new WantedNetworks(networks);
  networks.delete(prefix("203.0.113.0/24"));
  assert.deepEqual(names(copy, "ipv4"), ["198.51.100.0/24", "203.0.113.0/24"], "a copy is its own");
});

test("who asks again without a change gets the list that was sorted before, of the other family too after a change of one", () => {
  const networks = new WantedNetworks();
  for (const text of ["198.51.100.0/24", "2001:db8:1::/48"]) networks.put({ source: prefix(text), untilMs: undefined });
  const [four, six] = [networks.of("ipv4"), networks.of("ipv6")];
  assert.equal(networks.of("ipv4"), four);
  networks.put({ source: prefix("192.0.2.0/24"), untilMs: undefined });
  assert.notEqual(networks.of("ipv4"), four);
  assert.equal(networks.of("ipv6"), six);
});

test("their union is worked out again when one of them ends, and not before", () => {
  const networks = new WantedNetworks();
  networks.put({ source: prefix("192.0.2.0/25"), untilMs: 5_000 });
  networks.put({ source: prefix("192.0.2.0/24"), untilMs: 9_000 });
  const at = (nowMs: number) => networks.union("ipv4", nowMs);
  const first = at(1_000);
  assert.equal(at(4_999), first);
  assert.notEqual(at(5_000), first);
  assert.equal(at(5_000).length, 1);
  assert.deepEqual(at(9_000), []);
});

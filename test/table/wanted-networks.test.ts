// The networks that are to be blocked: in the order of their addresses whatever order they came in, each with its own end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { WantedNetworks } from "../../src/table/wanted-networks.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

const names = (networks: WantedNetworks, family: "ipv4" | "ipv6") =>
  [...networks.of(family)].map(({ source }) => formatPrefix(source));

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
  assert.deepEqual([networks.size, networks.get(prefix("192.0.2.128/25"))], [5, undefined]);
  assert.deepEqual(networks.get(prefix("192.0.2.0/25")), { source: prefix("192.0.2.0/25"), untilMs: 5_000 });
  networks.delete(prefix("192.0.2.128/25"));
  assert.equal(networks.size, 5);
});

test("what has ended is forgotten when its end has come, and not before", () => {
  const networks = new WantedNetworks();
  networks.put({ source: prefix("192.0.2.0/25"), untilMs: 5_000 });
  networks.put({ source: prefix("198.51.100.0/24"), untilMs: 7_000 });
  networks.put({ source: prefix("203.0.113.0/24"), untilMs: undefined });
  networks.forgetEnded(4_999);
  assert.equal(networks.size, 3);
  networks.forgetEnded(5_000);
  assert.deepEqual(names(networks, "ipv4"), ["198.51.100.0/24", "203.0.113.0/24"]);
  networks.forgetEnded(6_999);
  assert.equal(networks.size, 2);
  networks.forgetEnded(7_000);
  assert.deepEqual(names(networks, "ipv4"), ["203.0.113.0/24"]);
  networks.clear();
  assert.deepEqual([networks.size, names(networks, "ipv4")], [0, []]);
});

test("their union leaves out what has ended, and of one network has what lies around it and in it", () => {
  const networks = new WantedNetworks();
  networks.put({ source: prefix("192.0.2.0/25"), untilMs: 5_000 });
  networks.put({ source: prefix("192.0.2.0/24"), untilMs: 9_000 });
  networks.put({ source: prefix("198.51.100.64/26"), untilMs: undefined });
  const spans = (nowMs: number) => networks.union("ipv4", nowMs).length;
  assert.ok(spans(4_999) >= 2);
  assert.deepEqual([spans(9_000), networks.union("ipv6", 0)], [1, []]);
  const within = (text: string, nowMs: number) => networks.unionWithin(prefix(text), nowMs).length;
  assert.equal(within("192.0.2.128/25", 1_000), 1, "covered by the network around it");
  assert.equal(within("192.0.2.128/25", 9_000), 0);
  assert.equal(within("198.51.100.0/24", 9_000), 1, "one that lies in it");
  assert.equal(within("203.0.113.0/24", 1_000), 0);
});

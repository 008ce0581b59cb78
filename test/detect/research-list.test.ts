import assert from "node:assert/strict";
import { test } from "node:test";
import { ResearchList } from "../../src/detect/research-list.ts";
import { prefix as prefixOf } from "../support/prefix.ts";

const list = new ResearchList([
  { prefix: prefixOf("192.0.2.0/24"), name: "network" },
  { prefix: prefixOf("192.0.2.7"), name: "host" },
  { prefix: prefixOf("192.0.2.7"), name: "second" },
  { prefix: prefixOf("2001:db8::/32"), name: "v6" },
  { prefix: prefixOf("2001:db8:1::/48"), name: "site" },
  { prefix: prefixOf("::/16"), name: "zeros" },
]);

test("the smallest block that holds the source names it, and the first entry of a block counts", () => {
  assert.equal(list.size, 5);
  assert.equal(list.nameOf(prefixOf("192.0.2.7")), "host");
  assert.equal(list.nameOf(prefixOf("192.0.2.8")), "network");
  assert.equal(list.nameOf(prefixOf("192.0.3.8")), undefined);
  assert.equal(list.nameOf(prefixOf("2001:db8:1:2::/64")), "site");
  assert.equal(list.nameOf(prefixOf("2001:db8:2::1")), "v6");
});

test("a source that is wider than an entry is not named by it", () => {
  assert.equal(list.nameOf(prefixOf("2001:db8:1::/47")), "v6");
  assert.equal(list.nameOf(prefixOf("2001:d00::/24")), undefined);
});

test("a block of IPv6 names no IPv4 address that lies in it by number", () => {
  assert.equal(list.nameOf(prefixOf("203.0.113.1")), undefined);
  assert.equal(list.nameOf(prefixOf("::1")), "zeros");
});

test("an empty list knows nobody", () => {
  assert.equal(new ResearchList([]).nameOf(prefixOf("192.0.2.1")), undefined);
});

// Which addresses of this host are not new, so that what is served at one of them counts for that one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SettledAddresses } from "../../src/host/settled-addresses.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

const HOUR = 3_600_000;

function setUp() {
  const settled = new SettledAddresses();
  return (own: readonly string[], nowMs: number) => settled.look(own.map(prefix), nowMs, HOUR).map(formatPrefix);
}

test("what is there at the first look is settled, what comes later after a while", () => {
  const look = setUp();
  assert.deepEqual(look(["192.0.2.1", "2001:db8::1"], 0), ["192.0.2.1", "2001:db8::1"]);
  assert.deepEqual(look(["192.0.2.1", "192.0.2.2", "2001:db8::1"], 1_000), ["192.0.2.1", "2001:db8::1"]);
  assert.deepEqual(look(["192.0.2.1", "192.0.2.2"], HOUR + 999), ["192.0.2.1"]);
  assert.deepEqual(look(["192.0.2.1", "192.0.2.2"], HOUR + 1_000), ["192.0.2.1", "192.0.2.2"]);
});

test("an address that vanishes and comes back is new", () => {
  const look = setUp();
  look(["192.0.2.1", "192.0.2.2"], 0);
  look(["192.0.2.1"], 1_000);
  assert.deepEqual(look(["192.0.2.1", "192.0.2.2"], 2_000), ["192.0.2.1"]);
  assert.deepEqual(look(["192.0.2.1", "192.0.2.2"], HOUR + 2_000), ["192.0.2.1", "192.0.2.2"]);
});

test("loopback and link-local addresses never are, and of very many the rest is left out", () => {
  const look = setUp();
  assert.deepEqual(look(["127.0.0.1", "127.8.0.1", "::1", "fe80::1", "febf::1", "fec0::1"], 0), ["fec0::1"]);
  const many = Array.from({ length: 5_000 }, (_, index) => `198.51.${index >> 8}.${index & 255}`);
  assert.equal(setUp()(many, 0).length, 4_096);
});

import assert from "node:assert/strict";
import type { NetworkInterfaceInfo } from "node:os";
import { test } from "node:test";
import { outwardLinks } from "../../src/host/outward-links.ts";

test("links with addresses beyond the link are named, with their numbers", () => {
  const of = (...addresses: string[]) => addresses.map((address) => ({ address }) as NetworkInterfaceInfo);
  const interfaces = {
    lo: of("127.0.0.1", "::1"),
    eth1: of("192.0.2.1", "fe80::1"),
    veth0: of("fe80::2"),
    eth0: of("2001:db8::1"),
    gone0: of("192.0.2.9"),
  };
  const indexes: Readonly<Record<string, number>> = { eth0: 2, eth1: 3, veth0: 4 };
  assert.deepEqual(
    outwardLinks(interfaces, (name) => indexes[name] ?? 0),
    [
      { name: "eth0", index: 2 },
      { name: "eth1", index: 3 },
    ],
  );
});

// PROTECT on a host that forwards nothing is said, for each family that it names.
import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForwarding } from "../../src/host/forwarding.ts";
import { prefix } from "../support/prefix.ts";

const both = ["192.0.2.0/24", "2001:db8::/32"].map(prefix);
const reads = (values: readonly [string, string]) => (path: string) =>
  `${path.includes("ipv4") ? values[0] : values[1]}\n`;

test("a family that PROTECT names and this host does not forward is said, with what to set", () => {
  assert.equal(describeForwarding(both, reads(["1", "1"])), "");
  assert.equal(describeForwarding([], reads(["0", "0"])), "");
  assert.equal(describeForwarding(both.slice(0, 1), reads(["1", "0"])), "");
  assert.equal(
    describeForwarding(both, reads(["1", "0"])),
    "PROTECT names networks, and this host does not forward IPv6: nothing is guarded there; set net.ipv6.conf.all.forwarding=1, or empty PROTECT",
  );
  assert.match(
    describeForwarding(both, reads(["0", "0"])),
    /IPv4 and IPv6: .* set net\.ipv4\.ip_forward=1 and net\.ipv6/,
  );
});

test("where the switch cannot be read nothing is said", () => {
  const fails = () => {
    throw new Error("ENOENT");
  };
  assert.equal(describeForwarding(both, fails), "");
});

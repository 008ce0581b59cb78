import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { startNotices } from "../../src/service/notices.ts";
import { assemble, host } from "../daemon/assembled.ts";
import { prefix } from "../support/prefix.ts";

const nothing = { restored: 0, adopted: 0, expired: 0, leftOut: 0, failures: [], delegated: [], ended: [] };

function guardNotice(t: TestContext, ...gateways: readonly string[]): string | undefined {
  const { daemon } = assemble(t, "", { host: { ...host, gateways: gateways.map(prefix) } });
  const notices = startNotices({ daemon, restored: nothing, conntrackBefore: undefined });
  return notices.find((notice) => notice.includes("guard"));
}

test("the notice of the guard is a sentence for one address as for many", (t) => {
  assert.equal(guardNotice(t), "The guard is empty: this host has no gateway and no resolver.");
  assert.equal(guardNotice(t, "203.0.113.254"), "The guard holds 203.0.113.254: it is never held or softly blocked.");
  assert.equal(
    guardNotice(t, "203.0.113.254", "203.0.113.253"),
    "The guard holds 203.0.113.254, 203.0.113.253: none of them is ever held or softly blocked.",
  );
});

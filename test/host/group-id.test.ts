import assert from "node:assert/strict";
import { test } from "node:test";
import { groupId } from "../../src/host/group-id.ts";

test("a group's number, by its name in /etc/group or as it is written", () => {
  const file = "root:x:0:\noperators:x:1042:alice,bob\nbroken:x\n";
  const idOf = (name: string) => groupId(name, () => Buffer.from(file));
  assert.deepEqual(["root", "operators", "70"].map(idOf), [0, 1042, 70]);
  assert.deepEqual(["operator", "broken", "alice"].map(idOf), [undefined, undefined, undefined]);
  const missing = () => {
    throw new Error("ENOENT");
  };
  assert.equal(groupId("operators", missing), undefined);
});

// Which of the names in INTERFACE are those of no interface.
import assert from "node:assert/strict";
import { test } from "node:test";
import { describeMissing, missingInterfaces } from "../../src/host/missing-interfaces.ts";

test("names of no interface are found, on this host; the words for all of them are no names", () => {
  assert.deepEqual(missingInterfaces(["lo", "nosuch7", "ALL"]), ["nosuch7"]);
  assert.deepEqual(missingInterfaces(["ALL_NLO"]), []);
  assert.deepEqual(missingInterfaces([]), []);
});

test("where no interface can be listed none is missing", () => {
  assert.deepEqual(
    missingInterfaces(["eth0"], () => undefined),
    [],
  );
});

test("none is no sentence", () => {
  assert.equal(describeMissing([]), "");
  assert.match(describeMissing(["eth9"]), /^INTERFACE names eth9, and this interface is not there: /);
});

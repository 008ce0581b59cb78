// The text that a block keeps of the commands that made it: what comes out of the store may be anybody's, and what two such texts
// differ in is what has to be undone.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatMadeBy,
  hasResponses,
  leftOver,
  parseMadeBy,
  withoutIdleRoute,
} from "../../../src/enforce/commands/made-by.ts";
import { block } from "../../judge/blocks.ts";

const full = {
  ...{ killRoute: "/sbin/route add $TARGET$", unkillRoute: "/sbin/route del $TARGET$" },
  ...{ hostsDeny: "ALL: $TARGET$", hostsDenyFile: "/etc/hosts.deny" },
};
const madeBy = formatMadeBy(full, ["route", "hosts-deny"]);

test("it is read back as it was written, each step by itself, and is empty where nothing stays behind", () => {
  assert.deepEqual(parseMadeBy(madeBy), full);
  assert.deepEqual(parseMadeBy(formatMadeBy(full, ["route"])), { ...full, hostsDeny: undefined, hostsDenyFile: "" });
  assert.deepEqual(parseMadeBy(formatMadeBy(full, ["hosts-deny"])), {
    ...full,
    killRoute: undefined,
    unkillRoute: undefined,
  });
  assert.equal(formatMadeBy(full, ["run"]), "");
  assert.equal(formatMadeBy({ ...full, killRoute: undefined, hostsDeny: undefined }, ["route", "hosts-deny"]), "");
});

test("a text of the store that is none of ours is nothing, whichever of its parts is wrong", () => {
  const parts: unknown[] = JSON.parse(madeBy);
  for (const [at] of parts.entries())
    for (const wrong of [7, true, {}, ["/bin/sh"]])
      assert.equal(parseMadeBy(JSON.stringify(parts.with(at, wrong))), undefined, `part ${at}: ${wrong}`);
  for (const text of ["", "7", "{}", JSON.stringify(parts.slice(1)), JSON.stringify([...parts, null])])
    assert.equal(parseMadeBy(text), undefined, text);
});

test("what is left over is each step in which the later text differs", () => {
  const [route, deny] = [formatMadeBy(full, ["route"]), formatMadeBy(full, ["hosts-deny"])];
  assert.equal(leftOver(madeBy, madeBy), "");
  assert.equal(leftOver(undefined, madeBy), "");
  assert.equal(leftOver("", madeBy), "");
  assert.equal(leftOver("nonsense", madeBy), "");
  assert.equal(leftOver(madeBy, ""), madeBy);
  assert.equal(leftOver(madeBy, undefined), madeBy);
  assert.equal(leftOver(madeBy, deny), route);
  assert.equal(leftOver(madeBy, route), deny);
  assert.equal(leftOver(madeBy, formatMadeBy({ ...full, hostsDenyFile: "/x" }, ["route", "hosts-deny"])), deny);
  assert.equal(leftOver(madeBy, formatMadeBy({ ...full, unkillRoute: "other" }, ["route", "hosts-deny"])), "");
});

test("of a route that blocks nothing, and whose inverse nobody knows, there is nothing to undo", () => {
  const unknown = { ...full, killRoute: "/opt/shut-out $TARGET$", unkillRoute: undefined };
  const made = formatMadeBy(unknown, ["route", "hosts-deny"]);
  assert.equal(withoutIdleRoute(made, undefined), formatMadeBy(unknown, ["hosts-deny"]));
  assert.equal(withoutIdleRoute(made, "/opt/let-in $TARGET$"), made, "a later UNKILL_ROUTE counts");
  assert.equal(withoutIdleRoute(madeBy, undefined), madeBy, "its own");
  const known = formatMadeBy({ ...full, killRoute: "/sbin/ip route add blackhole $TARGET$", unkillRoute: undefined }, [
    "route",
  ]);
  assert.equal(withoutIdleRoute(known, undefined), known, "the inverse of this command is known");
  assert.equal(withoutIdleRoute(undefined, undefined), undefined);
  const deny = formatMadeBy(full, ["hosts-deny"]);
  assert.equal(withoutIdleRoute(deny, undefined), deny);
});

test("a block has something to undo when its text says so; without a text, when commands may have made it", () => {
  const one = block("192.0.2.1");
  assert.equal(hasResponses({ ...one, madeBy }), true);
  assert.equal(hasResponses({ ...one, madeBy: "" }), false);
  assert.equal(hasResponses({ ...one, soft: true, madeBy }), true);
  assert.equal(hasResponses(one), true);
  assert.equal(hasResponses({ ...one, soft: true }), false);
  assert.equal(hasResponses({ ...one, grade: "manual" }), false);
  assert.equal(hasResponses({ ...one, afterTrial: { untilMs: 1 } }), false);
});

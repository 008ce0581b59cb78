import assert from "node:assert/strict";
import { test } from "node:test";
import { greylistRules } from "../../src/table/greylist.ts";

const rules = greylistRules({ earliestMs: 800 });

test("a repetition is served when nothing makes its source wait, and is told either way", () => {
  for (const [name, family] of [
    ["4", "4"],
    ["6near", "6"],
    ["6far", "6"],
  ]) {
    const [regular, waits, left, paces, served, ...more] = rules[`return${name}`] ?? [];
    assert.match(regular ?? "", new RegExp(`@regular${family} goto served${name}$`));
    assert.match(waits ?? "", new RegExp(`@waiting${family} goto waiting$`));
    assert.match(left ?? "", new RegExp(`@left${family} goto waiting$`));
    assert.match(
      paces ?? "",
      new RegExp(`!= @paced${family} add @paced${family} .* update @waiting${family} .* 1800ms`),
    );
    assert.equal(served, `goto served${name}`);
    assert.deepEqual(more, []);
    const [fresh, serves, told] = rules[`served${name}`] ?? [];
    assert.match(fresh ?? "", new RegExp(`^add @fresh${family} .* 900ms`));
    assert.match(serves ?? "", new RegExp(`^update @returned${family} `));
    assert.equal(told, "goto repeated");
  }
});

test("a source that asks a third new port within a second waits, if it has not waited within the hour", () => {
  const [curious, crowd, ...more] = rules.meet4 ?? [];
  assert.equal(curious, "update @curious4 { ip saddr }");
  assert.equal(
    crowd,
    "ip saddr != @regular4 update @asking4 { ip saddr limit rate over 1/second burst 2 packets } " +
      "ip saddr != @waited4 add @waited4 { ip saddr } add @paced4 { ip saddr } update @waiting4 { ip saddr timeout 6000ms }",
  );
  assert.deepEqual(more, ["goto firstcontact"]);
});

test("a SYN with one option or none is repeated late enough after 2.5 s, or after GREYLIST_EARLIEST if that is more", () => {
  const bare = (earliestMs: number) =>
    greylistRules({ earliestMs }).greet4?.find((rule) => rule.startsWith("tcp doff"));
  assert.match(bare(800) ?? "", /^tcp doff <= 6 .* timeout 2500ms } goto meet4$/);
  assert.match(bare(3_000) ?? "", / timeout 3000ms } goto meet4$/);
});

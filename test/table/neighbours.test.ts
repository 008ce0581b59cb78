// The rules that count new sources of one network: which network goes on to count in a wider one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { neighbourRules, wideMatches, widths } from "../../src/table/neighbours.ts";

/** "counts 56", "held 56 returns" ... of a chain, in its order. */
function steps(rules: readonly string[]): string[] {
  return rules.map((rule) => {
    const held = /@held(\w+) return$/.exec(rule)?.[1];
    if (held !== undefined) return `held ${held} returns`;
    const counted = /^update @many(\w+) .* update @held(\w+) /.exec(rule);
    assert.equal(counted?.[1] ?? rule, counted?.[2] ?? rule);
    return counted === null ? rule : `counts ${counted[1]}`;
  });
}

test("a network that is held has no wider one held as well, but for a /56, which goes on to count in its /48", () => {
  const { near4held = [], far6held = [], onlink = [] } = neighbourRules();
  assert.deepEqual(steps(far6held), [
    ...["counts 56", "counts 48", "held 48 returns", "counts 40", "held 40 returns", "counts 32"],
  ]);
  assert.deepEqual(steps(near4held), [...["ip saddr @near4 goto onlink", "counts 24", "held 24 returns", "counts 16"]]);
  assert.deepEqual(steps(onlink), ["counts mac"]);
});

test("every width is matched by hold rules, those that are blocked by rules of soft blocks too; what is on our links never is", () => {
  const suffixesOf = (what: "held" | "soft") =>
    wideMatches(what).flatMap((match) => new RegExp(`@${what}(\\d+) `).exec(match)?.[1] ?? []);
  assert.deepEqual(
    suffixesOf("held"),
    widths.map(({ suffix }) => suffix),
  );
  assert.deepEqual(
    suffixesOf("soft"),
    widths.filter(({ isBlocked }) => isBlocked).map(({ suffix }) => suffix),
  );
  for (const what of ["held", "soft"] as const)
    for (const match of wideMatches(what)) assert.match(match, /@heldmac$|ip saddr != @near4$|ip6 saddr != @near6$/);
  assert.equal(wideMatches("held").filter((match) => match.endsWith("@heldmac")).length, 2);
  assert.equal(wideMatches("soft").filter((match) => match.endsWith("@heldmac")).length, 0);
});

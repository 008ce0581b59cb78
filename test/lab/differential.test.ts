// Debian's PortSentry 1.2 and ours, given the same configuration and the same probes: they say and leave behind the same,
// but for what docs/differences.md names.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fastCases } from "./support/cases.ts";
import { Contest, formatTranscript } from "./support/contest.ts";
import { Differences, differences } from "./support/differences.ts";
import { Lab } from "./support/lab.ts";

describe("PortSentry 1.2 and ours", () => {
  const known = new Differences(differences);
  let lab: Lab;
  let contest: Contest;
  before(async () => {
    lab = await Lab.open();
    contest = await Contest.open(lab);
  });
  after(() => lab.close());

  for (const asked of fastCases) {
    test(asked.name, async () => {
      const t0 = Date.now();
      const old = await contest.playOld(asked);
      const t1 = Date.now();
      const expected = known.expected(old, asked);
      const ours = known.withoutExtra(await contest.playOurs(asked, known.pace(expected, asked)), asked);
      console.log(`old ${t1 - t0} ours ${Date.now() - t1}`);
      assert.equal(formatTranscript(ours), formatTranscript(expected));
    });
  }

  test("each difference of the table has shown", () => {
    assert.deepEqual(known.unmet(), []);
  });
});


// Runs cases on one lab, PortSentry 1.2 first, and compares the transcripts.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Case, Contest, formatTranscript } from "./contest.ts";
import type { Differences } from "./difference-checks.ts";
import { Lab } from "./lab.ts";

/** A test for each case. `known` is what may differ, and remembers what did. */
export function compareAll(title: string, cases: readonly Case[], known: Differences): void {
  describe(title, () => {
    let lab: Lab | undefined;
    let contest: Contest | undefined;
    before(async () => {
      lab = await Lab.open();
      contest = await Contest.open(lab);
    });
    after(() => lab?.close());

    for (const asked of cases) {
      test(asked.name, async () => {
        if (contest === undefined) throw new Error("the lab was not opened");
        const expected = known.expected(await contest.playOld(asked), asked);
        const ours = await contest.playOurs(asked, known.pace(expected, asked));
        assert.equal(formatTranscript(known.withoutExtra(ours, asked)), formatTranscript(expected));
      });
    }
  });
}

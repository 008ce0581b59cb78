import assert from "node:assert/strict";
import { test } from "node:test";
import { buildFrames, OutgoingFrames } from "../../src/table/outgoing-frames.ts";

const link = { name: "eth0", index: 2 };

function open(ok = true) {
  const runs: string[] = [];
  const frames = new OutgoingFrames({
    run: (commands) => {
      runs.push(commands);
      return { ok, output: "", error: "" };
    },
  });
  return { frames, runs };
}

test("the table is made once for the same links, anew for a link that was made again, and taken away at the end", () => {
  const { frames, runs } = open();
  frames.watch([link], true);
  frames.watch([link], false);
  assert.equal(runs.length, 1);
  assert.match(runs[0] ?? "", /hook egress devices = \{ "eth0" \}/);
  frames.watch([{ ...link, index: 9 }], false);
  assert.equal(runs.length, 2);
  frames.watch([{ ...link, index: 9 }], true);
  assert.equal(runs.length, 3, "after a flush");
  frames.remove();
  assert.equal(runs[3], "add table netdev portreeve\ndelete table netdev portreeve\n");
});

test("a daemon that watches no links takes away what another run has left, once", () => {
  const { frames, runs } = open();
  frames.watch([], true);
  frames.watch([], true);
  assert.deepEqual(runs, [buildFrames([])]);
});

test("a kernel without the hook is known as such; a name that means something to nft comes into no rule", () => {
  const { frames, runs } = open(false);
  frames.watch([link, { name: 'a";drop', index: 3 }], true);
  assert.equal(frames.isRefused, true);
  assert.doesNotMatch(runs[0] ?? "", /drop/);
});

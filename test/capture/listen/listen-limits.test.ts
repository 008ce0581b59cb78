// How many listeners there may be, and which ports get one.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  listenerLimit,
  parseOpenFilesLimit,
  planListeners,
  portKey,
  rangesOf,
} from "../../../src/capture/listen/listen-limits.ts";

test("the limit on open files is the soft one", () => {
  const text =
    "Max processes             100        200         processes\nMax open files            1024   524288   files\n";
  assert.equal(parseOpenFilesLimit(text), 1_024);
  assert.equal(
    parseOpenFilesLimit("Max open files            unlimited            unlimited            files\n"),
    1_048_576,
  );
  assert.equal(parseOpenFilesLimit(""), 1_048_576);
});

test("some files are kept for the daemon itself", () => {
  assert.equal(listenerLimit(524_288), 523_776);
  assert.equal(listenerLimit(256), 128);
  assert.equal(listenerLimit(0), 0);
});

test("every port once, none twice, port 0 never", () => {
  const plan = planListeners(
    {
      tcp: [
        { first: 0, last: 3 },
        { first: 2, last: 4 },
      ],
      udp: [{ first: 65_535, last: 99_999 }],
    },
    100,
  );
  assert.deepEqual(plan.keys, [1, 2, 3, 4].map((port) => portKey(6, port)).concat(portKey(17, 65_535)));
  assert.deepEqual(plan.leftOut, { 6: [], 17: [] });
});

test("what gets a listener and what is left out are all that is wanted", () => {
  const range = fc
    .tuple(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 0, max: 40 }))
    .map(([first, more]) => ({ first, last: first + more }));
  fc.assert(
    fc.property(
      fc.array(range, { maxLength: 5 }),
      fc.array(range, { maxLength: 5 }),
      fc.nat(200),
      (tcp, udp, limit) => {
        const plan = planListeners({ tcp, udp }, limit);
        const all = planListeners({ tcp, udp }, 1_000);
        assert.ok(plan.keys.length <= limit);
        const out = ([6, 17] as const).flatMap((protocol) =>
          plan.leftOut[protocol].flatMap(({ first, last }) =>
            Array.from({ length: last - first + 1 }, (_, index) => portKey(protocol, first + index)),
          ),
        );
        assert.deepEqual([...plan.keys, ...out], all.keys);
      },
    ),
  );
});

test("neighbours make a range", () => {
  assert.deepEqual(rangesOf([1, 2, 3, 7, 9, 10]), [
    { first: 1, last: 3 },
    { first: 7, last: 7 },
    { first: 9, last: 10 },
  ]);
  assert.deepEqual(rangesOf([]), []);
});

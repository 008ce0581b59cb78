import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatDuration, parseDuration } from "../../src/base/duration.ts";
import { optionalPath, path } from "../../src/config/paths.ts";
import {
  ALL_PORTS,
  countPorts,
  formatPorts,
  intersectPorts,
  mergePorts,
  subtractPorts,
} from "../../src/config/ports.ts";
import {
  choice,
  duration,
  integer,
  packetMark,
  portList,
  syslogIdent,
  type ValueType,
} from "../../src/config/values.ts";

function accepted<T>(type: ValueType<T>, text: string): T {
  const parsed = type.parse(text);
  if ("error" in parsed) assert.fail(`"${text}": ${parsed.error}`);
  return parsed.ok;
}

function refused(type: ValueType<unknown>, text: string): string {
  const parsed = type.parse(text);
  if ("ok" in parsed) assert.fail(`"${text}" was accepted`);
  return parsed.error;
}

/** Any set of ports, as ranges in any order, overlapping or not. */
const anyRanges = fc.array(
  fc.tuple(fc.integer({ min: 1, max: 65535 }), fc.nat({ max: 300 })).map(([first, length]) => ({
    first,
    last: Math.min(65535, first + length),
  })),
  { maxLength: 20 },
);

function setOf(ranges: readonly { first: number; last: number }[]): Set<number> {
  const ports = new Set<number>();
  for (const { first, last } of ranges) for (let port = first; port <= last; port++) ports.add(port);
  return ports;
}

describe("port lists", () => {
  const good: readonly (readonly [string, string])[] = [
    ["1,2,5-9", "1-2,5-9"],
    ["", ""],
    ["  ", ""],
    [" 9 , 1 - 3,\t2-4 ", "1-4,9"],
    ["80", "80"],
    ["80,80,80", "80"],
    ["1-65535", "1-65535"],
    ["65535", "65535"],
    ["7-7", "7"],
    ["10-20,12-13", "10-20"],
    ["0080", "80"],
  ];
  for (const [text, printed] of good) {
    test(`"${text}" is ${printed || "nothing"}`, () => assert.equal(formatPorts(accepted(portList, text)), printed));
  }
  const bad: readonly (readonly [string, RegExp])[] = [
    ["0", /^0 is no port: ports are 1 to 65535/],
    ["0-5", /^0 is no port/],
    [
      "22,25,99999,80-70,99999",
      /^99999 is no port: ports are 1 to 65535; the range 80-70 runs backwards; write 70-80$/,
    ],
    [Array.from({ length: 12 }, (_, i) => 70_000 + i).join(","), /70007 is no port: [^;]+; and 4 more$/],
    ["65536", /^65536 is no port/],
    ["1-70000", /^70000 is no port/],
    ["9-5", /runs backwards; write 5-9/],
    ["1,,2", /two commas/],
    ["1,", /at the end/],
    ["http", /"http" is no port or range/],
    ["1 2", /is no port or range/],
    ["-5", /is no port or range/],
    ["1-2-3", /is no port or range/],
    ["1.5", /is no port or range/],
    ["1e3", /is no port or range/],
    ["12345678901234567890", /is no port or range/],
    ["\u001b[31m", /"\\x1b\[31m" is no port/],
  ];
  for (const [text, expected] of bad) {
    test(`${JSON.stringify(text)} is refused`, () => assert.match(refused(portList, text), expected));
  }

  test("parse(print(x)) = x, for every merged list", () => {
    fc.assert(
      fc.property(anyRanges, (ranges) => {
        const merged = mergePorts(ranges);
        assert.deepEqual(accepted(portList, formatPorts(merged)), merged);
      }),
    );
  });

  test("merging keeps the set, sorts it, and leaves no neighbours", () => {
    fc.assert(
      fc.property(anyRanges, (ranges) => {
        const merged = mergePorts(ranges);
        assert.deepEqual(setOf(merged), new Set([...setOf(ranges)].sort((a, b) => a - b)));
        assert.equal(countPorts(merged), setOf(ranges).size);
        for (let i = 1; i < merged.length; i++) assert.ok((merged[i]?.first ?? 0) > (merged[i - 1]?.last ?? 0) + 1);
      }),
    );
  });

  test("subtraction and intersection are those of sets", () => {
    fc.assert(
      fc.property(anyRanges, anyRanges, (a, b) => {
        const [left, right] = [mergePorts(a), mergePorts(b)];
        const [leftSet, rightSet] = [setOf(left), setOf(right)];
        assert.deepEqual(setOf(subtractPorts(left, right)), new Set([...leftSet].filter((p) => !rightSet.has(p))));
        assert.deepEqual(setOf(intersectPorts(left, right)), new Set([...leftSet].filter((p) => rightSet.has(p))));
        assert.deepEqual(mergePorts(subtractPorts(left, right)), subtractPorts(left, right));
      }),
    );
  });

  test("all ports less all ports is none", () => assert.deepEqual(subtractPorts(ALL_PORTS, ALL_PORTS), []));

  test("never throws, and what it accepts lies within 1..65535", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[0-9,\- ]{0,40}$/)), (text) => {
        const parsed = portList.parse(text);
        if ("error" in parsed) return;
        for (const { first, last } of parsed.ok) assert.ok(first >= 1 && first <= last && last <= 65535);
      }),
    );
  });
});

describe("durations", () => {
  const good: readonly (readonly [string, number])[] = [
    ["90s", 90_000],
    ["10m", 600_000],
    ["1h", 3_600_000],
    ["1d", 86_400_000],
    ["2w", 1_209_600_000],
    ["90", 90_000],
    [" 5s ", 5000],
    ["0", 0],
    ["0d", 0],
  ];
  for (const [text, ms] of good) test(`"${text}"`, () => assert.equal(parseDuration(text), ms));
  for (const text of ["", "s", "-1s", "1.5h", "1h30m", "1y", "1D", "1 h", "0x10", "99999999999", "forever", "\0"]) {
    test(`${JSON.stringify(text)} is refused`, () => {
      assert.equal(parseDuration(text), undefined);
      assert.match(
        refused(duration({ minMs: 1000, maxMs: 60_000 }), text),
        /^this is no time; write a time from 1s to 1m/,
      );
    });
  }

  test("the limits count, and zero only where it means something", () => {
    const plain = duration({ minMs: 5000, maxMs: 60_000 });
    const withZero = duration({ minMs: 5000, maxMs: 60_000, zero: "for ever" });
    assert.equal(accepted(plain, "5s"), 5000);
    assert.equal(accepted(plain, "1m"), 60_000);
    assert.match(refused(plain, "4s"), /out of range/);
    assert.match(refused(plain, "61s"), /out of range/);
    assert.match(refused(plain, "0"), /out of range/);
    assert.equal(accepted(withZero, "0"), 0);
    assert.match(withZero.allowed, /"0": for ever/);
  });

  test("parse(print(x)) = x, for whole seconds", () => {
    fc.assert(
      fc.property(fc.nat({ max: 315_360_000 }), (seconds) => {
        assert.equal(parseDuration(formatDuration(seconds * 1000)), seconds * 1000);
      }),
    );
  });

  test("prints the largest unit without a rest", () => {
    assert.deepEqual([0, 1000, 90_000, 5_400_000, 86_400_000, 2_592_000_000, 604_800_000].map(formatDuration), [
      "0s",
      "1s",
      "90s",
      "90m",
      "1d",
      "30d",
      "1w",
    ]);
  });
});

describe("the other types", () => {
  test("whole numbers within limits", () => {
    const type = integer(2, 6);
    assert.equal(accepted(type, "2"), 2);
    assert.equal(accepted(type, " 6 "), 6);
    for (const text of ["1", "7", "", "-3", "3.5", "3e0", "0x3", "three", "9".repeat(30)]) {
      assert.equal(refused(type, text), "write a whole number, 2 to 6");
    }
  });

  test("one of a few words, never a word of the language's own", () => {
    const type = choice(new Map([["on", 1] as const, ["off", 0] as const]), new Map([["maybe", "not yet"]]));
    assert.equal(accepted(type, "off"), 0);
    assert.equal(refused(type, "maybe"), "not yet");
    for (const text of ["ON", "", "constructor", "__proto__"]) assert.equal(refused(type, text), 'write "on" or "off"');
  });

  test("absolute paths", () => {
    assert.equal(accepted(path(), "/var/lib/portsentry"), "/var/lib/portsentry");
    assert.equal(accepted(path(107), `/${"a".repeat(106)}`).length, 107);
    for (const text of ["", "a", "./a", "~/a", "/a\nb", "/a\0", `/${"ü".repeat(54)}`]) {
      assert.match(refused(path(107), text), /^write a path that begins with "\/", at most 107 bytes/);
    }
    assert.equal(accepted(optionalPath, ""), undefined);
    assert.equal(accepted(optionalPath, "/a"), "/a");
    assert.match(refused(optionalPath, "a"), /^write a path/);
  });

  test("syslog names cannot break a log line", () => {
    assert.equal(accepted(syslogIdent, "portsentry"), "portsentry");
    for (const text of ["", "a b", "a:", "a[1]", "a\n", "ä", "x".repeat(33)]) {
      assert.match(refused(syslogIdent, text), /^write letters/);
    }
  });
});

test("a packet mark: decimal or hexadecimal, 32 bits, and not 0", () => {
  const good = { "0x70727600": 0x70727600, "1": 1, " 0XfF ": 255, "4294967295": 0xffffffff, "0xffffffff": 0xffffffff };
  for (const [text, value] of Object.entries(good)) assert.deepEqual(packetMark.parse(text), { ok: value });
  for (const text of ["", "0", "0x0", "0x", "-1", "1.5", "1e3", "4294967296", "0x100000000", "0b1", "mark"]) {
    assert.ok("error" in packetMark.parse(text), text);
  }
});

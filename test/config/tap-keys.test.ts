// The keys of mirror ports and captures: their defaults are those that the detectors derive, and each reaches its setting.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TapSettings } from "../../src/config/settings.ts";
import { decimal, networkList } from "../../src/config/values.ts";
import { DEFAULT_COORDINATED } from "../../src/detect/tap/coordinated.ts";
import { DEFAULT_SEQUENTIAL } from "../../src/detect/tap/sequential.ts";
import { DEFAULT_SWEEP } from "../../src/detect/tap/sweeps.ts";
import { DEFAULT_WIDER } from "../../src/detect/wider-prefixes.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { load, settingsOf } from "./support.ts";

test("what a file leaves out is what docs/reference/detection.md derives", () => {
  const { tap } = settingsOf(load(""));
  assert.deepEqual(
    {
      ...DEFAULT_SEQUENTIAL,
      theta0: tap.sequentialTheta0,
      theta1: tap.sequentialTheta1,
      alpha: tap.sequentialAlpha,
      beta: tap.sequentialBeta,
      lambda0PerSecond: 1000 / tap.sequentialClientGapMs,
      lambda1PerSecond: 1000 / tap.sequentialScannerGapMs,
    },
    DEFAULT_SEQUENTIAL,
  );
  assert.deepEqual(
    [tap.sweepHosts, tap.linkSweepHosts, tap.sweepPardon, tap.sweepQuietMs],
    [DEFAULT_SWEEP.sweepHosts, DEFAULT_SWEEP.linkSweepHosts, DEFAULT_SWEEP.pardonPerAccepted, DEFAULT_SWEEP.quietMs],
  );
  assert.deepEqual(
    [tap.coordinatedMembers, tap.coordinatedOverlap, tap.coordinatedAlpha, tap.coordinatedWindowMs],
    [
      DEFAULT_COORDINATED.minMembers,
      DEFAULT_COORDINATED.maxOverlap,
      DEFAULT_COORDINATED.alpha,
      DEFAULT_COORDINATED.windowMs,
    ],
  );
  assert.deepEqual(
    [tap.widerSources, tap.widerBlocks, tap.widerSites, tap.widerWindowMs],
    [DEFAULT_WIDER.sourcesPer56, DEFAULT_WIDER.blocksPer48, DEFAULT_WIDER.sourcesPer48, DEFAULT_WIDER.windowMs],
  );
});

describe("every key reaches its setting", () => {
  const cases: readonly (readonly [string, string, keyof TapSettings, unknown])[] = [
    ["KNOWN_SCANNERS", "/etc/known", "knownScanners", "/etc/known"],
    ["SEQUENTIAL_FALSE_ALARM", "1e-6", "sequentialAlpha", 1e-6],
    ["SEQUENTIAL_DETECTION", "0.9", "sequentialBeta", 0.9],
    ["SEQUENTIAL_CLIENT_SUCCESS", "0.8", "sequentialTheta0", 0.8],
    ["SEQUENTIAL_SCANNER_SUCCESS", "0.2", "sequentialTheta1", 0.2],
    ["SEQUENTIAL_CLIENT_GAP", "2d", "sequentialClientGapMs", 172_800_000],
    ["SEQUENTIAL_SCANNER_GAP", "10m", "sequentialScannerGapMs", 600_000],
    ["SWEEP_HOSTS", "7", "sweepHosts", 7],
    ["LINK_SWEEP_HOSTS", "32", "linkSweepHosts", 32],
    ["SWEEP_PARDON", "0", "sweepPardon", 0],
    ["SWEEP_QUIET", "1h", "sweepQuietMs", 3_600_000],
    ["BREADTH_CONTACTS", "20", "breadthContacts", 20],
    ["BREADTH_WINDOW", "1h", "breadthWindowMs", 3_600_000],
    ["PINGED_HOSTS", "100", "pingedHosts", 100],
    ["UNKNOWN_HOSTS", "100", "unknownHosts", 100],
    ["COORDINATED_MEMBERS", "5", "coordinatedMembers", 5],
    ["COORDINATED_OVERLAP", "0.2", "coordinatedOverlap", 0.2],
    ["COORDINATED_FALSE_ALARM", "0.001", "coordinatedAlpha", 0.001],
    ["COORDINATED_WINDOW", "1d", "coordinatedWindowMs", 86_400_000],
    ["IPV6_SOURCES_PER_56", "4", "widerSources", 4],
    ["IPV6_BLOCKS_PER_48", "5", "widerBlocks", 5],
    ["IPV6_SOURCES_PER_48", "12", "widerSites", 12],
    ["IPV6_WIDER_WINDOW", "7d", "widerWindowMs", 604_800_000],
  ];
  for (const [key, value, setting, expected] of cases) {
    test(`${key}="${value}"`, () => assert.deepEqual(settingsOf(load(`${key}="${value}"\n`)).tap[setting], expected));
  }
});

describe("what contradicts itself is an error at its line", () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    ['SEQUENTIAL_CLIENT_SUCCESS="0.1"\nSEQUENTIAL_SCANNER_SUCCESS="0.2"', /has to be greater/],
    ['SEQUENTIAL_SCANNER_GAP="2d"', /has to be longer/],
    ['HOME_NETWORKS="192.0.2.0/24"', /CAPTURE="ring"/],
    ['HOME_NETWORKS="192.0.2.0/33"\nCAPTURE="ring"', /192\.0\.2\.0\/33/],
  ];
  for (const [text, expected] of bad) {
    test(text.replace("\n", " "), () => {
      const { settings, problems } = load(`${text}\n`);
      assert.equal(settings, undefined);
      const errors = problems.filter(({ severity }) => severity === "error");
      assert.deepEqual([errors.length, errors[0]?.line], [1, 1]);
      assert.match(errors[0]?.message ?? "", expected);
    });
  }
});

test("decimals are numbers within their bounds and nothing else", () => {
  const type = decimal(0.001, 0.5);
  for (const [text, ok] of [
    ["0.05", 0.05],
    [" 1e-3 ", 0.001],
    ["0.5", 0.5],
  ] as const) {
    assert.deepEqual(type.parse(text), { ok });
  }
  for (const text of ["", "-0.1", "0.6", "0", ".1", "0x1", "1e", "NaN", "Infinity", "0,1", "1e99"]) {
    assert.ok("error" in type.parse(text), text);
  }
});

test("networks come as a list", () => {
  const parsed = networkList.parse("192.0.2.0/24, 2001:db8::/32");
  assert.deepEqual("ok" in parsed ? parsed.ok.map(formatPrefix) : parsed, ["192.0.2.0/24", "2001:db8::/32"]);
  assert.deepEqual(networkList.parse(" "), { ok: [] });
  for (const text of ["192.0.2.0/33", "x", "192.0.2.1,,192.0.2.2"]) assert.ok("error" in networkList.parse(text), text);
  assert.ok(
    "error" in networkList.parse(Array.from({ length: 1_001 }, (_, n) => `10.0.${n >> 8}.${n & 255}`).join(",")),
  );
});

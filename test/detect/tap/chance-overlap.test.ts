// The null hypothesis of coordinated scans against the exact distribution of repeats, worked out port by port.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  chanceOfRepeats,
  createPortPopularity,
  expectedHostRepeats,
  expectedPortRepeats,
} from "../../../src/detect/tap/chance-overlap.ts";
import { randomOf } from "./sequential-theory.ts";
import { drawFrom, zipfPorts } from "./zipf-ports.ts";

const ALPHA = 1e-6;

/**
 * P(exactly r of n independent probes are repeats), at [n * (most + 1) + r]: ports one after the other, each with 0, 1,
 * 2, ... of the probes. Ports that hardly ever get a third probe are not asked for one.
 */
function exactRepeats(chances: Float64Array, probes: number, most: number): Float64Array {
  const width = most + 1;
  const p = new Float64Array((probes + 1) * width);
  p[0] = 1;
  for (const chance of chances) {
    const visits = chance > 1e-3 ? most + 1 : Math.min(most + 1, chance > 1e-5 ? 3 : 2);
    for (let n = probes; n >= 1; n--) {
      for (let r = most; r >= 0; r--) {
        let more = 0;
        for (let visit = 1, ways = 1; visit <= visits && visit <= n && visit - 1 <= r; visit++) {
          ways *= ((n - visit + 1) / visit) * chance;
          more += ways * (p[(n - visit) * width + r - visit + 1] ?? 0);
        }
        p[n * width + r] = (p[n * width + r] ?? 0) + more;
      }
    }
  }
  return p;
}

test("the expected repeats are those of the exact distribution, and of drawn sources with many ports each", () => {
  const popularity = createPortPopularity(0.5);
  const chances = zipfPorts(0.5);
  let distinct = 0;
  for (const chance of chances) distinct += 1 - (1 - chance) ** 200;
  assert.ok(Math.abs(expectedPortRepeats(popularity, 200, 1) - (200 - distinct)) < 0.01 * (200 - distinct));

  const random = randomOf(8);
  const draw = drawFrom(chances, random);
  const runs = 200;
  let repeats = 0;
  for (let run = 0; run < runs; run++) {
    const seen = new Set<number>();
    for (let source = 0; source < 5; source++) {
      const own = new Set<number>();
      for (let probe = 0; probe < 40; probe++) own.add(draw());
      for (const port of own) {
        if (seen.has(port)) repeats++;
        seen.add(port);
      }
    }
  }
  const mean = repeats / runs;
  const expected = expectedPortRepeats(popularity, 5, 40);
  assert.ok(Math.abs(mean - expected) < 0.06 * expected, `${mean}, expected ${expected}`);
});

test("hosts: nobody else, no repeats; as many sources as hosts, those of the birthday paradox", () => {
  assert.ok(Math.abs(expectedHostRepeats(256, 1, 200)) < 1e-9);
  assert.ok(Math.abs(expectedHostRepeats(256, 256, 1) - (256 - 256 * (1 - (255 / 256) ** 256))) < 1e-9);
  assert.ok(Math.abs(expectedHostRepeats(65_536, 2, 256) - 1) < 0.01);
});

test("where it first says 'no chance', chance is below alpha exactly, for 0 to 6 repeats", () => {
  const most = 6;
  const probes = 300;
  const exact = exactRepeats(zipfPorts(0.5), probes, most);
  const popularity = createPortPopularity(0.5);
  const sums: string[] = [];
  let judged = 0;
  for (let repeats = 0; repeats <= most; repeats++) {
    for (let n = 2; n <= probes; n++) {
      if (chanceOfRepeats(repeats, expectedPortRepeats(popularity, n, 1)) > Math.log(ALPHA)) continue;
      let p = 0;
      for (let r = 0; r <= repeats; r++) p += exact[n * (most + 1) + r] ?? 0;
      sums.push(`${repeats} repeats of ${n}: ${p.toExponential(1)}`);
      assert.ok(p <= ALPHA, sums.at(-1));
      judged++;
      break;
    }
  }
  assert.equal(judged, most + 1);
  // Not far too careful either: the first one is what docs/reference/detection.md states.
  assert.match(sums[0] ?? "", /^0 repeats of 16[45]: [89]\.\de-7$/);
});

test("more repeats are never less of a chance, and as many as expected are no wonder", () => {
  for (const mean of [0.1, 1, 20, 300]) {
    let before = Number.NEGATIVE_INFINITY;
    for (let repeats = 0; repeats <= mean + 1; repeats++) {
      const now = chanceOfRepeats(repeats, mean);
      assert.ok(now >= before && now <= 0);
      before = now;
    }
    assert.equal(chanceOfRepeats(Math.ceil(mean), mean), 0);
  }
});

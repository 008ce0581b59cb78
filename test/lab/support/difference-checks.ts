// Compares what ours did with what 1.2 did, given where they are meant to differ; remembers which of these have shown.
import { isDeepStrictEqual } from "node:util";
import type { Case, Pace, Transcript } from "./contest.ts";

export interface Difference {
  /** A heading of docs/reference/differences.md. */
  readonly name: string;
  /** Which cases it may show in; all when absent. */
  readonly applies?: (asked: Case) => boolean;
  /** What is expected of ours, given what was expected so far. */
  readonly expect?: (old: Transcript, asked: Case) => Transcript;
  /** Lines that ours says in addition. */
  readonly extra?: RegExp;
}

export class Differences {
  readonly #all: readonly Difference[];
  readonly #met = new Set<string>();

  constructor(all: readonly Difference[]) {
    this.#all = all;
  }

  /** What ours should say where 1.2 said this. */
  expected(old: Transcript, asked: Case): Transcript {
    let expected = old;
    for (const { name, expect } of this.#of(asked)) {
      if (expect === undefined) continue;
      const changed = expect(expected, asked);
      if (!isDeepStrictEqual(changed, expected)) this.#met.add(name);
      expected = changed;
    }
    return expected;
  }

  pace(expected: Transcript, asked: Case): Pace {
    let sum = 0;
    const linesAfter = expected.scans.map((lines) => {
      sum += lines.length;
      return sum;
    });
    return { linesAfter, isExtra: (line) => this.#extraOf(line, asked) !== undefined };
  }

  /** Ours without the lines that it says in addition. */
  withoutExtra(ours: Transcript, asked: Case): Transcript {
    const keep = (line: string): boolean => {
      const extra = this.#extraOf(line, asked);
      if (extra !== undefined) this.#met.add(extra.name);
      return extra === undefined;
    };
    const { start, scans, stop } = ours;
    const kept = scans.map((lines) => lines.filter(keep));
    return { ...ours, start: start.filter(keep), scans: kept, stop: stop.filter(keep) };
  }

  /** Those that showed in no case. */
  unmet(): readonly string[] {
    return this.#all.map(({ name }) => name).filter((name) => !this.#met.has(name));
  }

  #of(asked: Case): readonly Difference[] {
    return this.#all.filter(({ applies }) => applies === undefined || applies(asked));
  }

  #extraOf(line: string, asked: Case): Difference | undefined {
    return this.#of(asked).find(({ extra }) => extra?.test(line) === true);
  }
}

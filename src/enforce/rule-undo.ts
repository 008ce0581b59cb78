// Undoes what commands of the administrator's did for blocks that have ended, some at a time, and says of a source that it is
// unblocked only when that has worked. What could not be undone is remembered, named in `status`, and tried again when
// somebody asks.

import { plural } from "../base/plural.ts";
import type { Troubles } from "../base/troubles.ts";
import type { Block } from "../judge/block.ts";
import type { Recorder } from "../record/recorder.ts";
import { formatPrefix, type Prefix, prefixContains } from "../wire/address.ts";
import type { Delegate } from "./delegate.ts";

/** Each may be a process, and more would only wait in the runner's queue. */
const AT_ONCE = 64;
/** Sources whose rule stays. Of more it is said in the log only. */
const MAX_LEFT = 4_096;
const TOPIC = "rules that stay";

export interface RuleUndoParts {
  /** Absent where nothing of the kind is run. */
  readonly delegate?: Pick<Delegate, "release"> | undefined;
  readonly recorder: Pick<Recorder, "unblocked" | "warning">;
  readonly troubles?: Troubles | undefined;
}

/** A block that has ended and whose rule could not be undone. */
export interface LeftRule {
  readonly block: Block;
  /** Why, and what would be to do by hand. */
  readonly failure: string;
}

interface Task {
  readonly block: Block;
  /** "by hand", "expired" ...; undefined: only a failure is worth a word. */
  readonly how: string | undefined;
  readonly done: () => void;
}

export class RuleUndo {
  readonly counters = { rulesLeft: 0, rulesLeftForgotten: 0 };
  readonly #parts: RuleUndoParts;
  readonly #waiting: Task[] = [];
  readonly #left = new Map<string, LeftRule>();
  /** What is in the works, by source. */
  readonly #works = new Map<string, Promise<void>>();
  #running = 0;
  /** Grows with each change of `left`. */
  changes = 0;

  constructor(parts: RuleUndoParts) {
    this.#parts = parts;
  }

  /** Resolves when it is done; the source is said to be unblocked, or that its rule stays. Never rejects. */
  undo(block: Block, how?: string): Promise<void> {
    const key = formatPrefix(block.source);
    const work = new Promise<void>((done) => {
      this.#waiting.push({ block, how, done });
    });
    const mine = work.then(() => {
      if (this.#works.get(key) === mine) this.#works.delete(key);
    });
    this.#works.set(key, mine);
    this.#startNext();
    return mine;
  }

  /** How many sources are in the works. */
  get pending(): number {
    return this.#works.size;
  }

  /** Resolves when what has been asked for until now is done, for all sources or for these. */
  async ended(sources?: readonly Prefix[]): Promise<void> {
    const works = sources?.map((source) => this.#works.get(formatPrefix(source))) ?? [...this.#works.values()];
    await Promise.all(works);
  }

  /** Those of a source, or of the sources in a network, whose rule stays. */
  leftIn(prefix: Prefix): readonly LeftRule[] {
    const own = this.#left.get(formatPrefix(prefix));
    if (prefix.bits === 128) return own === undefined ? [] : [own];
    return [...this.#left.values()].filter(({ block }) => prefixContains(prefix, block.source));
  }

  get left(): readonly LeftRule[] {
    return [...this.#left.values()];
  }

  /** Of an earlier run (left-rules.ts). */
  restore(left: readonly LeftRule[]): void {
    for (const each of left.slice(-MAX_LEFT)) this.#left.set(formatPrefix(each.block.source), each);
    this.#tell();
    const text = this.#text();
    if (text !== "") this.#parts.recorder.warning(text);
  }

  /** Its rule is meant to be there, as a command has shut the source out again; or somebody has taken the rule out by hand. */
  forget(source: Prefix): void {
    if (this.#left.delete(formatPrefix(source))) this.#tell();
  }

  #startNext(): void {
    while (this.#running < AT_ONCE) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#running++;
      void this.#carryOut(next).finally(() => {
        this.#running--;
        next.done();
        this.#startNext();
      });
    }
  }

  async #carryOut({ block, how }: Task): Promise<void> {
    const { delegate, recorder } = this.#parts;
    const failures = await (delegate?.release(block) ?? Promise.resolve([])).catch((error: unknown) => [String(error)]);
    const key = formatPrefix(block.source);
    if (failures.length > 0) {
      this.#keep(key, { block, failure: failures.join("; ") }, how);
      return;
    }
    if (this.#left.delete(key)) this.#tell();
    if (how !== undefined) recorder.unblocked(block.source, how);
  }

  #keep(key: string, left: LeftRule, how: string | undefined): void {
    if (this.#left.size >= MAX_LEFT && !this.#left.has(key)) this.counters.rulesLeftForgotten++;
    else this.#left.set(key, left);
    const why = how === undefined ? "" : ` (${how})`;
    this.#parts.recorder.warning(`the block of ${key} has ended${why}, and its rule stays: ${left.failure}`, key);
    this.#tell();
  }

  #tell(): void {
    const { troubles } = this.#parts;
    this.counters.rulesLeft = this.#left.size;
    this.changes++;
    const text = this.#text();
    if (text === "") troubles?.clear(TOPIC);
    else troubles?.set(TOPIC, text);
  }

  #text(): string {
    const last = [...this.#left.values()].at(-1);
    return last === undefined ? "" : describeLeft(this.#left.size, last);
  }
}

/** For a person: how many rules stay, and about one of them. */
export function describeLeft(count: number, { block, failure }: LeftRule): string {
  const sources = plural(count, "source");
  return `the rules of ${sources} stay although the blocks have ended, the last ${formatPrefix(block.source)}: ${failure}`;
}

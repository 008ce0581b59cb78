// The kernel's sets in memory, at a time that stands still, and nft in its place: what is asked of them is noted, and
// refused when a test says so. How the kernel behaves is for test/lab/firewall.test.ts.
import type {
  ElementChange,
  ElementState,
  ElementVisitor,
  IntervalChange,
  IntervalState,
} from "../../src/kernel/nf-elements.ts";

const hex = (key: Uint8Array) => Buffer.from(key).toString("hex");

export class FakeTables {
  /** By set, then by key in hex: in how many milliseconds the element ends. */
  readonly sets = new Map<string, Map<string, number | undefined>>();
  /** What the next changes answer; "" when there is nothing left. */
  readonly codes: string[] = [];
  /** Keys in hex that no transaction may have. */
  readonly refused = new Set<string>();
  /** Keys in hex that are taken and not held. */
  readonly swallowed = new Set<string>();
  readonly asked: string[] = [];
  /** Of intervals: the first key behind each. */
  readonly #ends = new Map<string, Uint8Array | undefined>();
  fingerprints = "as loaded";
  readonly digests = new Map<string, string>();
  generations = 1;

  elements(set: string): Map<string, number | undefined> {
    const elements = this.sets.get(set) ?? new Map<string, number | undefined>();
    this.sets.set(set, elements);
    return elements;
  }

  #change(what: string, changes: readonly ElementChange[]): string {
    this.asked.push(`${what} ${changes.length}`);
    const code = this.codes.shift() ?? (changes.some(({ key }) => this.refused.has(hex(key))) ? "ENFILE" : "");
    if (code !== "") return code;
    for (const { set, key, timeoutMs } of changes)
      if (!this.swallowed.has(hex(key))) this.elements(set).set(hex(key), timeoutMs);
    return "";
  }

  insert(changes: readonly ElementChange[]): string {
    return this.#change("insert", changes);
  }

  replace(changes: readonly ElementChange[]): string {
    return this.#change("replace", changes);
  }

  remove(keys: readonly { readonly set: string; readonly key: Uint8Array }[]): string {
    this.asked.push(`remove ${keys.length}`);
    const code = this.codes.shift() ?? "";
    if (code === "") for (const { set, key } of keys) this.elements(set).delete(hex(key));
    return code;
  }

  empty(set: string): string {
    this.elements(set).clear();
    return "";
  }

  lookup(set: string, key: Uint8Array): ElementState {
    const elements = this.elements(set);
    return elements.has(hex(key)) ? { present: true, expiresInMs: elements.get(hex(key)) } : { present: false };
  }

  lookupAll(
    keys: readonly { readonly set: string; readonly key: Uint8Array }[],
    visit: (at: number, state: ElementState) => void,
  ): void {
    this.asked.push(`look up ${keys.length}`);
    for (const [at, { set, key }] of keys.entries()) visit(at, this.lookup(set, key));
  }

  /** In the order of hex, which is that of the keys. */
  intervalAt(set: string, key: Uint8Array): IntervalState | undefined {
    const asked = hex(key);
    const first = [...this.elements(set).keys()].sort().findLast((one) => one <= asked);
    if (first === undefined) return undefined;
    const end = this.#ends.get(`${set} ${first}`);
    if (end !== undefined && hex(end) <= asked) return undefined;
    return { first: Buffer.from(first, "hex"), expiresInMs: this.elements(set).get(first) };
  }

  visitElements(set: string, visit: ElementVisitor): void {
    this.asked.push(`visit ${set}`);
    for (const [key, expiresInMs] of this.elements(set)) {
      visit(Buffer.from(key, "hex"), expiresInMs, false);
      const end = this.#ends.get(`${set} ${key}`);
      if (end !== undefined) visit(Buffer.from(end), undefined, true);
    }
  }

  /** In place of dumpElements(). */
  readonly dump = async ({ set }: { readonly set: string }, visit: ElementVisitor, pause: () => Promise<void>) => {
    this.visitElements(set, visit);
    await pause();
  };

  countElements(set: string): number {
    return this.elements(set).size;
  }

  replaceIntervals(sets: readonly (readonly [set: string, intervals: readonly IntervalChange[]])[]): string {
    const code = this.codes.shift() ?? "";
    if (code === "")
      for (const [set, intervals] of sets) {
        this.elements(set).clear();
        this.#add(set, intervals);
      }
    return code;
  }

  changeIntervals(
    sets: readonly {
      readonly set: string;
      readonly gone: readonly IntervalChange[];
      readonly added: readonly IntervalChange[];
    }[],
  ): string {
    const code = this.codes.shift() ?? "";
    if (code !== "") return code;
    for (const { set, gone, added } of sets) {
      for (const { first } of gone) this.elements(set).delete(hex(first));
      this.#add(set, added);
    }
    return "";
  }

  #add(set: string, intervals: readonly IntervalChange[]): void {
    for (const { first, end, timeoutMs } of intervals) {
      this.elements(set).set(hex(first), timeoutMs);
      this.#ends.set(`${set} ${hex(first)}`, end);
    }
  }

  fingerprint(): string {
    return this.fingerprints;
  }

  digest(set: string): string {
    return this.digests.get(set) ?? "0:0";
  }

  generation(): number {
    return this.generations;
  }
}

export class FakeNft {
  readonly ran: string[] = [];
  /** Answers of the next runs, false: refused; what is run beyond them works. */
  readonly answers: boolean[] = [];

  run(commands: string) {
    this.ran.push(commands);
    const ok = this.answers.shift() ?? true;
    return { ok, output: "", error: ok ? "" : "Error: syntax error" };
  }
}

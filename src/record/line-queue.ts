// Keeps lines in order while some of them wait for a name. Without a resolver, and while no line waits, a line is
// written at once. A line waits no longer than the resolver takes (2 s at most), however many wait.

/** Lines beyond this number are written with the address instead of the name: a flood must not gather memory. */
const MAX_QUEUED = 4096;

interface Entry {
  readonly sourceText: string;
  readonly write: (name: string) => void;
  name: string | undefined;
}

export class LineQueue {
  readonly counters = { linesUnnamed: 0 };
  readonly #lookup: ((address: string) => Promise<string>) | undefined;
  #entries: Entry[] = [];

  constructor(lookup: ((address: string) => Promise<string>) | undefined) {
    this.#lookup = lookup;
  }

  /** Calls `write` in its turn, with the source's name, or the source itself when it has none. */
  putNamed(sourceText: string, write: (name: string) => void): void {
    // A block of addresses has no name.
    if (this.#lookup === undefined || sourceText.includes("/")) {
      this.#put({ sourceText, write, name: sourceText });
      return;
    }
    const entry: Entry = { sourceText, write, name: undefined };
    void this.#lookup(sourceText).then(
      (name) => this.#settle(entry, name),
      () => this.#settle(entry, sourceText),
    );
    this.#put(entry);
  }

  /** In its turn, for lines without a source. */
  put(write: () => void): void {
    this.#put({ sourceText: "", write, name: "" });
  }

  /** Writes everything now: before the daemon ends. */
  drain(): void {
    const entries = this.#entries;
    this.#entries = [];
    for (const { write, name, sourceText } of entries) write(name ?? sourceText);
  }

  #put(entry: Entry): void {
    if (this.#entries.length >= MAX_QUEUED) {
      this.counters.linesUnnamed += this.#entries.filter(({ name }) => name === undefined).length;
      this.drain();
    }
    if (this.#entries.length === 0 && entry.name !== undefined) entry.write(entry.name);
    else this.#entries.push(entry);
  }

  #settle(entry: Entry, name: string): void {
    entry.name = name;
    let ready = 0;
    while (this.#entries[ready]?.name !== undefined) ready++;
    for (const { write, name: known, sourceText } of this.#entries.splice(0, ready)) write(known ?? sourceText);
  }
}

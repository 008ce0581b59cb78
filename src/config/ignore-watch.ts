// Notices changes of the ignore files without a restart. A notification of their folder only makes the watch look sooner: only
// the file's stamp counts, so that a replaced file, a lost notification and a replaced folder are seen at the next
// poll(). A file is read when two looks in a row show the same stamp: a writer may be at work.
import { type BigIntStats, readFileSync, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import { escapeText } from "../base/escape.ts";
import type { Prefix } from "../wire/address.ts";
import { type IgnoredRead, joinIgnored, readIgnored, STATIC_SUFFIX } from "./ignored.ts";
import { formatProblem } from "./problems.ts";
import type { ReadFile } from "./read.ts";

/** What the watch needs of the system; a test brings its own. */
export interface IgnoreSystem {
  readonly readFile: ReadFile;
  /** Changes whenever the file does; "" when there is none or it cannot be asked. */
  readonly stamp: (path: string) => string;
  /** Calls back when something in the folder may have changed; throws when the folder cannot be watched. */
  readonly watchFolder: (folder: string, changed: () => void) => { close(): void };
  /** Calls back once, later; gives a way to call it off. */
  readonly later: (delayMs: number, task: () => void) => () => void;
  /** A clock that only goes forward. */
  readonly nowMs: () => number;
}

export interface IgnoreListener {
  /** The entries of both files as they now are, and the files that have changed. */
  onChange(prefixes: readonly Prefix[], paths: readonly string[]): void;
  /** For the administrator: a bad line, once for each version of the file; a file that is gone or cannot be read. */
  onProblem(message: string): void;
}

export interface IgnoreStart {
  /** IGNORE_FILE; the one with ".static" at its end is watched as well. */
  readonly path: string;
  /** Settings.ignored: the entries that the daemon has already. */
  readonly loaded: readonly Prefix[];
}

/** Between two looks at a file that must be the same; a notification may come just before a poll(). */
const SETTLE_MS = 100;

interface Watched {
  readonly path: string;
  /** The stamp of the version that `read` holds. */
  loaded: string;
  /** The stamp of the last look that showed another version than the look before, and the time of that look. */
  seen: string;
  seenAtMs: number;
  read: IgnoredRead;
}

export class IgnoreWatch {
  readonly #system: IgnoreSystem;
  readonly #listener: IgnoreListener;
  readonly #files: readonly [Watched, Watched];
  #folder: { close(): void } | undefined;
  #cancel: (() => void) | undefined;
  /** The files have changed between the loading of the settings and the first look at them. */
  #isStale: boolean;
  #closed = false;

  constructor(start: IgnoreStart, listener: IgnoreListener, system: IgnoreSystem = realIgnoreSystem) {
    this.#system = system;
    this.#listener = listener;
    this.#files = [this.#open(start.path), this.#open(start.path + STATIC_SUFFIX)];
    this.#isStale = !isEqual(this.#join(), start.loaded);
    this.#watch(dirname(start.path));
  }

  /** To be called every few seconds. */
  poll(): void {
    if (this.#closed) return;
    this.#tell(this.#files.filter((file) => this.#look(file)));
  }

  /** Reads both files at once, for a caller that has changed them and has finished. */
  readNow(): void {
    this.#tell(this.#files.filter((file) => this.#readAgain(file)));
  }

  #tell(changed: readonly Watched[]): void {
    // Which of the files has changed before the first look is not known.
    const told = this.#isStale ? this.#files.filter(({ read }) => !("fault" in read)) : changed;
    if (!this.#isStale && changed.length === 0) return;
    this.#isStale = false;
    this.#listener.onChange(
      this.#join(),
      told.map(({ path }) => path),
    );
  }

  /** One sentence for each file with lines that exempt nobody, for `portreeve status`. */
  leftOut(): string[] {
    return this.#files.flatMap(({ path, read }) => {
      if ("fault" in read || read.leftOut.count === 0) return [];
      const { count, lines } = read.leftOut;
      const named = `${lines.join(", ")}${count > lines.length ? " ..." : ""}`;
      const [what, where] = count === 1 ? ["1 line exempts", "line"] : [`${count} lines exempt`, "lines"];
      return [`${escapeText(path, 4096)}: ${what} nobody (${where} ${named}): "portreeve check" says why`];
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#folder?.close();
  }

  #join(): readonly Prefix[] {
    return joinIgnored(this.#files[0].read, this.#files[1].read).prefixes;
  }

  #open(path: string): Watched {
    // The stamp is taken first: a change between the two is seen at the next look.
    const stamp = this.#system.stamp(path);
    return { path, loaded: stamp, seen: stamp, seenAtMs: 0, read: readIgnored(path, this.#system.readFile) };
  }

  #watch(folder: string): void {
    try {
      this.#folder = this.#system.watchFolder(folder, () => this.#settle());
    } catch {
      // Without inotify, or without the folder, poll() sees every change a little later.
    }
  }

  /** One look now, the second when the file has had time to change again. */
  #settle(): void {
    if (this.#closed || this.#cancel !== undefined) return;
    this.poll();
    // A timer may end a little early by the other clock.
    this.#cancel = this.#system.later(SETTLE_MS + 10, () => {
      this.#cancel = undefined;
      this.poll();
    });
  }

  /** True when new entries were read. */
  #look(file: Watched): boolean {
    const stamp = this.#system.stamp(file.path);
    const nowMs = this.#system.nowMs();
    if (stamp !== file.seen) {
      file.seen = stamp;
      file.seenAtMs = nowMs;
      return false;
    }
    return stamp !== file.loaded && nowMs - file.seenAtMs >= SETTLE_MS && this.#readAgain(file);
  }

  /** True when new entries were read. */
  #readAgain(file: Watched): boolean {
    const stamp = this.#system.stamp(file.path);
    if (stamp === file.loaded) return false;
    const read = readIgnored(file.path, this.#system.readFile);
    // The file changed while it was read, so the text may be half of one version and half of the other.
    if (this.#system.stamp(file.path) !== stamp) return false;
    file.loaded = stamp;
    if ("fault" in read) {
      this.#complain(file, read);
      return false;
    }
    file.read = read;
    for (const problem of read.problems) this.#listener.onProblem(formatProblem(problem));
    return true;
  }

  /** Entries that protect somebody are not given up because their file cannot be had for a while. */
  #complain({ path, read }: Watched, { fault }: { readonly fault: string }): void {
    if ("fault" in read) return;
    const kept = read.prefixes.length === 1 ? "its 1 entry stays" : `its ${read.prefixes.length} entries stay`;
    this.#listener.onProblem(`${path}: ${fault}; ${kept} in force until the daemon is restarted`);
  }
}

function isEqual(a: readonly Prefix[], b: readonly Prefix[]): boolean {
  return a.length === b.length && a.every((prefix, index) => isSamePrefix(prefix, b[index]));
}

function isSamePrefix(a: Prefix, b: Prefix | undefined): boolean {
  return b !== undefined && a.bits === b.bits && a.w0 === b.w0 && a.w1 === b.w1 && a.w2 === b.w2 && a.w3 === b.w3;
}

export const realIgnoreSystem: IgnoreSystem = {
  readFile: (path) => readFileSync(path),
  stamp(path) {
    try {
      return stampOf(statSync(path, { bigint: true }));
    } catch {
      return "";
    }
  },
  watchFolder(folder, changed) {
    const watcher = watch(folder, { persistent: false }, changed);
    // Without it an error (the folder is removed) would end the daemon.
    watcher.on("error", () => watcher.close());
    return watcher;
  },
  later(delayMs, task) {
    const timer = setTimeout(task, delayMs).unref();
    return () => clearTimeout(timer);
  },
  nowMs: () => performance.now(),
};

/** The change time is in it because a writer can set the modification time back. */
function stampOf({ dev, ino, size, mtimeNs, ctimeNs, mode }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs, mode].join(" ");
}

// A wall clock that a test may set: libfaketime, unpacked from Debian's package, not installed, shows one program another
// wall clock. The real one is never touched, and the monotonic clock is the kernel's own.
import { readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "./exec.ts";
import { fetchPackages } from "./fetch-packages.ts";
import type { Lab } from "./lab.ts";

export class WallClock {
  readonly #library: string;
  readonly #file: string;
  #aheadSeconds = 0;

  private constructor(library: string, file: string) {
    this.#library = library;
    this.#file = file;
    this.set(0);
  }

  static async fetch(lab: Lab): Promise<WallClock> {
    const folder = join(lab.folder, "faketime");
    for (const file of await fetchPackages(["libfaketime"])) await mustRun(["dpkg-deb", "-x", file, folder]);
    const [machine = ""] = readdirSync(join(folder, "usr/lib"));
    return new WallClock(
      join(folder, "usr/lib", machine, "faketime/libfaketimeMT.so.1"),
      join(lab.folder, "wall-clock"),
    );
  }

  /** So far ahead of the real one (or behind it, below nought) from now on, at once for whoever runs under it. */
  set(aheadSeconds: number): void {
    this.#aheadSeconds = aheadSeconds;
    // By renaming: the library may read just now.
    writeFileSync(`${this.#file}.new`, `${aheadSeconds < 0 ? "" : "+"}${aheadSeconds}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }

  /** What it shows. */
  nowMs(): number {
    return Date.now() + this.#aheadSeconds * 1000;
  }

  /** A command line under this clock. */
  enter(argv: readonly string[]): readonly string[] {
    return [
      "env",
      `LD_PRELOAD=${this.#library}`,
      `FAKETIME_TIMESTAMP_FILE=${this.#file}`,
      "FAKETIME_NO_CACHE=1",
      "FAKETIME_DONT_FAKE_MONOTONIC=1",
      ...argv,
    ];
  }
}

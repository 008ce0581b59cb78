// A file that is replaced whole or not at all, also when the power fails: by a new one beside it, whose name nobody can
// guess, that takes its place with the owner and mode of the old one. Only a file of ours is replaced (trust.ts). Where the
// file is a mount of its own (a container's), which cannot be replaced, it is written in place.
import { randomBytes } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open, readdir, realpath, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { NotOurs, riskOfFolders, statOurs, whyNotOurs } from "./trust.ts";

export interface ReplacedFileOptions {
  /** The mode of a file that is not there yet. */
  readonly mode: number;
  readonly maxBytes: number;
  /**
   * "refuse", or "root's": for files of the administrator's, a link that only root can have made is followed, stays a link,
   * and what it leads to is replaced.
   */
  readonly links: "refuse" | "root's";
}

export interface ReadFile {
  readonly bytes: Buffer;
  /** The stamp of the file that was read. */
  readonly stat: Stats;
}

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const NAME_BYTES = 12;
/** A draft that a killed process has left is removed when it is this old. */
const STALE_MS = 60_000;
/** The file, or its folder, is mounted alone: nothing can be put in its place. */
const IN_PLACE: readonly string[] = ["EBUSY", "EROFS"];

export class ReplacedFile {
  readonly path: string;
  readonly #options: ReplacedFileOptions;
  #isSwept = false;

  constructor(path: string, options: ReplacedFileOptions) {
    this.path = path;
    this.#options = options;
  }

  /** undefined when there is no such file. Rejects with NotOurs, or as open does. */
  async read(): Promise<ReadFile | undefined> {
    const path = await this.resolve();
    if (statOurs(path) === undefined) return undefined;
    const { maxBytes } = this.#options;
    return await withFile(path, O_RDONLY, async (file) => {
      const stat = await file.stat();
      refuse(path, stat);
      if (stat.size > maxBytes) throw new Error(`it has ${stat.size} bytes, more than ${maxBytes}`);
      return { bytes: await file.readFile(), stat };
    });
  }

  /**
   * Puts these bytes in its place. False: it is not as `ifStill` says, and nothing was done. Rejects with NotOurs, or as the
   * system does; the file is then as it was.
   */
  async replace(bytes: Uint8Array | string, ifStill?: Stats): Promise<boolean> {
    const path = await this.resolve();
    const old = statOurs(path);
    if (ifStill !== undefined && !isSame(ifStill, old)) return false;
    await this.#sweep(path);
    const draft = join(dirname(path), `.${basename(path)}.${randomBytes(NAME_BYTES).toString("hex")}.new`);
    try {
      await withFile(draft, O_WRONLY | O_CREAT | O_EXCL, async (file) => {
        await file.writeFile(bytes);
        if (old !== undefined) await keepOwner(file, old);
        await file.chmod(old === undefined ? this.#options.mode : old.mode & 0o7777);
        await file.sync();
      });
      if (ifStill !== undefined && !isSame(ifStill, statOurs(path))) {
        await unlink(draft);
        return false;
      }
      await rename(draft, path);
    } catch (error) {
      await unlink(draft).catch(() => undefined);
      if (old === undefined || !IN_PLACE.includes(codeOf(error))) throw error;
      await writeInPlace(path, old, bytes);
      return true;
    }
    await syncFolder(dirname(path));
    return true;
  }

  /** Where the file itself lies. */
  async resolve(): Promise<string> {
    const { path } = this;
    if (this.#options.links === "refuse") return path;
    const link = await lstat(path).catch(() => undefined);
    if (link?.isSymbolicLink() !== true) return path;
    if (link.uid !== 0 && link.uid !== process.geteuid?.())
      throw new NotOurs(path, `it is a link that user ${link.uid} has made`);
    const risk = riskOfFolders(path);
    if (risk !== "") throw new NotOurs(path, `it is a symbolic link, and ${risk}`);
    return await realpath(path).catch((error: unknown) => {
      throw codeOf(error) === "ENOENT" ? new NotOurs(path, "it is a symbolic link that leads nowhere") : error;
    });
  }

  /** Removes once the drafts that killed processes have left. A draft of a process that runs is younger. */
  async #sweep(path: string): Promise<void> {
    if (this.#isSwept) return;
    this.#isSwept = true;
    const folder = dirname(path);
    const isDraft = (name: string) =>
      name.startsWith(`.${basename(path)}.`) && /\.[0-9a-f]{24}\.new$/.test(name.slice(basename(path).length + 1));
    const names = await readdir(folder).catch(() => []);
    for (const name of names.filter(isDraft)) {
      const stat = await lstat(join(folder, name)).catch(() => undefined);
      const isOurs = stat !== undefined && whyNotOurs(stat) === "";
      if (isOurs && Date.now() - stat.mtimeMs > STALE_MS) await unlink(join(folder, name)).catch(() => undefined);
    }
  }
}

async function withFile<T>(path: string, flags: number, work: (file: FileHandle) => Promise<T>): Promise<T> {
  // Without O_NONBLOCK the opening of a pipe would wait for ever.
  const file = await open(path, flags | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

function refuse(path: string, stat: Stats): void {
  const why = whyNotOurs(stat);
  if (why !== "") throw new NotOurs(path, why);
}

/** A user who is not root may give a file to no other user, and only to a group of his own: the draft stays his then. */
async function keepOwner(file: FileHandle, { uid, gid }: Stats): Promise<void> {
  try {
    await file.chown(uid, gid);
  } catch (error) {
    if (codeOf(error) !== "EPERM") throw error;
  }
}

async function writeInPlace(path: string, old: Stats, bytes: Uint8Array | string): Promise<void> {
  const all = Buffer.from(bytes);
  await withFile(path, O_WRONLY, async (file) => {
    const stat = await file.stat();
    refuse(path, stat);
    if (stat.ino !== old.ino || stat.dev !== old.dev) throw new NotOurs(path, "another program has just replaced it");
    for (let at = 0; at < all.length; ) at += (await file.write(all, at, all.length - at, at)).bytesWritten;
    await file.truncate(all.length);
    await file.sync();
  });
}

/** So that the new name survives a power cut too. The file is in place already: a failure changes nothing. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, O_RDONLY | O_DIRECTORY);
    await folder.sync().finally(() => folder.close());
  } catch {
    // Some file systems cannot sync a directory.
  }
}

function isSame(a: Stats, b: Stats | undefined): boolean {
  return b !== undefined && a.ino === b.ino && a.dev === b.dev && a.size === b.size && a.ctimeMs === b.ctimeMs;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

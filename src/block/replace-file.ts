// Changes a small text file that others own, all or nothing: under a lock, by a new file beside it that takes its place.
// Owner and mode stay, bytes that are no UTF-8 stay, a symbolic link stays and what it points to is replaced.
import { constants } from "node:fs";
import { type FileHandle, lstat, open, realpath, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface ReplaceOptions {
  readonly maxBytes: number;
  readonly lockWaitMs: number;
  /** Takes the lock; undefined while another process has it. */
  readonly lock: (path: string) => { close(): void } | undefined;
}

const LOCK_RETRY_MS = 10;

/** `edit` gets and gives the text as latin1: one character a byte. Throws when the file is as it was. */
export async function replaceFile(
  path: string,
  edit: (text: string) => string,
  options: ReplaceOptions,
): Promise<void> {
  const real = await resolveLinks(path);
  const lock = await waitForLock(join(dirname(real), `.${basename(real)}.portreeve.lock`), options);
  try {
    const before = await readText(real, options.maxBytes);
    const text = edit(before?.text ?? "");
    if (text === (before?.text ?? "")) return;
    if (text.length > options.maxBytes) throw new Error(`it would grow beyond ${options.maxBytes} bytes`);
    await putInPlace(real, text, before ?? { mode: 0o644, uid: undefined, gid: undefined });
  } finally {
    lock.close();
  }
}

/** The text of a file that may be missing: undefined then. */
export async function readTextFile(path: string, maxBytes: number): Promise<string | undefined> {
  return (await readText(await resolveLinks(path), maxBytes))?.text;
}

interface Owner {
  readonly mode: number;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

async function readText(path: string, maxBytes: number): Promise<(Owner & { readonly text: string }) | undefined> {
  let file: FileHandle;
  try {
    // Without O_NONBLOCK the opening of a pipe would wait for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error(stat.isDirectory() ? "it is a directory" : "it is no regular file");
    if (stat.size > maxBytes) throw new Error(`it has ${stat.size} bytes, more than ${maxBytes}`);
    return { text: await file.readFile("latin1"), mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid };
  } finally {
    await file.close();
  }
}

async function putInPlace(path: string, text: string, { mode, uid, gid }: Owner): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.portreeve.new`);
  // What a killed process left: nobody else writes it, as we hold the lock.
  await unlink(temporary).catch(() => undefined);
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text, "latin1");
      if (uid !== undefined && gid !== undefined) await file.chown(uid, gid);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
}

/** So that the new name survives a power cut too. The file is in place already: a failure changes nothing. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    await folder.sync().finally(() => folder.close());
  } catch {
    // Some file systems cannot sync a directory.
  }
}

async function resolveLinks(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    const link = await lstat(path).catch(() => undefined);
    if (link !== undefined) throw new Error("it is a symbolic link that leads nowhere");
    return join(await realpath(dirname(path)), basename(path));
  }
}

async function waitForLock(path: string, { lock, lockWaitMs }: ReplaceOptions): Promise<{ close(): void }> {
  for (let waitedMs = 0; ; waitedMs += LOCK_RETRY_MS) {
    const held = lock(path);
    if (held !== undefined) return held;
    if (waitedMs >= lockWaitMs) throw new Error(`another process holds ${path} for more than ${lockWaitMs / 1000} s`);
    await delay(LOCK_RETRY_MS);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

// Changes a small text file that others change as well, under a lock that programs of ours take: base/ replaces it.
// Bytes that are no UTF-8 stay; a symbolic link of root's stays, and what it points to is replaced.
import { accessSync, constants } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { errorCode } from "../../base/errors.ts";
import { ReplacedFile } from "../../base/replaced-file.ts";

export interface ReplaceOptions {
  readonly maxBytes: number;
  readonly lockWaitMs: number;
  /** Takes the lock; undefined while another process has it. */
  readonly lock: (path: string) => { close(): void } | undefined;
}

const LOCK_RETRY_MS = 10;
const NEW_FILE_MODE = 0o644;

function fileAt(path: string, maxBytes: number): ReplacedFile {
  return new ReplacedFile(path, { mode: NEW_FILE_MODE, maxBytes, links: "root's" });
}

/** `edit` gets and gives the text as latin1: one character a byte. Throws when the file is as it was. */
export async function replaceFile(
  path: string,
  edit: (text: string) => string,
  options: ReplaceOptions,
): Promise<void> {
  const file = fileAt(path, options.maxBytes);
  const real = await file.resolve();
  const lock = await waitForLock(lockPathOf(real), options);
  try {
    const before = (await file.read())?.bytes.toString("latin1") ?? "";
    const text = edit(before);
    if (text === before) return;
    if (text.length > options.maxBytes) throw new Error(`it would grow beyond ${options.maxBytes} bytes`);
    await file.replace(Buffer.from(text, "latin1"));
  } finally {
    lock.close();
  }
}

/** Beside the file; of a file that alone of its folder can be written, and so is written in place, it is the file itself. */
function lockPathOf(real: string): string {
  return isReadOnly(dirname(real)) && !isReadOnly(real) ? real : besideOf(real);
}

function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (error) {
    return errorCode(error) === "EROFS";
  }
}

/** The text of a file that may be missing: undefined then. */
export async function readTextFile(path: string, maxBytes: number): Promise<string | undefined> {
  return (await fileAt(path, maxBytes).read())?.bytes.toString("latin1");
}

function besideOf(real: string): string {
  return join(dirname(real), `.${basename(real)}.portreeve.lock`);
}

/** Takes the lock's file away, for when nobody of ours will change the text file any more. */
export async function removeLockFile(path: string, maxBytes: number): Promise<void> {
  await rm(besideOf(await fileAt(path, maxBytes).resolve()), { force: true });
}

async function waitForLock(path: string, { lock, lockWaitMs }: ReplaceOptions): Promise<{ close(): void }> {
  for (let waitedMs = 0; ; waitedMs += LOCK_RETRY_MS) {
    const held = lock(path);
    if (held !== undefined) return held;
    if (waitedMs >= lockWaitMs) throw new Error(`another process holds ${path} for more than ${lockWaitMs / 1000} s`);
    await delay(LOCK_RETRY_MS);
  }
}

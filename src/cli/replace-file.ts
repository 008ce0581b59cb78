// Replaces a file whole or not at all: readers see the old text or the new one, also when the power fails. The new file
// has the mode and owner of the old one. A link is followed, so that it stays a link.
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

const MAX_TEXT_BYTES = 16 * 1024 * 1024;
/** Another program that edits the same file is waited for by beginning again. */
const MAX_TRIES = 20;

export function readText(path: string): string {
  const { size } = statSync(path);
  if (size > MAX_TEXT_BYTES)
    throw new Error(`${path} has ${size} bytes, more than ${MAX_TEXT_BYTES}; is this the right file?`);
  return readFileSync(path, "utf8");
}

/** `mode` is for a file that is not there yet. */
export function replaceFile(path: string, text: string, mode: number): void {
  const target = followLink(path);
  const old = statSync(target, { throwIfNoEntry: false });
  const draft = writeDraft(target, text, old ?? mode);
  moveIntoPlace(draft, target);
}

/** Reads, changes and replaces; begins again when the file was changed meanwhile. `change` gives undefined for "leave it". */
export function editFile(path: string, change: (text: string) => string | undefined): void {
  const target = followLink(path);
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const before = statSync(target);
    const changed = change(readText(target));
    if (changed === undefined) return;
    const draft = writeDraft(target, changed, before);
    if (isSame(before, statSync(target, { throwIfNoEntry: false }))) {
      moveIntoPlace(draft, target);
      return;
    }
    rmSync(draft, { force: true });
  }
  throw new Error(`${path} is being changed by another program all the time; try again later`);
}

function followLink(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** A file of a name that nobody can have made before, beside the target, complete and on disk. */
function writeDraft(target: string, text: string, like: Stats | number): string {
  const draft = join(dirname(target), `.${basename(target)}.${process.pid}.${process.hrtime.bigint()}`);
  const fd = openSync(draft, "wx", 0o600);
  try {
    writeFileSync(fd, text);
    if (typeof like === "number") fchmodSync(fd, like);
    else {
      if (process.getuid?.() === 0) fchownSync(fd, like.uid, like.gid);
      fchmodSync(fd, like.mode & 0o7777);
    }
    fsyncSync(fd);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  return draft;
}

function moveIntoPlace(draft: string, target: string): void {
  try {
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

function isSame(a: Stats, b: Stats | undefined): boolean {
  return b !== undefined && a.ino === b.ino && a.dev === b.dev && a.size === b.size && a.ctimeMs === b.ctimeMs;
}

// STATE_DIR: one daemon at a time, and nobody else who writes there. On a read-only file system (a root that fsck left so) the daemon
// starts all the same: the lock is then beside the control socket, and what would be kept is kept in memory.
import { accessSync, chmodSync, constants, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { errorCode, messageOf } from "../base/errors.ts";
import { ExitCode } from "../base/exit-code.ts";
import { StartError } from "../base/start-error.ts";
import { riskOfFolder } from "../base/trust.ts";
import { lockFile } from "../kernel/libc.ts";

/**
 * A folder that is empty and our own is as good as one that was not there: a fresh tmpfs is open to everybody. Not one that
 * others count on.
 */
function makePrivate(stateDir: string): void {
  if (everybodysFolders.has(resolve(stateDir))) return;
  const stat = lstatSync(stateDir, { throwIfNoEntry: false });
  const isOpenToOthers = stat?.isDirectory() === true && stat.uid === process.getuid?.() && (stat.mode & 0o022) !== 0;
  if (isOpenToOthers && readdirSync(stateDir).length === 0) chmodSync(stateDir, 0o700);
}

const everybodysFolders: ReadonlySet<string> = new Set(["/", "/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/var/lock"]);

export interface StateFolder {
  /** Nothing can be written there. */
  readonly isReadOnly: boolean;
  /** Gives the lock up. */
  close(): void;
}

/** Makes the folder where it is not there, and takes its lock; `runFolder` has the lock of one that is read-only. Throws StartError. */
export function lockStateFolder(stateDir: string, runFolder: string): StateFolder {
  const isReadOnly = makeFolder(stateDir) === "read-only";
  if (!isReadOnly) makePrivate(stateDir);
  // Where nobody can write, only what is there already could be somebody else's.
  const risk = isReadOnly && isEmpty(stateDir) ? "" : riskOfFolder(stateDir, true);
  if (risk !== "") {
    const remedy = `make it root's alone (chown root ${stateDir}; chmod 700 ${stateDir}), or name another STATE_DIR`;
    throw new StartError(
      `STATE_DIR: ${risk}, and so could decide which sources are blocked; ${remedy}`,
      ExitCode.CannotCreate,
    );
  }
  if (isReadOnly) makeFolder(runFolder);
  const path = join(isReadOnly ? runFolder : stateDir, "portreeve.lock");
  const lock = lockFile(path);
  if (lock === undefined) {
    throw new StartError(
      `another Portreeve is running on ${stateDir} (it holds ${path}); stop it first, or give this one its own STATE_DIR`,
      ExitCode.Unavailable,
    );
  }
  return { isReadOnly, close: () => lock.close() };
}

/** Throws StartError. */
function makeFolder(path: string): "made" | "read-only" {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.W_OK);
  } catch (error) {
    if (isOnReadOnly(path)) return "read-only";
    // What may not be written by this user fails where it is written.
    if (errorCode(error) === "EACCES" && lstatSync(path, { throwIfNoEntry: false }) !== undefined) return "made";
    throw new StartError(`cannot make STATE_DIR ${path}: ${messageOf(error)}`, ExitCode.CannotCreate);
  }
  return "made";
}

/** Of a folder that is not there the one above it is asked. */
export function isOnReadOnly(path: string): boolean {
  for (let at = resolve(path); ; at = dirname(at)) {
    try {
      accessSync(at, constants.W_OK);
      return false;
    } catch (error) {
      if (errorCode(error) !== "ENOENT" || at === dirname(at)) return errorCode(error) === "EROFS";
    }
  }
}

function isEmpty(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0;
  } catch (error) {
    return errorCode(error) === "ENOENT";
  }
}

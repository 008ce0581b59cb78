// STATE_DIR: one daemon at a time, and nobody else who writes there.
import { chmodSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { messageOf } from "../base/errors.ts";
import { ExitCode } from "../base/exit-code.ts";
import { StartError } from "../base/start-error.ts";
import { riskOfFolder } from "../base/trust.ts";
import { lockFile } from "../kernel/libc.ts";

/** sysexits.h */

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

/** Makes the folder where it is not there, and takes its lock. Throws StartError. */
export function lockStateFolder(stateDir: string): NonNullable<ReturnType<typeof lockFile>> {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartError(`cannot make STATE_DIR ${stateDir}: ${messageOf(error)}`, ExitCode.CannotCreate);
  }
  makePrivate(stateDir);
  const risk = riskOfFolder(stateDir, true);
  if (risk !== "") {
    const remedy = `make it root's alone (chown root ${stateDir}; chmod 700 ${stateDir}), or name another STATE_DIR`;
    throw new StartError(
      `STATE_DIR: ${risk}, and so could decide which sources are blocked; ${remedy}`,
      ExitCode.CannotCreate,
    );
  }
  const path = join(stateDir, "portreeve.lock");
  const lock = lockFile(path);
  if (lock === undefined) {
    throw new StartError(
      `another Portreeve is running on ${stateDir} (it holds ${path}); stop it first, or give this one its own STATE_DIR`,
      ExitCode.Unavailable,
    );
  }
  return lock;
}

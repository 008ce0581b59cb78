// Says whether a file is ours. We write as root, often where others may write as well (2.x's default place is /tmp): no link is followed,
// and only a regular file is written to or replaced that belongs to root or to us and has one name.
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";

type Facts = Pick<Stats, "uid" | "nlink" | "isFile" | "isDirectory" | "isSymbolicLink">;

/** A file that is there and is not ours to use; the message says why and what to do. */
export class NotOurs extends Error {
  constructor(path: string, why: string) {
    super(`${path}: ${why}; move it away, or name another file`);
    this.name = "NotOurs";
  }
}

function isTrusted(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

/** Why a file is not ours, or "". */
export function whyNotOurs(stat: Facts): string {
  if (stat.isSymbolicLink()) return "it is a symbolic link, which is not followed";
  if (stat.isDirectory()) return "it is a directory";
  if (!stat.isFile()) return "it is no regular file";
  if (!isTrusted(stat.uid)) return `it belongs to user ${stat.uid}, who could read it and change what is written to it`;
  if (stat.nlink > 1) return `it has ${stat.nlink} names (hard links), and the others may be somebody else's`;
  return "";
}

/** The facts of a file that is ours; undefined when there is none. Throws NotOurs, or as lstat does. */
export function statOurs(path: string): Stats | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat !== undefined) refuseOthers(path, stat);
  return stat;
}

function refuseOthers(path: string, stat: Facts): void {
  const why = whyNotOurs(stat);
  if (why !== "") throw new NotOurs(path, why);
}

/** Opens a file of ours, or makes it with O_CREAT. The caller closes it. Throws NotOurs, or as open does. */
export function openOurs(path: string, flags: number, mode = 0o600): number {
  // Looked at before, for the message: what the kernel refuses to open in /tmp it calls a lack of permission.
  statOurs(path);
  const fd = openSync(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY, mode);
  try {
    refuseOthers(path, fstatSync(fd));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The bytes of a file of ours. Throws NotOurs, as open does, or because it is too long. */
export function readOurs(path: string, maxBytes: number): Buffer {
  const fd = openOurs(path, constants.O_RDONLY);
  try {
    const { size } = fstatSync(fd);
    if (size > maxBytes) throw new Error(`${path} has ${size} bytes, more than ${maxBytes}`);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * What others than root and we can do where this name stands, in words; "" for nothing, or where it cannot be asked. In a
 * folder with the sticky bit (/tmp) they can only be there first: a folder of ours in it is safe.
 */
export function riskOfFolders(path: string): string {
  for (let at = path, folder = dirname(at); folder !== at; at = folder, folder = dirname(folder)) {
    const risk = riskOfFolder(folder, at === path);
    if (risk !== "") return risk;
  }
  return "";
}

/** The same of one folder. `newNames`: whether it matters that others may be first with a name that is not there yet. */
export function riskOfFolder(folder: string, newNames: boolean): string {
  const stat = statOf(folder);
  if (stat === undefined) return "";
  const { uid, gid, mode } = stat;
  if (!isTrusted(uid)) return `the folder ${folder} belongs to user ${uid}, who may replace what is in it`;
  const isSticky = (mode & 0o1000) !== 0;
  if (isSticky && !newNames) return "";
  const who = (mode & 0o002) !== 0 ? "everybody" : (mode & 0o020) !== 0 && gid !== 0 ? `group ${gid}` : "";
  if (who === "") return "";
  return isSticky ? `${who} may put a file into ${folder} first` : `${who} may replace what is in ${folder}`;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** The risks of writing or replacing the file at a path: why it will not be written, and what others may do to it. */
export interface FileRisk {
  /** "" when it will be written. */
  readonly refusal: string;
  /** "" for none. */
  readonly risk: string;
}

/**
 * As it is now. `links`: "root's" where a link of root's would be followed (ReplacedFile). Never throws: what cannot be asked
 * is told when it is written.
 */
export function riskOfWriting(path: string, links: "refuse" | "root's" = "refuse"): FileRisk {
  const link = linkOf(path);
  const stat = link?.isSymbolicLink() === true && links === "root's" && isTrusted(link.uid) ? statOf(path) : link;
  return { refusal: stat === undefined ? "" : whyNotOurs(stat), risk: riskOfFolders(path) };
}

/** The other users who may change the file that is read (or run) from this path, in words; "" for none, or without a file. */
export function riskOfReading(path: string): string {
  const stat = statOf(path);
  if (stat === undefined) return "";
  if (!isTrusted(stat.uid)) return `it belongs to user ${stat.uid}`;
  if ((stat.mode & 0o002) !== 0) return "everybody may write it";
  if ((stat.mode & 0o020) !== 0 && stat.gid !== 0) return `group ${stat.gid} may write it`;
  return riskOfFolders(path);
}

function linkOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

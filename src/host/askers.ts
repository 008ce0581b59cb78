// Which process sends something, by the inode of its socket: in /proc, as far as this daemon may look there, and, where it may not, at
// least the unit by the socket's control group. Each look has a budget of time: a host may have a million descriptors.
import { statSync } from "node:fs";
import type { SessionHost } from "./ssh-sessions.ts";

/** The questions to the host; tests give their own answers. */
export interface AskersHost extends Pick<SessionHost, "read" | "list" | "readLink"> {
  /** Inode and owner of a file; undefined where there is none. */
  readonly stat: (path: string) => { readonly ino: number; readonly uid: number } | undefined;
  readonly nowMs: () => number;
}

export function statOf(path: string) {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

export interface Asker {
  readonly pid: number;
  readonly name: string;
  readonly uid: number;
  /** Its systemd unit, or what else its control group is called; "" for none. */
  readonly unit: string;
}

/** One look into /proc, or at the control groups, takes no longer. */
const BUDGET_MS = 30;
const MAX_PASSWD_BYTES = 1 << 20;
const CGROUPS = "/sys/fs/cgroup";
const MAX_CGROUPS = 8_192;

/** Processes that have one of these sockets, at most `limit`; of this user alone unless it is absent. Newer ones are asked first. */
export function findAskers(host: AskersHost, inodes: ReadonlySet<number>, limit: number, uid?: number): Asker[] {
  const found: Asker[] = [];
  if (inodes.size === 0) return found;
  const endMs = host.nowMs() + BUDGET_MS;
  const pids = tryList(host, "/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  for (const pid of pids.sort((a, b) => b - a)) {
    if (host.nowMs() > endMs || found.length >= limit) break;
    if (pid === process.pid) continue;
    const owner = host.stat(`/proc/${pid}`)?.uid;
    if (owner === undefined || (uid !== undefined && owner !== uid)) continue;
    if (hasSocket(host, pid, inodes, endMs)) found.push(describe(host, pid, owner));
  }
  return found;
}

function hasSocket(host: AskersHost, pid: number, inodes: ReadonlySet<number>, endMs: number): boolean {
  for (const fd of tryList(host, `/proc/${pid}/fd`)) {
    if (host.nowMs() > endMs) return false;
    const match = /^socket:\[(\d+)\]$/.exec(tryReadLink(host, `/proc/${pid}/fd/${fd}`));
    if (match !== null && inodes.has(Number(match[1]))) return true;
  }
  return false;
}

function describe(host: AskersHost, pid: number, uid: number): Asker {
  const name = tryRead(host, `/proc/${pid}/comm`).trim();
  const groups = tryRead(host, `/proc/${pid}/cgroup`).split("\n");
  // Version 2 alone has no controllers in its line, and systemd's own hierarchy is named so with version 1.
  const path = groups.map((line) => /^\d+:(?:name=systemd)?:(.+)$/.exec(line)?.[1]).find((each) => each !== undefined);
  return { pid, name, uid, unit: unitOf(path ?? "") };
}

/** "/system.slice/nginx.service" is "nginx.service", "/user.slice/user-0.slice/session-3.scope" is "session-3.scope". */
function unitOf(path: string): string {
  const parts = path.split("/").filter((part) => part !== "");
  return parts.findLast((part) => /\.(?:service|scope|slice)$/.test(part)) ?? parts.at(-1) ?? "";
}

/** The unit of a control group by its number, which is the inode of its folder; "" where it is not found. */
export function unitOfCgroup(host: AskersHost, cgroup: number): string {
  if (cgroup === 0) return "";
  const endMs = host.nowMs() + BUDGET_MS;
  const folders = [CGROUPS];
  for (let at = 0; at < folders.length && at < MAX_CGROUPS && host.nowMs() <= endMs; at++) {
    const folder = folders[at] ?? "";
    if (host.stat(folder)?.ino === cgroup) return unitOf(folder.slice(CGROUPS.length));
    // Files have a dot in front of their last word that no folder has: "memory.max", "cgroup.procs"; units end otherwise.
    for (const name of tryList(host, folder)) {
      if (!name.includes(".") || /\.(?:service|scope|slice|socket|mount)$/.test(name))
        folders.push(`${folder}/${name}`);
    }
  }
  return "";
}

/** Sockets that send packets of their own making: a scanner with them has no TCP socket. */
export function rawSockets(host: AskersHost): Set<number> {
  const inodes = new Set<number>();
  for (const [path, column] of [
    ["/proc/net/packet", 8],
    ["/proc/net/raw", 9],
    ["/proc/net/raw6", 9],
  ] as const) {
    for (const line of tryRead(host, path).split("\n").slice(1)) {
      const inode = Number(line.trim().split(/\s+/)[column]);
      if (Number.isSafeInteger(inode) && inode > 0) inodes.add(inode);
    }
  }
  return inodes;
}

/** "root", or "uid 1000" where /etc/passwd has no name. */
export function userName(host: AskersHost, uid: number): string {
  const text = tryRead(host, "/etc/passwd").slice(0, MAX_PASSWD_BYTES);
  for (const line of text.split("\n")) {
    const [name = "", , number] = line.split(":");
    if (number === String(uid) && name !== "") return name;
  }
  return `uid ${uid}`;
}

function tryRead(host: AskersHost, path: string): string {
  try {
    return host.read(path).toString("latin1");
  } catch {
    return "";
  }
}

function tryList(host: AskersHost, path: string): readonly string[] {
  try {
    return host.list(path);
  } catch {
    return [];
  }
}

function tryReadLink(host: AskersHost, path: string): string {
  try {
    return host.readLink(path);
  } catch {
    return "";
  }
}

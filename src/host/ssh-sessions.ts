// Finds the sources of live SSH sessions: established connections to sshd's ports in which a user has logged in. A connection
// alone says nothing: anybody may hold one open for LoginGraceTime, and would come into the guard by it.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type Connected, listConnected } from "../kernel/sock-diag.ts";
import { formatPrefix, type Prefix, parseAddress, prefixOfWords } from "../wire/address.ts";
import type { ConfigHost } from "./sshd-config.ts";

/** The questions to the host; tests give their own answers. */
export interface SessionHost extends ConfigHost {
  readonly readLink: (path: string) => string;
  readonly connected: (port: number) => readonly Connected[];
}

/** Sessions listed at most: one more is not guarded. */
export const MAX_SESSIONS = 1_024;

/** utmp(5) on 64-bit Linux: i16 type at 0, 4 words of address at 348, 384 bytes a record. */
const UTMP_BYTES = 384;
const UTMP_ADDRESS_AT = 348;
const USER_PROCESS = 7;

/**
 * "sshd: alice@pts/0", "sshd-session: root@notty", "sshd: alice" (ssh -N): how OpenSSH names its process once somebody has
 * logged in. Before, and beside it for the monitor, it is "sshd: alice [priv]", "[net]" or "[accepted]".
 */
const LOGGED_IN = /^sshd(-session)?: [^\s[]+[\s\0]*$/;

export function thisHost(): SessionHost {
  return {
    read: (path) => readFileSync(path),
    list: (path) => {
      try {
        return readdirSync(path);
      } catch {
        return [];
      }
    },
    readLink: (path) => readlinkSync(path),
    connected: (port) => listConnected(port, 4 * MAX_SESSIONS),
  };
}

/** The other end of logged-in sessions, and sshd's ports that they are with. */
export interface Session {
  readonly source: Prefix;
  readonly ports: readonly number[];
  /** No login is seen; the connection is older than any without one (unseen-logins.ts). */
  readonly isByAge?: true;
}

/** An established connection to one of sshd's ports. */
export interface SshConnection extends Connected {
  readonly port: number;
}

/** What one look finds: connections of sessions that somebody has logged in to, and those of which that cannot be seen. */
export interface Logins {
  readonly seen: readonly SshConnection[];
  readonly unseen: readonly SshConnection[];
}

/** Costs a look into the socket table while nobody is connected. */
export function listLogins(host: SessionHost, ports: readonly number[]): Logins {
  const connected = ports.flatMap((port) => host.connected(port).map((one) => ({ ...one, port })));
  if (connected.length === 0) return { seen: [], unseen: [] };
  const listed = new Set([...utmpSources(host), ...logindSources(host)]);
  const isListed = ({ remote }: SshConnection) => listed.has(formatPrefix(remote));
  const unlisted = connected.filter((one) => !isListed(one));
  if (unlisted.length === 0) return { seen: connected, unseen: [] };
  const inodes = sessionInodes(host);
  const isSeen = (one: SshConnection) => isListed(one) || inodes.has(one.inode);
  return { seen: connected.filter(isSeen), unseen: connected.filter((one) => !isSeen(one)) };
}

/** The other ends of connections, each once. */
export function sessionsOf(connections: readonly SshConnection[]): Session[] {
  const sessions = new Map<string, { source: Prefix; ports: number[] }>();
  for (const { remote, port } of connections) {
    const known = sessions.get(formatPrefix(remote));
    if (known === undefined) sessions.set(formatPrefix(remote), { source: remote, ports: [port] });
    else if (!known.ports.includes(port)) known.ports.push(port);
  }
  return [...sessions.values()].slice(0, MAX_SESSIONS);
}

/** Sessions with a terminal, on systems that still keep utmp. */
function utmpSources(host: SessionHost): string[] {
  const bytes = tryRead(host, "/run/utmp") ?? Buffer.alloc(0);
  const sources: string[] = [];
  for (let at = 0; at + UTMP_BYTES <= bytes.length && sources.length < MAX_SESSIONS; at += UTMP_BYTES) {
    if (bytes.readInt16LE(at) !== USER_PROCESS) continue;
    const word = (index: number) => bytes.readUInt32BE(at + UTMP_ADDRESS_AT + 4 * index);
    const isFour = word(1) === 0 && word(2) === 0 && word(3) === 0;
    if (isFour && word(0) === 0) continue;
    const words = isFour ? ([0, 0, 0xffff, word(0)] as const) : ([word(0), word(1), word(2), word(3)] as const);
    sources.push(formatPrefix(prefixOfWords(...words, 128)));
  }
  return sources;
}

/** systemd-logind's sessions, those without a terminal too: REMOTE_HOST is the address, unless sshd was told UseDNS. */
function logindSources(host: SessionHost): string[] {
  const folder = "/run/systemd/sessions";
  const files = host.list(folder).filter((name) => /^[\w-]{1,64}$/.test(name));
  return files.slice(0, MAX_SESSIONS).flatMap((name) => {
    const text = tryRead(host, `${folder}/${name}`)?.toString("latin1") ?? "";
    const match = /^REMOTE_HOST=(\S+)$/m.exec(text);
    const source = /^SERVICE=sshd?$/m.test(text) ? parseAddress(match?.[1] ?? "") : undefined;
    return source === undefined ? [] : [formatPrefix(source)];
  });
}

/** Sockets that processes of logged-in sessions hold. Needs CAP_SYS_PTRACE for other users' processes. */
function sessionInodes(host: SessionHost): ReadonlySet<number> {
  const inodes = new Set<number>();
  for (const pid of host.list("/proc").filter((name) => /^\d+$/.test(name))) {
    // comm is short and cheap; cmdline is read of sshd's processes only.
    if (tryRead(host, `/proc/${pid}/comm`)?.toString("latin1").startsWith("sshd") !== true) continue;
    if (!LOGGED_IN.test(tryRead(host, `/proc/${pid}/cmdline`)?.toString("latin1") ?? "")) continue;
    for (const fd of host.list(`/proc/${pid}/fd`)) {
      const match = /^socket:\[(\d+)\]$/.exec(tryReadLink(host, `/proc/${pid}/fd/${fd}`));
      if (match !== null) inodes.add(Number(match[1]));
    }
  }
  return inodes;
}

function tryRead(host: Pick<SessionHost, "read">, path: string): Buffer | undefined {
  try {
    return host.read(path);
  } catch {
    return undefined;
  }
}

function tryReadLink(host: SessionHost, path: string): string {
  try {
    return host.readLink(path);
  } catch {
    return "";
  }
}

// Finds the addresses of the SSH session in which the caller works, so that nobody shuts himself out. The environment
// holds them; where sudo or su has dropped it, the environment of a process above does, or the socket of its sshd.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { formatPrefix, formatWords, IPV4_MAPPED_WORD, parseAddress } from "../wire/address.ts";

/** The files of /proc that are read; tests bring their own. Each function throws like node:fs when a file may not be read. */
export interface ProcReader {
  read(path: string): string;
  list(path: string): readonly string[];
  link(path: string): string;
}

export interface Caller {
  readonly pid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const MAX_ANCESTORS = 64;
const MAX_SOCKETS = 256;
/** A process whose peer is the person at the other end: OpenSSH (sshd-session since 9.8), Dropbear, telnet and rlogin. */
const loginServer = /^(?:sshd|sshd-session|sshd-auth|dropbear|in\.telnetd|telnetd|in\.rlogind)$/;
const ESTABLISHED = "01";

export const procReader: ProcReader = {
  read: (path) => readFileSync(path, "latin1"),
  list: (path) => readdirSync(path),
  link: (path) => readlinkSync(path),
};

/** Canonical texts, each once; none where the caller is not logged in over a network, or /proc may not be read. */
export function findOwnSession({ pid, env }: Caller, proc: ProcReader = procReader): readonly string[] {
  const found = new Set(ofEnvironment([env.SSH_CONNECTION, env.SSH_CLIENT]));
  let next = pid;
  for (let count = 0; count < MAX_ANCESTORS && next > 1; count++) {
    const { name, parent } = parseStat(attempt(() => proc.read(`/proc/${next}/stat`)) ?? "");
    for (const address of ofEnvironment(sshVariables(attempt(() => proc.read(`/proc/${next}/environ`)) ?? ""))) {
      found.add(address);
    }
    if (loginServer.test(name)) for (const address of peersOf(next, proc)) found.add(address);
    next = parent;
  }
  return [...found];
}

/** proc(5): "pid (name) state ppid ..."; the name may hold spaces and parentheses. */
function parseStat(text: string): { readonly name: string; readonly parent: number } {
  const match = /^\d+ \((.*)\) \S (\d+) /s.exec(text);
  return { name: match?.[1] ?? "", parent: Number(match?.[2] ?? 0) };
}

function sshVariables(environment: string): readonly string[] {
  return environment
    .split("\0")
    .filter((entry) => /^SSH_(?:CONNECTION|CLIENT)=/.test(entry))
    .map((entry) => entry.slice(entry.indexOf("=") + 1));
}

/** "192.0.2.7 50022 198.51.100.1 22" and "192.0.2.7 50022 22": the first word is the client. */
function ofEnvironment(values: readonly (string | undefined)[]): readonly string[] {
  return values.flatMap((value) => canonical(value?.split(" ")[0] ?? ""));
}

/** A zone ("%eth0") is not part of what a packet carries. */
function canonical(text: string): readonly string[] {
  const address = parseAddress(text.split("%")[0] ?? "");
  return address === undefined ? [] : [formatPrefix(address)];
}

/** The other ends of a process's own connections, in its own network namespace. */
function peersOf(pid: number, proc: ProcReader): readonly string[] {
  const inodes = new Set<string>();
  for (const fd of (attempt(() => proc.list(`/proc/${pid}/fd`)) ?? []).slice(0, MAX_SOCKETS)) {
    const inode = /^socket:\[(\d+)\]$/.exec(attempt(() => proc.link(`/proc/${pid}/fd/${fd}`)) ?? "")?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  if (inodes.size === 0) return [];
  return ["tcp", "tcp6"].flatMap((table) =>
    (attempt(() => proc.read(`/proc/${pid}/net/${table}`)) ?? "").split("\n").flatMap((line) => {
      //  sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
      const [, , remote = "", state, , , , , , inode = ""] = line.trim().split(/\s+/);
      return state === ESTABLISHED && inodes.has(inode) ? addressOfHex(remote.split(":")[0] ?? "") : [];
    }),
  );
}

/** "0100007F", or four such words: each is a 32-bit word of the address in host order (little-endian). */
export function addressOfHex(hex: string): readonly string[] {
  if (!/^(?:[0-9A-F]{8}|[0-9A-F]{32})$/i.test(hex)) return [];
  const bytes = Buffer.from(hex, "hex");
  const word = (index: number) => bytes.readUInt32LE(4 * index);
  if (bytes.length === 4) return [formatWords(0, 0, IPV4_MAPPED_WORD, word(0))];
  return [formatWords(word(0), word(1), word(2), word(3))];
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    // Another user's process, or one that has ended: nothing can be read of it.
    return undefined;
  }
}

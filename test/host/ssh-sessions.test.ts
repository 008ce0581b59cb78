import assert from "node:assert/strict";
import { test } from "node:test";
import { listLogins, type SessionHost, sessionsOf } from "../../src/host/ssh-sessions.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

interface Fake {
  readonly files?: Readonly<Record<string, string | Buffer>>;
  readonly folders?: Readonly<Record<string, string[]>>;
  readonly links?: Readonly<Record<string, string>>;
  readonly connected?: Readonly<Record<number, readonly (readonly [string, number])[]>>;
}

function hostOf({ files = {}, folders = {}, links = {}, connected = {} }: Fake): SessionHost {
  const must = <T>(value: T | undefined, path: string): T => {
    if (value === undefined) throw new Error(`ENOENT ${path}`);
    return value;
  };
  return {
    read: (path) => Buffer.from(must(files[path], path)),
    list: (path) => folders[path] ?? [],
    readLink: (path) => must(links[path], path),
    connected: (port) => (connected[port] ?? []).map(([remote, inode]) => ({ remote: prefix(remote), inode, uid: 0 })),
  };
}

/** Of the sessions that are seen, on these ports of sshd's. */
const sessions = (fake: Fake, ports = [22]) => sessionsOf(listLogins(hostOf(fake), ports).seen);
const sources = (fake: Fake) =>
  sessions(fake)
    .map(({ source }) => formatPrefix(source))
    .sort();

/** A process of sshd that holds a socket. */
function process(pid: number, title: string, inode: number): Required<Pick<Fake, "files" | "folders" | "links">> {
  return {
    files: { [`/proc/${pid}/comm`]: "sshd\n", [`/proc/${pid}/cmdline`]: `${title}\0\0\0` },
    folders: { "/proc": ["self", "1", String(pid)], [`/proc/${pid}/fd`]: ["0", "4"] },
    links: { [`/proc/${pid}/fd/0`]: "/dev/null", [`/proc/${pid}/fd/4`]: `socket:[${inode}]` },
  };
}

test("a connection alone is no session; who has logged in is told by the name of sshd's process", () => {
  const connected = { 22: [["203.0.113.5", 77] as const] };
  for (const title of ["sshd: alice@pts/0", "sshd: root@notty", "sshd-session: alice@pts/1,pts/2", "sshd: alice"])
    assert.deepEqual(sources({ connected, ...process(900, title, 77) }), ["203.0.113.5"], title);
  for (const title of [
    "sshd: alice [priv]",
    "sshd: alice@example.org [net]",
    "sshd: alice@example.org [preauth]",
    "sshd: [accepted]",
    "sshd: unknown [priv]",
    "sshd: /usr/sbin/sshd -D [listener] 1 of 10-100 startups",
    "/usr/sbin/sshd -D",
    "vi sshd: alice@pts/0",
  ])
    assert.deepEqual(sources({ connected, ...process(900, title, 77) }), [], title);
  assert.deepEqual(sources({ connected, ...process(900, "sshd: alice@pts/0", 78) }), []);
});

test("a session tells sshd's ports that it is with", () => {
  const { files, folders, links } = process(900, "sshd: alice@pts/0", 77);
  const connected = {
    22: [["203.0.113.5", 77] as const],
    2222: [["203.0.113.5", 77] as const, ["203.0.113.6", 78] as const],
  };
  assert.deepEqual(sessions({ files, folders, links, connected }, [22, 2222]), [
    { source: prefix("203.0.113.5"), ports: [22, 2222] },
  ]);
});

test("systemd-logind's sessions of sshd count while their connection stands, others do not", () => {
  const session = (service: string, host: string) => `UID=0\nSERVICE=${service}\nREMOTE=1\nREMOTE_HOST=${host}\n`;
  const folder = "/run/systemd/sessions";
  const files = {
    [`${folder}/c1`]: session("sshd", "203.0.113.5"),
    [`${folder}/2`]: session("sshd", "2001:db8::5"),
    [`${folder}/3`]: session("cockpit", "203.0.113.6"),
    [`${folder}/4`]: session("sshd", "203.0.113.7"),
  };
  const folders = { [folder]: ["c1", "2", "3", "4", "2.ref", "../x"] };
  const connected = { 22: ["203.0.113.5", "2001:db8::5", "203.0.113.6"].map((from, index) => [from, index] as const) };
  assert.deepEqual(sources({ files, folders, connected }), ["2001:db8::5", "203.0.113.5"]);
});

test("utmp: users' records in both families, cut-off files and other records", () => {
  const record = (type: number, words: readonly number[]) => {
    const bytes = Buffer.alloc(384);
    bytes.writeInt16LE(type, 0);
    for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, 348 + 4 * index);
    return bytes;
  };
  const utmp = Buffer.concat([
    record(7, [0xcb007105]),
    record(8, [0xcb007106]),
    record(7, [0x20010db8, 0, 0, 5]),
    record(7, []),
    Buffer.alloc(100, 7),
  ]);
  const all = ["203.0.113.5", "203.0.113.6", "2001:db8::5", "203.0.113.9"];
  const connected = { 22: all.map((from, index) => [from, index] as const) };
  assert.deepEqual(sources({ files: { "/run/utmp": utmp }, connected }), ["2001:db8::5", "203.0.113.5"]);
});

test("nothing is read while nobody is connected", () => {
  const host: SessionHost = {
    ...hostOf({}),
    list: (path) => {
      assert.notEqual(path, "/proc");
      return [];
    },
  };
  assert.deepEqual(listLogins(host, [22]), { seen: [], unseen: [] });
});

// Sessions of which no login can be seen are told by the age of their connection; time is the test's own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { UnseenLogins } from "../../src/host/unseen-logins.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

interface Connection {
  readonly from: string;
  readonly inode: number;
  readonly uid?: number;
}

/** A host without utmp and logind whose sshd's processes are hidden, as inside the packaged unit on Debian 13. */
function setUp(config = "") {
  let nowMs = 0;
  let connections: readonly Connection[] = [];
  const files: Record<string, string> = { "/etc/ssh/sshd_config": config };
  const folders: Record<string, string[]> = {};
  const logins = new UnseenLogins(
    {
      read: (path) => {
        const text = files[path];
        if (text === undefined) throw new Error(`ENOENT ${path}`);
        return Buffer.from(text);
      },
      list: (path) => folders[path] ?? [],
      readLink: () => "",
      connected: (port) =>
        port === 22 ? connections.map(({ from, inode, uid = 0 }) => ({ remote: prefix(from), inode, uid })) : [],
    },
    () => nowMs,
  );
  const look = (atMs: number, ...now: readonly Connection[]) => {
    nowMs = atMs;
    connections = now;
    const { sessions, warning } = logins.look();
    return { guarded: sessions.map(({ source, isByAge }) => `${formatPrefix(source)} ${isByAge === true}`), warning };
  };
  return { look, files, folders };
}

const admin = { from: "203.0.113.5", inode: 77 };
const nothing = { guarded: [], warning: "" };

test("a connection older than LoginGraceTime is a session, guarded and warned of, until it ends", () => {
  const { look } = setUp();
  assert.deepEqual(look(0, admin), nothing);
  assert.deepEqual(look(129_999, admin), nothing, "sshd may still end it: LoginGraceTime and a little more");
  const { guarded, warning } = look(130_000, admin);
  assert.deepEqual(guarded, ["203.0.113.5 true"]);
  assert.match(warning, /^SSH connections from 203\.0\.113\.5 stand, and no login is seen .* are guarded because/);
  assert.match(warning, /install libpam-systemd/);
  assert.deepEqual(look(135_000), nothing);
  assert.deepEqual(look(140_000, admin), nothing, "its age begins anew");
});

test("who holds many short connections one after the other does not grow old", () => {
  const { look } = setUp("LoginGraceTime 30\n");
  for (let at = 0; at < 300_000; at += 5_000)
    assert.deepEqual(look(at, { from: "203.0.113.5", inode: Math.floor(at / 30_000) }), nothing, `at ${at}`);
});

test("what no program has accepted, and what is not root's, is no session of sshd's", () => {
  const { look } = setUp();
  const others = [
    { from: "203.0.113.6", inode: 0 },
    { from: "203.0.113.7", inode: 78, uid: 1_000 },
  ];
  look(0, ...others);
  assert.deepEqual(look(1_000_000, ...others), nothing);
});

test('with "LoginGraceTime 0" age proves nothing: nobody is guarded by it, and that is said', () => {
  const { look } = setUp("LoginGraceTime 0\n");
  look(0, admin);
  const { guarded, warning } = look(130_000, admin);
  assert.deepEqual(guarded, []);
  assert.match(warning, /from 203\.0\.113\.5 stand.*they are not guarded, as with "LoginGraceTime 0"/);
});

test("a session that logind tells is guarded at once, and nothing is warned of", () => {
  const { look, files, folders } = setUp();
  folders["/run/systemd/sessions"] = ["c1"];
  files["/run/systemd/sessions/c1"] = "SERVICE=sshd\nREMOTE_HOST=203.0.113.5\n";
  assert.deepEqual(look(0, admin), { guarded: ["203.0.113.5 false"], warning: "" });
  assert.deepEqual(look(500_000, admin), { guarded: ["203.0.113.5 false"], warning: "" });
});

test("the warning names three addresses and counts the others", () => {
  const { look } = setUp();
  const many = [1, 2, 3, 4, 5].map((last) => ({ from: `203.0.113.${last}`, inode: last }));
  look(0, ...many);
  assert.match(
    look(130_000, ...many).warning,
    /from 203\.0\.113\.1, 203\.0\.113\.2, 203\.0\.113\.3 and 2 others stand/,
  );
});

// portreeve check on good and bad files, as text and as JSON, and portreeve run up to the daemon's door.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { check } from "../../src/cli/check.ts";
import { createProgram } from "../../src/cli/program.ts";
import { explainSettings } from "../../src/config/explain.ts";
import { loadSettings } from "../../src/config/load.ts";
import { addLeftRules } from "../../src/enforce/left-rules.ts";
import type { RunOptions } from "../../src/service/run-options.ts";
import { FILE, filesOf } from "../config/support.ts";
import { makeFolder } from "../control/fake-daemon.ts";
import { block } from "../judge/blocks.ts";
import { mainFile, portreeve, writeConf } from "./run-command.ts";

const needsRoot = process.getuid?.() === 0 ? false : "only root may mount";

test("a file with errors: each problem with its line, exit 78", async (t) => {
  const text = 'BLOCK_TCP="7"\nBLOK_UDP="1"\nnonsense\nPROOF="on"\n';
  const conf = writeConf(t, text);
  const { code, out, err } = await portreeve(["check", "-c", conf]);
  assert.deepEqual([code, err], [78, ""]);
  for (const line of [1, 2, 3]) assert.match(out, new RegExp(`^${conf}:${line}: error: `, "m"));
  assert.match(out, /^3 errors: the daemon would not start with this file$/m);
  const json = await portreeve(["check", "--json", "-c", conf]);
  assert.equal(json.code, 78);
  const { problems } = loadSettings(conf, () => Buffer.from(text));
  assert.deepEqual(JSON.parse(json.out), { file: conf, ok: false, problems, meaning: [] });
});

test("a file without errors: its warnings, then what it means, exit 0", async (t) => {
  const text = 'BLOCK_TCP="1"\nBLOCK_UDP="0"\nSCAN_TRIGGER="2"\n';
  const conf = writeConf(t, text);
  const { settings, problems } = loadSettings(conf, () => Buffer.from(text));
  assert.ok(settings !== undefined);
  const { code, out } = await portreeve(["check", "-c", conf]);
  assert.equal(code, 0);
  assert.ok(explainSettings(settings).length > 0);
  // What this machine serves is told last, if it serves anything.
  const meaning = out
    .replace(/^These ports are served here and are not public: .*\n$/m, "")
    .replace(/^You are logged in from .*\n$/gm, "");
  assert.ok(meaning.endsWith(`${explainSettings(settings).join("\n")}\n`), out);
  for (const problem of problems) assert.ok(out.includes(problem.message));
  const json = await portreeve(["check", "--json", "-c", conf]);
  assert.equal(json.code, 0);
  const { meaning: told, ...rest } = JSON.parse(json.out);
  assert.deepEqual(rest, { file: conf, ok: true, problems });
  assert.ok(out.endsWith(`${told.join("\n")}\n`), "JSON has the sentences that the text has");
});

test("whoever switches blocking on is told that his own address is not on the allow list", async (t) => {
  const list = join(makeFolder(t), "list");
  writeFileSync(list, "198.51.100.0/24\n");
  const env = { SSH_CONNECTION: "192.0.2.66 50022 198.51.100.1 22" };
  const checked = async (text: string, from = env) =>
    (await portreeve(["check", "-c", writeConf(t, `IGNORE_FILE="${list}"\n${text}`)], { env: from })).out;
  const warning =
    'You are logged in from 192.0.2.66, which is not on the allow list: "portreeve allow 192.0.2.66" puts it there.\n';
  assert.ok((await checked('BLOCK_TCP="1"\n')).includes(warning));
  assert.ok(!(await checked('BLOCK_TCP="0"\n')).includes("192.0.2.66"));
  const allowed = { SSH_CONNECTION: "198.51.100.66 50022 198.51.100.1 22" };
  assert.ok(!(await checked('BLOCK_TCP="1"\n', allowed)).includes("198.51.100.66"));
});

test("an old file with lines that do nothing: the daemon would start, and check says which do nothing", async (t) => {
  const conf = writeConf(t, 'BLOCK_TCP="0"\nBLOK_UDP="1"\nnonsense\n');
  const { code, out } = await portreeve(["check", "-c", conf]);
  assert.equal(code, 0);
  assert.match(out, new RegExp(`^${conf}:2: warning: BLOK_UDP .*did you mean BLOCK_UDP\\?$`, "m"));
  assert.match(out, /^Every closed TCP port is watched\.$/m);
  assert.match(out, /^The daemon starts with this file, and passes over 2 faulty lines as PortSentry does$/m);
  assert.equal(JSON.parse((await portreeve(["check", "--json", "-c", conf])).out).ok, true);
});

/** What check prints of the default file, on a host with these files. */
async function checkHost(files: Readonly<Record<string, string>>, json = false): Promise<string> {
  const written: string[] = [];
  const write = async (text: string) => void written.push(text);
  const terminal = { write, complain: () => {}, colour: false, nowMs: () => 0 };
  await check({ conf: FILE, json }, terminal, filesOf(files));
  return written.join("");
}

test("of the default file it says what the service makes of it: in the modes of /etc/default/portsentry", async () => {
  const conf = 'ADVANCED_PORTS_TCP="1024"\nTCP_PORTS="1,7"\nUDP_PORTS="9"\n';
  const files = { [FILE]: conf, "/etc/default/portsentry": 'TCP_MODE="atcp"\nUDP_MODE="udp"\n' };
  const told = await checkHost(files);
  assert.match(told, /^The service takes its modes from \/etc\/default\/portsentry: atcp and udp\./m);
  const { settings } = loadSettings(FILE, filesOf(files), { tcpMode: "atcp", udpMode: "udp" });
  assert.ok(settings !== undefined);
  for (const line of explainSettings(settings)) assert.ok(told.includes(`${line}\n`), line);
  assert.doesNotMatch(told, /Every closed TCP port is watched/);
  assert.deepEqual(JSON.parse(await checkHost(files, true)).modes, {
    tcp: "atcp",
    udp: "udp",
    from: "/etc/default/portsentry",
  });
  const none = { ...files, "/etc/default/portsentry": 'TCP_MODE=""\nUDP_MODE=""\n' };
  assert.match(
    await checkHost(none),
    /^The service does not start with \/etc\/default\/portsentry: it names no mode\./m,
  );
  assert.match(await checkHost({ [FILE]: conf }), /^Every closed TCP port is watched\.$/m);
});

test("programs that are not there are named", async (t) => {
  const conf = writeConf(t, 'KILL_ROUTE="/nonexistent/route add $TARGET$"\nKILL_RUN_CMD="/bin/sh $TARGET$"\n');
  const { code, out } = await portreeve(["check", "-c", conf]);
  assert.equal(code, 0);
  assert.match(
    out,
    new RegExp(`^${conf}:1: warning: KILL_ROUTE: /nonexistent/route is not there or cannot be run;`, "m"),
  );
  assert.doesNotMatch(out, /\/bin\/sh is not there/);
});

test("an interface that is not there is named", async (t) => {
  const checked = async (names: string) =>
    (await portreeve(["check", "-c", writeConf(t, `PROOF="on"\nINTERFACE="${names}"\n`)])).out;
  assert.match(
    await checked("lo,nosuch7"),
    /^INTERFACE names nosuch7, and this interface is not there: no probe is seen on it until it comes; .*$/m,
  );
  assert.doesNotMatch(await checked("lo"), /INTERFACE names/);
});

test("a STATE_DIR that cannot be written because its file system is read-only is named, with the remedy", {
  skip: needsRoot,
}, (t) => {
  const state = makeFolder(t);
  const conf = writeConf(t, `PROOF="on"\nSTATE_DIR="${state}/deeper"\n`);
  const mounted = ["--mount", "sh", "-c", `mount -t tmpfs -o ro none ${state} && exec "$@"`, "sh"];
  const checked = (...argv: string[]) =>
    spawnSync(argv[0] ?? "", [...argv.slice(1), process.execPath, mainFile, "check", "-c", conf], { encoding: "utf8" });
  const { status, stdout } = checked("unshare", ...mounted);
  assert.equal(status, 0);
  assert.match(
    stdout,
    new RegExp(`^${conf}:2: warning: STATE_DIR: ${state}/deeper is on a read-only file system: .*remount,rw`, "m"),
  );
  assert.doesNotMatch(checked("env").stdout, /read-only/);
});

test("rules that stay of earlier runs are named", async (t) => {
  const state = makeFolder(t);
  const conf = writeConf(t, `PROOF="on"\nSTATE_DIR="${state}"\n`);
  assert.doesNotMatch((await portreeve(["check", "-c", conf])).out, /the rules of/);
  await addLeftRules(state, [
    { block: block("192.0.2.9", { madeBy: "a command" }), failure: "UNKILL_ROUTE is not set" },
  ]);
  assert.match(
    (await portreeve(["check", "-c", conf])).out,
    /^STATE_DIR: the rules of 1 source stay although the blocks have ended, the last 192\.0\.2\.9: UNKILL_ROUTE is not set$/m,
  );
});

test("a missing file is a configuration error", async () => {
  const { code, out } = await portreeve(["check", "-c", "/nonexistent/portsentry.conf"]);
  assert.equal(code, 78);
  assert.match(out, /cannot read the configuration/);
});

test("run hands its options to the daemon and ends as the daemon does", async () => {
  const given: RunOptions[] = [];
  const ends: number[] = [];
  const terminal = { write: async () => {}, complain: () => {}, colour: false, nowMs: () => 0 };
  const run = async (...args: string[]): Promise<void> => {
    const loadDaemon = async () => async (options: RunOptions) => {
      given.push(options);
      return 70 + given.length;
    };
    const program = createProgram({ terminal, version: "", loadDaemon, done: (code) => void ends.push(code) });
    await program.parseAsync(["run", ...args], { from: "user" });
  };
  await run();
  await run("-c", "/tmp/x.conf", "--log", "syslog", "--block");
  assert.deepEqual(given, [
    { confFile: "/etc/portsentry/portsentry.conf", log: "stdout", forceBlock: false },
    { confFile: "/tmp/x.conf", log: "syslog", forceBlock: true },
  ]);
  assert.deepEqual(ends, [71, 72]);
});

test("run with a broken file tells each problem and ends with 78", async (t) => {
  const conf = writeConf(t, 'PROOF="7"\n');
  const { code, out, err } = await portreeve(["run", "-c", conf]);
  assert.deepEqual([code, out], [78, ""]);
  assert.match(err, new RegExp(`^${conf}:1: error: `, "m"));
});

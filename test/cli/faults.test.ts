// What users meet when something is missing: no daemon, no rights, a wrong command line, a broken file, a closed pipe.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { Command, Option } from "commander";
import { findControlSocket } from "../../src/cli/connect.ts";
import { defaultConfFile } from "../../src/cli/options.ts";
import { confOf } from "../../src/cli/running-conf.ts";
import { keys } from "../../src/config/keys.ts";
import { entry, makeFolder } from "../control/fake-daemon.ts";
import { finish, mainFile, makeLab, portreeve, writeConf } from "./run-command.ts";

const asRoot = { skip: process.geteuid?.() !== 0 };
const nobody = 65534;

test("without a daemon every client command ends with 69 and the remedy", async (t) => {
  const folder = makeFolder(t);
  const socket = join(folder, "control.sock");
  const conf = writeConf(t, `CONTROL_SOCKET="${socket}"\n`);
  const commands = [["status"], ["blocked"], ["events"], ["events", "-f"], ["why", "192.0.2.7"]];
  commands.push(
    ["block", "192.0.2.7"],
    ["unblock", "192.0.2.7", "--rule-gone"],
    ["status", "--json"],
    ["blocked", "--json"],
  );
  for (const command of commands) {
    assert.deepEqual(await portreeve([...command, "-c", conf]), {
      code: 69,
      out: "",
      err: `portreeve: the daemon is not running (no socket at ${socket}): start it with "systemctl start portsentry" or "portreeve run"; "systemctl status portsentry" and "portreeve check" say why it does not run\n`,
    });
  }
});

test("unblock without a daemon says that blocks stand, and what lifts them", asRoot, async (t) => {
  const folder = makeFolder(t);
  chmodSync(folder, 0o755);
  const conf = writeConf(t, `CONTROL_SOCKET="${folder}/control.sock"\nSTATE_DIR="${folder}/state"\n`);
  chmodSync(conf, 0o644);
  chmodSync(dirname(conf), 0o755);
  const told = "Blocks stand in the kernel until their time is over: ";
  const one = await portreeve(["unblock", "192.0.2.7", "-c", conf]);
  assert.deepEqual([one.code, one.out], [69, ""]);
  const lifts = '"portreeve unblock --all", run as root, lifts all of them without the daemon';
  assert.ok(
    one.err.startsWith("portreeve: the daemon is not running (") && one.err.endsWith(`${told}${lifts}\n`),
    one.err,
  );
  const user = await portreeve(["unblock", "--all", "-c", conf], { uid: nobody });
  assert.deepEqual([user.code, user.out], [69, ""]);
  assert.ok(user.err.endsWith(`${told}run this command as root\n`), user.err);
});

test("unblock --all without a daemon, with a file that has errors, names what is left to do", asRoot, async (t) => {
  const conf = writeConf(t, `PROOF="7"\nCONTROL_SOCKET="${makeFolder(t)}/control.sock"\n`);
  const { code, out, err } = await portreeve(["unblock", "--all", "-c", conf]);
  assert.deepEqual([code, out], [78, ""]);
  assert.match(
    err,
    /^portreeve: not unblocked: the daemon is not running, and .* has errors .*"nft delete table inet portreeve" lifts/,
  );
});

test("every complaint begins with the program's name, one about the command line too", async () => {
  for (const wrong of [
    ["sttaus"],
    ["block"],
    ["events", "-n", "x"],
    ["run", "--tcp-mode", "off", "--udp-mode", "off"],
  ]) {
    const { code, err } = await portreeve(wrong);
    assert.equal(code, 64, wrong.join(" "));
    assert.match(err, /^portreeve: (?!error)/, wrong.join(" "));
  }
});

test("a command without -c reads the file of the daemon that runs, else the default one", async (t) => {
  const { daemon, conf } = await makeLab(t);
  daemon.status = { ...daemon.status, configuration: "/srv/portreeve.conf" };
  const read = (usual: string, ...args: readonly string[]) => {
    const command = new Command().addOption(new Option("-c, --conf <file>").default(usual));
    return confOf(command.parse(args, { from: "user" }));
  };
  assert.equal(await read(conf), "/srv/portreeve.conf");
  assert.equal(await read(conf, "-c", conf), conf);
  const alone = writeConf(t, `CONTROL_SOCKET="${makeFolder(t)}/none.sock"\n`);
  assert.equal(await read(alone), alone);
});

test("without the right to the socket a command ends with 77, the socket's name and the remedy", asRoot, async (t) => {
  const { conf, socket } = await makeLab(t);
  const { code, out, err } = await portreeve(["status", "-c", conf], { uid: nobody });
  assert.deepEqual([code, out], [77, ""]);
  assert.match(
    err,
    new RegExp(`^portreeve: not permitted to open the control socket ${socket}: run the command as root`),
  );
});

test("a configuration that -c names and that cannot be read is an error of its own", asRoot, async (t) => {
  const { conf } = await makeLab(t);
  const missing = await portreeve(["status", "-c", `${conf}.missing`]);
  assert.equal(missing.code, 78);
  assert.match(missing.err, /cannot read the configuration .*missing: ENOENT; name another file with -c/);
  chmodSync(conf, 0o600);
  const denied = await portreeve(["status", "-c", conf], { uid: nobody });
  assert.equal(denied.code, 77);
  assert.match(denied.err, /EACCES; run the command as root/);
});

test("a file full of errors still leads to the socket that it names", async (t) => {
  const { socket, folder } = await makeLab(t);
  const conf = join(folder, "broken.conf");
  writeFileSync(conf, `BLOCK_TCP="7"\nno equals sign\n\xff\nCONTROL_SOCKET="${socket}"\nNOVEL="1"\n`);
  assert.equal((await portreeve(["status", "-c", conf])).code, 0);
});

test("the control socket is that of the file, else the default", () => {
  const read = (text: string) => findControlSocket("/etc/x.conf", () => Buffer.from(text));
  assert.equal(read('CONTROL_SOCKET="/run/a.sock"\nCONTROL_SOCKET="/run/b.sock"\n'), "/run/a.sock");
  assert.equal(read('CONTROL_SOCKET="relative"\n'), keys.controlSocket.absent);
  assert.equal(read('#CONTROL_SOCKET="/run/a.sock"\n'), keys.controlSocket.absent);
  assert.equal(read(""), "/run/portreeve/control.sock");
  const missing = () => {
    throw Object.assign(new Error("no such file"), { code: "ENOENT" });
  };
  assert.equal(findControlSocket(defaultConfFile, missing), "/run/portreeve/control.sock");
  assert.throws(() => findControlSocket("/etc/x.conf", missing), { exitCode: 78 });
});

test("wrong command lines end with 64 and ask nothing of the daemon", async (t) => {
  const { daemon, conf } = await makeLab(t);
  const wrong = [
    [],
    ["sttaus"],
    ["status", "--surprise"],
    ["status", "extra"],
    ["block"],
    ["block", "-c"],
    ["block", "192.0.2.7", "--for", "soon", "-c", conf],
    ["block", "192.0.2.7", "--for", "-1", "-c", conf],
    ["block", "192.0.2.7", "--for", "11y", "-c", conf],
    ["block", "192.0.2.7", "192.0.2.8", "-c", conf],
    ["why", "-c", conf],
    ["events", "-n", "many", "-c", conf],
    ["events", "-n", "10001", "-c", conf],
    ["run", "--log", "nowhere"],
  ];
  for (const args of wrong) {
    const { code, out, err } = await portreeve(args);
    assert.deepEqual([code, out], [64, ""], args.join(" "));
    assert.notEqual(err, "");
  }
  assert.match((await portreeve(["sttaus"])).err, /Did you mean status\?/);
  assert.deepEqual(daemon.blockRequests, []);
});

test("help and version end with 0", async () => {
  assert.match((await portreeve(["--version"])).out, /^portreeve \d+\.\d+\.\d+\n$/);
  for (const args of [["--help"], ["help"], ["help", "block"], ["block", "--help"]]) {
    const { code, out, err } = await portreeve(args);
    assert.deepEqual([code, err], [0, ""], args.join(" "));
    assert.match(out, /^Usage: portreeve/);
    assert.match(out, /Exit codes:/);
  }
});

test("an unexpected answer ends with 69 and says so", async (t) => {
  const { daemon, ask } = await makeLab(t);
  Object.assign(daemon, { status: { version: "0.1.0" } });
  const { code, err } = await ask("status");
  assert.equal(code, 69);
  assert.match(err, /unexpected answer from .*: probes: /);
});

test("a reader that stops early is no failure", async (t) => {
  const { daemon, conf } = await makeLab(t);
  daemon.blocks = Array.from({ length: 20_000 }, () => entry);
  for (const options of ["", "--json"]) {
    const line = `"$0" "$1" blocked -c "$2" ${options} | head -n 1; echo "code \${PIPESTATUS[0]}"`;
    const shell = spawn("bash", ["-c", line, process.execPath, mainFile, conf], { stdio: ["ignore", "pipe", "pipe"] });
    const { out, err } = await finish(shell);
    assert.match(out, /^(SOURCE .*|\[)\ncode 0\n$/);
    assert.equal(err, "");
  }
});

test("output that cannot be written is a failure", async (t) => {
  const { conf } = await makeLab(t);
  const shell = spawn("bash", ["-c", '"$0" "$1" status -c "$2" >/dev/full', process.execPath, mainFile, conf], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { code, err } = await finish(shell);
  assert.equal(code, 74);
  assert.match(err, /cannot write the output: ENOSPC/);
});

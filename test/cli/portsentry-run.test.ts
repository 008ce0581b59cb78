// `portsentry` with a world of its own: output, syslog, exit codes, and what it asks of the daemon.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BackgroundResult } from "../../src/cli/background.ts";
import { runPortsentry, type World } from "../../src/cli/portsentry-run.ts";
import type { ModeName, Modes, Reply } from "../../src/control/api.ts";
import { ControlError, DaemonNotRunning } from "../../src/control/errors.ts";
import type { RunOptions } from "../../src/service/run-options.ts";

const FILE = "/etc/portsentry/portsentry.conf";
const conf1 = 'TCP_PORTS="1,11"\nUDP_PORTS="7"\nADVANCED_PORTS_TCP="1024"\nSCAN_TRIGGER="0"\n';
const usage = `PortSentry - Port Scan Detector.
Copyright 1997-2003 Craig H. Rowland <craigrowland at users dot sourceforget dot net>
Licensing restrictions apply. Please see documentation
Version: 1.2

usage: portsentry [-tcp -udp -stcp -atcp -sudp -audp]

*** PLEASE READ THE DOCS BEFORE USING *** 

`;
const stopping = ["securityalert: PortSentry is shutting down", "adminalert: PortSentry is shutting down"];
const notRunning = () => new DaemonNotRunning("/run/portreeve/control.sock");

interface Script {
  readonly files?: Readonly<Record<string, string>>;
  readonly isRoot?: boolean;
  readonly isChild?: boolean;
  /** One after the other; then the daemon is not running. */
  readonly answers?: (Reply<Modes> | Error)[];
  readonly result?: BackgroundResult;
  readonly daemonExit?: number;
}

function setUp(script: Script = {}) {
  const heard = {
    out: "",
    err: [] as string[],
    syslog: [] as string[],
    started: [] as string[][],
    asked: [] as string[],
    ran: [] as RunOptions[],
    parent: [] as string[],
    slept: 0,
  };
  const answers = [...(script.answers ?? [])];
  const files = script.files ?? { [FILE]: conf1 };
  const world: World = {
    write: (text) => {
      heard.out += text;
    },
    complain: (message) => heard.err.push(message),
    say: (lines) => heard.syslog.push(...lines.map(({ text }) => text)),
    isRoot: script.isRoot ?? true,
    program: "/usr/sbin/portsentry",
    folder: "/root",
    version: "0.1.0",
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
      return Buffer.from(text);
    },
    parent: script.isChild
      ? { folder: "/srv", ready: () => heard.parent.push("ready"), complain: (text) => heard.parent.push(text) }
      : undefined,
    loadDaemon: async () => async (options) => {
      heard.ran.push(options);
      options.daemonReady?.();
      return script.daemonExit ?? 0;
    },
    startInBackground: async (args) => {
      heard.started.push([...args]);
      return script.result ?? { ready: true, complaints: "" };
    },
    addMode: async (file: string, mode: ModeName) => {
      heard.asked.push(`${file} ${mode}`);
      const answer = answers.shift() ?? notRunning();
      if (answer instanceof Error) throw answer;
      return answer;
    },
    sleep: async () => {
      heard.slept++;
    },
  };
  return { world, heard };
}

async function run(line: string, script?: Script) {
  const { world, heard } = setUp(script);
  const code = await runPortsentry(
    line.split(" ").filter((arg) => arg !== ""),
    world,
  );
  return { code, ...heard };
}

test("1.2's usage, byte for byte, with 255 and its two lines in syslog", async () => {
  for (const line of ["-x", "-tcp extra", "-tcp -stcp", "start"]) {
    const { code, out, err, syslog } = await run(line);
    assert.deepEqual([code, out, err, syslog], [255, usage, [], stopping], line);
  }
});

test("who is not root: 1.2 looks at the number of arguments first", async () => {
  for (const line of ["-tcp", "-x"]) {
    const { code, out, syslog } = await run(line, { isRoot: false });
    assert.deepEqual([code, out, syslog], [255, "You need to be root to run this.\n", stopping], line);
  }
  for (const line of ["", "-tcp extra"]) assert.equal((await run(line, { isRoot: false })).out, usage);
  const modern = await run("--stealth", { isRoot: false });
  assert.deepEqual([modern.code, modern.out], [255, "You need to be root to run this.\n"]);
});

test("a file that is missing (golden run G)", async () => {
  const { code, out, syslog, started } = await run("-tcp", { files: {} });
  assert.equal(code, 255);
  assert.equal(
    out,
    "ERROR: Configuration files are missing/corrupted.\nERROR: Check your syslog for a more detailed error message.\n" +
      "ERROR: PortSentry is shutting down!\n",
  );
  assert.deepEqual(syslog, [
    "adminalert: PortSentry 1.2 is starting.",
    "adminalert: Cannot open config file: /etc/portsentry/portsentry.conf. Exiting",
    "adminalert: ERROR: Configuration files are missing/corrupted. Shutting down.",
    ...stopping,
  ]);
  assert.deepEqual(started, []);
});

test("a file with errors: 1.2's lines, and the errors with their lines", async () => {
  const { code, out, err, syslog } = await run("-tcp", { files: { [FILE]: `${conf1}PROOF="7"\n` } });
  assert.equal(code, 255);
  assert.equal(
    out,
    "ERROR: Your config file is corrupted/missing mandatory option!\n" +
      "ERROR: Check your syslog for a more detailed error message.\nERROR: PortSentry is shutting down!\n",
  );
  assert.equal(err.length, 1);
  assert.match(err[0] ?? "", /portsentry\.conf:5: .*PROOF/);
  assert.equal(syslog[0], "adminalert: PortSentry 1.2 is starting.");
  assert.match(syslog[1] ?? "", /^adminalert: ERROR: .*portsentry\.conf:5: /);
  assert.equal(syslog[2], "adminalert: ERROR: Your config file is corrupted/missing mandatory option! Shutting down.");
  assert.deepEqual(syslog.slice(3), stopping);
});

test("nothing runs yet: starts in the background, silently, and says 0 when it is ready", async () => {
  const { code, out, err, syslog, started, asked } = await run("-atcp");
  assert.deepEqual([code, out, err, syslog], [0, "", [], []]);
  assert.deepEqual(started, [["-atcp"]]);
  assert.deepEqual(asked, [`${FILE} atcp`]);
});

test("the stock init script's second call: the running daemon takes the other protocol", async () => {
  const { code, out, err, started, asked } = await run("-audp", { answers: [{ ok: { tcp: "atcp", udp: "audp" } }] });
  assert.deepEqual([code, out, err, started], [0, "", [], []]);
  assert.deepEqual(asked, [`${FILE} audp`]);
});

test("the running daemon refuses, or is one that adds no modes", async () => {
  const message = "TCP is watched in mode stcp already; stop it first";
  const refusal = { refused: { code: "mode-taken", message } } as const;
  const refused = await run("-atcp", { answers: [refusal] });
  assert.deepEqual([refused.code, refused.err, refused.started], [255, [message], []]);
  assert.deepEqual(refused.syslog, [
    `adminalert: ERROR: ${message}`,
    "adminalert: ERROR: could not go into PortSentry mode. Shutting down.",
    ...stopping,
  ]);
  const old = await run("-atcp", { answers: [new ControlError("no-such-route", "this daemon adds no modes")] });
  assert.deepEqual([old.code, old.err], [255, ["this daemon adds no modes"]]);
});

test("both calls at once: the later one asks until the quicker daemon listens", async () => {
  const { code, heard } = await (async () => {
    const { world, heard } = setUp({
      answers: [notRunning(), notRunning(), notRunning(), { ok: { tcp: "tcp", udp: "udp" } }],
      result: { ready: false, complaints: "cannot start: another Portreeve is running\n", exitCode: 69 },
    });
    return { code: await runPortsentry(["-udp"], world), heard };
  })();
  assert.deepEqual([code, heard.err, heard.syslog], [0, [], []]);
  assert.equal(heard.slept, 2);
});

test("the daemon cannot start: 255, the reason on standard error and in syslog", async () => {
  for (const exitCode of [69, 77, undefined]) {
    const result = { ready: false, complaints: "cannot start: EPERM\n", exitCode } as const;
    const { code, err, syslog } = await run("-tcp", { result });
    assert.deepEqual([code, err], [255, ["cannot start: EPERM"]]);
    assert.deepEqual(syslog.slice(0, 2), [
      "adminalert: ERROR: cannot start: EPERM",
      "adminalert: ERROR: could not go into PortSentry mode. Shutting down.",
    ]);
  }
});

test("the child becomes the daemon, and tells its parent", async () => {
  const { code, ran, parent, asked, started } = await run("-stcp -sudp -c /tmp/x.conf", {
    isChild: true,
    daemonExit: 0,
  });
  assert.equal(code, 0);
  const [{ daemonReady, complain, ...options } = {}] = ran;
  assert.ok(daemonReady !== undefined && complain !== undefined);
  assert.deepEqual(options, {
    confFile: "/tmp/x.conf",
    log: "syslog",
    forceBlock: false,
    terse: true,
    tcpMode: "stcp",
    udpMode: "sudp",
    generation: 1,
  });
  assert.deepEqual([parent, asked, started], [["ready"], [], []]);
});

test("-c is made absolute for the daemon, whose directory is /", async () => {
  const file = `${process.cwd()}/x.conf`;
  const { started } = await run("-tcp -c x.conf", { files: { [file]: conf1 } });
  assert.deepEqual(started, [["-tcp", "-c", file]]);
});

test("2.x in the foreground", async () => {
  const { code, ran, err, started } = await run("--connect -m raw -i ALL -i ALL -l syslog", { daemonExit: 78 });
  assert.equal(code, 78);
  assert.deepEqual(ran, [
    {
      confFile: FILE,
      log: "syslog",
      forceBlock: false,
      terse: true,
      tcpMode: "tcp",
      udpMode: "udp",
      generation: 2,
      interfaces: ["ALL"],
      folder: "/root",
      switches: { countsOwn: false, countsServed: false, verbose: false, debug: false },
      title: "/usr/sbin/portsentry --connect -m raw -i ALL -i ALL -l syslog",
    },
  ]);
  assert.deepEqual([err, started], [[], []]);
  assert.equal((await run("-l stdout -i eth0")).ran[0]?.tcpMode, "stcp");
});

test("2.x as a daemon: the child gets the same options, knows the folder of its parent, and writes to syslog", async () => {
  const parent = await run("-Dv -i eth0");
  assert.deepEqual([parent.code, parent.ran, parent.err], [0, [], []]);
  assert.deepEqual(parent.started, [["--stealth", "-D", "-c", FILE, "-i", "eth0", "-v"]]);
  assert.deepEqual((await run("--connect -LSdD")).started, [["--connect", "-D", "-c", FILE, "-L", "-S", "-d"]]);
  const child = await run((parent.started[0] ?? []).join(" "), { isChild: true });
  assert.deepEqual([child.err, child.parent, child.ran[0]?.log], [[], ["ready"], "syslog"]);
  assert.deepEqual([child.ran[0]?.interfaces, child.ran[0]?.folder], [["eth0"], "/srv"]);
  assert.equal(child.ran[0]?.switches?.verbose, true);
  const failed = await run("-D", { result: { ready: false, complaints: "no\n", exitCode: 77 } });
  assert.deepEqual([failed.code, failed.err], [77, ["no"]]);
});

test("2.x's help, version and mistakes", async () => {
  const help = await run("--help");
  assert.equal(help.code, 0);
  assert.match(help.out, /^Portsentry - Port Scan Detector\.\nUsage: portsentry \[--stealth, --connect\] <options>\n/);
  assert.deepEqual((await run("-V")).out, "Portsentry 2.0.7 (portreeve 0.1.0)\n");
  const wrong = await run("--stealth --connect");
  assert.deepEqual(
    [wrong.code, wrong.out, wrong.err],
    [1, "", ["Error: Only one mode can be specified, Use only one of --stealth or --connect"]],
  );
});

test("no argument: 1.2's usage with a 1.2 file or none; 2.x's stealth mode with a 2.x file", async () => {
  assert.deepEqual([(await run("")).out, (await run("")).code], [usage, 255]);
  const files = { [FILE]: 'TCP_PORTS="1,11"\n' };
  assert.equal((await run("", { files })).out, usage);
  const mixed = { [FILE]: 'ADVANCED_EXCLUDE_TCP="113"\nTCP_PORTS="1-11"\n' };
  assert.equal((await run("", { files: mixed })).out, usage);
  const said = { [FILE]: 'LOG_FORMAT="portsentry2"\nADVANCED_PORTS_TCP="1024"\n' };
  assert.equal((await run("", { files: said })).ran[0]?.generation, 2);
  assert.equal((await run("", { files: {} })).out, usage);
  const conf2 = 'TCP_PORTS="1,512-515"\nUDP_PORTS="7"\nBLOCKED_FILE="/tmp/portsentry.blocked"\n';
  const { ran } = await run("", { files: { [FILE]: conf2 } });
  assert.deepEqual([ran[0]?.generation, ran[0]?.tcpMode, ran[0]?.log], [2, "stcp", "stdout"]);
});

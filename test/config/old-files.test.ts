// Files of both PortSentry generations: the stock ones load unchanged, what PortSentry passes over is no error in them,
// and the command line chooses modes and generation.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LoadOptions } from "../../src/config/options.ts";
import { formatPorts } from "../../src/config/ports.ts";
import { IGNORE, load, problemsAt, readRepositoryFile, settingsOf, tellProblem } from "./support.ts";

const DEBIAN = readRepositoryFile("test/config/fixtures/portsentry-1.2-debian.conf");
const SECOND = readRepositoryFile("test/config/fixtures/portsentry-2.0.7.conf");
const IGNORE_LINE = `IGNORE_FILE="${IGNORE}"`;

function errorsOf(text: string): string[] {
  return load(text)
    .problems.filter(({ severity }) => severity === "error")
    .map(({ line, message }) => `${line} ${message}`);
}

describe("stock files", () => {
  test("Debian's 1.2 file", () => {
    const loaded = load(DEBIAN);
    const settings = settingsOf(loaded);
    assert.deepEqual(
      loaded.problems.filter(({ passedOver }) => passedOver),
      [],
    );
    assert.equal(formatPorts(settings.tcp.watched), "1-112,114-138,140-65535");
    assert.equal(formatPorts(settings.udp.watched), "1-66,68-136,139-519,521-65535");
    assert.deepEqual([settings.policy, settings.proof, settings.scanTrigger], ["trigger", "off", 0]);
    assert.deepEqual([settings.generation, settings.logFormat, settings.resolveHost], [1, "portsentry1", false]);
    assert.deepEqual(settings.responses, {
      killRoute: "/sbin/route add -host $TARGET$ reject",
      unkillRoute: undefined,
      hostsDeny: "ALL: $TARGET$ : DENY",
      hostsDenyFile: "/etc/hosts.deny",
      runCommand: undefined,
      runCommandFirst: false,
      runCommandLimitMs: 600_000,
    });
    assert.equal(settings.blockedFile, "/var/lib/portsentry/portsentry.blocked");
    assert.equal(problemsAt(loaded, "SCAN_TRIGGER").length, 2);
  });

  test("2.0.7's file", () => {
    const options: LoadOptions = { tcpMode: "stcp", udpMode: "sudp", generation: 2 };
    const settings = settingsOf(load(SECOND, "", options));
    assert.equal(
      formatPorts(settings.tcp.watched),
      "1,7,9,11,13,15,17,19-21,70,79,111,113,119,389,512-515,540,543-544,873,989-990,992,1080",
    );
    assert.equal(formatPorts(settings.udp.watched), "7,9,13,19,111,389,513,517-518");
    assert.deepEqual(
      [settings.tcp.mode, settings.tcp.modeName, settings.udp.modeName],
      ["listed", "stealth", "stealth"],
    );
    assert.deepEqual([settings.generation, settings.logFormat], [2, "portsentry2"]);
    assert.deepEqual(
      [settings.historyFile, settings.blockedFile],
      ["/var/log/portsentry.log", "/tmp/portsentry.blocked"],
    );
    assert.ok(load(SECOND).settings, "and without a command line");
  });
});

describe("the command line", () => {
  const modes = (options: LoadOptions) => {
    const { tcp, udp } = settingsOf(load(DEBIAN, "", options));
    const tell = ({ active, mode, modeName, watched }: typeof tcp) =>
      active ? `${mode} ${modeName} ${watched.length}` : `- ${watched.length}`;
    return [tell(tcp), tell(udp)];
  };
  const cases: readonly (readonly [LoadOptions, string, string])[] = [
    [{}, "all atcp 3", "all audp 4"],
    [{ tcpMode: "tcp" }, "listen tcp 22", "- 0"],
    [{ tcpMode: "stcp" }, "listed stcp 22", "- 0"],
    [{ tcpMode: "atcp" }, "advanced atcp 3", "- 0"],
    [{ udpMode: "udp" }, "- 0", "listen udp 15"],
    [{ udpMode: "sudp" }, "- 0", "listed sudp 15"],
    [{ udpMode: "audp" }, "- 0", "advanced audp 4"],
    [{ tcpMode: "atcp", udpMode: "udp" }, "advanced atcp 3", "listen udp 15"],
    [{ tcpMode: "tcp", udpMode: "udp", generation: 2 }, "listen connect 22", "listen connect 15"],
    [{ generation: 2 }, "all stealth 3", "all stealth 4"],
  ];
  for (const [options, tcp, udp] of cases) {
    test(JSON.stringify(options), () => assert.deepEqual(modes(options), [tcp, udp]));
  }

  test("advanced modes watch every port below the limit but the exclusions", () => {
    const { tcp, udp } = settingsOf(load(DEBIAN, "", { tcpMode: "atcp", udpMode: "audp" }));
    assert.equal(formatPorts(tcp.watched), "1-112,114-138,140-1023");
    assert.equal(formatPorts(udp.watched), "1-66,68-136,139-519,521-1023");
  });

  test("a protocol that is not watched has no reaction, and is not complained about", () => {
    const text = `${IGNORE_LINE}\nBLOCK_UDP="1"\nBLOCK_TCP="1"\nTCP_PORTS="7"\nFIREWALL="none"\nKILL_ROUTE="/r $TARGET$"\n`;
    const loaded = load(text, "", { tcpMode: "stcp" });
    const { tcp, udp } = settingsOf(loaded);
    assert.deepEqual([tcp.block, udp.block, udp.runOnly], [true, false, false]);
    assert.deepEqual(problemsAt(loaded, "UDP_PORTS"), []);
  });

  test("the file's LOG_FORMAT comes before the command line's, that before the generation's", () => {
    const format = (text: string, options: LoadOptions) => settingsOf(load(text, "", options)).logFormat;
    assert.equal(format("", { generation: 2 }), "portsentry2");
    assert.equal(format("", { generation: 2, logFormat: "json" }), "json");
    assert.equal(format('LOG_FORMAT="portsentry1"', { generation: 2, logFormat: "json" }), "portsentry1");
  });

  test("interfaces are kept", () => {
    assert.deepEqual(settingsOf(load("", "", { interfaces: ["eth0", "lo"] })).interfaces, ["eth0", "lo"]);
  });
});

describe("lines that PortSentry passes over", () => {
  const passed: readonly (readonly [string, RegExp])[] = [
    ['FOO="1"', /^FOO is no known key and does nothing, as in PortSentry; remove/],
    ['KILL_ROUTES="/x"', /KILL_ROUTES .* did you mean KILL_ROUTE\?$/],
    ["nonsense", /has no "="/],
    ["BLOCK_TCP=1", /quotes missing/],
    ['="1"', /no key/],
    ['BLOCK TCP="1"', /is no key/],
    ['export BLOCK_TCP="1"', /is no key/],
  ];
  for (const [line, expected] of passed) {
    test(`${line}: a warning in an old file, an error in one with a key of ours`, () => {
      const old = load(`${IGNORE_LINE}\n${line}\n`);
      const told = old.problems.filter(({ line: at }) => at === 2 && old.settings !== undefined);
      assert.deepEqual(
        told.filter(({ passedOver }) => passedOver).map(({ severity }) => severity),
        ["warning"],
      );
      assert.match(told[0]?.message ?? "", expected);
      const ours = load(`${IGNORE_LINE}\n${line}\nSYSLOG_IDENT="x"\n`);
      assert.equal(ours.settings, undefined);
      assert.deepEqual(
        ours.problems.filter(({ line: at }) => at === 2).map(({ severity, passedOver }) => [severity, passedOver]),
        [["error", undefined]],
      );
    });
  }

  const read: readonly (readonly [string, RegExp])[] = [
    ['BLOCK_TCP="1', /no closing quote after "1; write BLOCK_TCP="1"; until then BLOCK_TCP is "1", as in PortSentry$/],
    ['BLOCK_TCP="1" on', /text after the closing quote.*; until then BLOCK_TCP is "1", as in PortSentry$/],
    ['BLOCK_TCP "1"', /no "=" before the value.*; until then BLOCK_TCP is "1", as in PortSentry$/],
    ['BLOCK_TCP="1\0', /NUL byte.*; until then BLOCK_TCP is "1"/],
    [`BLOCK_TCP="1${" ".repeat(5000)}"`, /more than 4096.*; until then BLOCK_TCP is "1/],
  ];
  for (const [line, expected] of read) {
    test(`${JSON.stringify(line).slice(0, 30)}: the value counts, which is said; an error in a file of ours`, () => {
      const old = load(`${IGNORE_LINE}\n${line}\n`);
      assert.equal(settingsOf(old).tcp.block, true);
      const told = old.problems.filter(({ line: at, message }) => at === 2 && expected.test(message));
      assert.deepEqual(
        told.map(({ severity, passedOver }) => [severity, passedOver]),
        [["warning", undefined]],
      );
      const ours = load(`${IGNORE_LINE}\n${line}\nSYSLOG_IDENT="x"\n`);
      assert.equal(ours.settings, undefined);
      assert.match(ours.problems.map(tellProblem).join("\n"), /^2 error /m);
    });
  }

  test("the value that PortSentry would have read counts", () => {
    assert.equal(settingsOf(load("BLOCK_TCP=1\n")).tcp.block, false);
    assert.equal(settingsOf(load(Buffer.from('PORT_BANNER="T\xfcr"\n', "latin1"))).banner, "T\u00fcr");
  });

  test("an indented key counts, which is said", () => {
    const loaded = load(`${IGNORE_LINE}\n BLOCK_TCP="1"\n`);
    assert.equal(settingsOf(loaded).tcp.block, true);
    assert.match(
      problemsAt(loaded, "BLOCK_TCP").join("\n"),
      /^2 warning BLOCK_TCP: what stands before it, .* here it counts/m,
    );
    assert.equal(settingsOf(load(' BLOCK_TCP="1"\nBLOCK_TCP="0"\n')).tcp.block, false);
  });

  test("two lines that have run into one are both read, where PortSentry finds the second key", () => {
    const loaded = load(
      `${IGNORE_LINE}\nBLOCK_UDP="0"BLOCK_TCP="1"\nKILL_ROUTE="/r $TARGET$"KILL_HOSTS_DENY="x $TARGET$"\n`,
    );
    const { tcp, udp, responses } = settingsOf(loaded);
    assert.deepEqual([tcp.block, udp.block, responses.hostsDeny], [true, false, undefined]);
    const told = loaded.problems.map(tellProblem).join("\n");
    assert.match(told, /^2 warning BLOCK_UDP: text after .*; until then BLOCK_UDP is "0" and BLOCK_TCP is "1"$/m);
    assert.equal(load('BLOCK_UDP="0"BLOCK_TCP="1"\nPROOF="on"\n').settings, undefined);
    // A comment is none.
    assert.equal(settingsOf(load('BLOCK_UDP="0" # BLOCK_TCP="1"\n')).tcp.block, false);
  });

  test("an indented key that is faulty besides is told of both", () => {
    const loaded = load(`${IGNORE_LINE}\n BLOCK_TCP="1\n`);
    assert.equal(settingsOf(loaded).tcp.block, true);
    const told = problemsAt(loaded, "BLOCK_TCP").join("\n");
    assert.match(told, /^2 warning BLOCK_TCP: no closing quote/m);
    assert.match(told, /^2 warning BLOCK_TCP: what stands before it, .* here it counts/m);
  });

  test("a key that looks like one of ours keeps no old file from being read; PortSentry's own key is the nearer", () => {
    const tell = (text: string) => problemsAt(load(text), text.slice(0, text.indexOf("="))).join();
    assert.match(tell('PROFF="on"\n'), /^1 warning PROFF is no known key and does nothing, .*did you mean PROOF\?/);
    assert.match(tell('TOLERATED_PORT_TCP="22"\n'), /^1 warning .*did you mean TOLERATED_PORTS_TCP\?/);
    assert.match(tell('BLOCK_FILE="/b"\n'), /^1 warning .*did you mean BLOCKED_FILE\?/);
    assert.match(tell('SYSLOG_FACILITY="auth"\n'), /^1 warning .*does nothing, as in PortSentry; remove the line/);
    assert.match(errorsOf('PROFF="on"\nSCORE_PORTS="3"\n').join(), /^1 PROFF is no known key; did you mean PROOF\?/);
  });

  test("TCP_MODE and UDP_MODE, which people put into PortSentry's file, do not make it ours", () => {
    const settings = settingsOf(load('FOO="1"\nTCP_MODE="stcp"\nUDP_MODE="atcp"\nTCP_PORTS="1,11,"\n'));
    assert.deepEqual([settings.tcp.modeName, settings.udp.modeName], ["stcp", "audp"]);
    assert.equal(formatPorts(settings.tcp.watched), "1,11");
  });
});

test("typographic quotes within the right ones: an empty value in an old file, an error in one of ours", () => {
  const text = `${IGNORE_LINE}\nKILL_ROUTE="\u201d/sbin/route add -host $TARGET$ reject\u201d"\n`;
  const old = load(text);
  assert.equal(settingsOf(old).responses.killRoute, undefined);
  const what =
    'KILL_ROUTE: typographic quotes stand in the value; write KILL_ROUTE="/sbin/route add -host $TARGET$ reject"';
  const told = `2 warning ${what}; until then the value is empty, as in PortSentry`;
  assert.deepEqual(problemsAt(old, "KILL_ROUTE"), [told]);
  assert.deepEqual(problemsAt(load(`${text}PROOF="on"\n`), "KILL_ROUTE"), [`2 error ${what}`]);
});

test("2.x is strict, and so is its command line: what it refuses is an error", () => {
  const second = (text: string) => load(text, "", { tcpMode: "stcp", udpMode: "sudp", generation: 2 });
  const base = 'TCP_PORTS="7,70-79"\nUDP_PORTS="7"\n';
  for (const line of [
    'FOO="1"',
    "nonsense",
    "BLOCK_TCP=1",
    'BLOCK_TCP="1',
    'BLOCK_TCP="yes"',
    'ADVANCED_EXCLUDE_TCP="ssh"',
  ]) {
    const { settings, problems } = second(`${base}${line}\n`);
    assert.equal(settings, undefined, line);
    assert.match(problems.map(tellProblem).join("\n"), /^3 error /m);
  }
  // What stands behind the closing quote 2.x does not look at.
  assert.equal(settingsOf(second(`${base}BLOCK_TCP="1" on\n`)).tcp.block, true);
});

test('BLOCK_*="2" without a command is an error, but not in an old file: 1.2 starts with it', () => {
  assert.deepEqual(errorsOf('BLOCK_TCP="2"\n'), []);
  assert.match(problemsAt(load('BLOCK_TCP="2"\n'), "BLOCK_TCP").join(), /^1 warning .*there is no KILL_RUN_CMD to run/);
  assert.equal(errorsOf('BLOCK_UDP="2"\nADVANCED_PORTS_TCP="1024"\nPROOF="on"\n').length, 1);
  const second = load('BLOCK_UDP="2"\nADVANCED_PORTS_TCP="1024"\n', "", { generation: 2 });
  assert.equal(second.settings, undefined);
  const { tcp } = settingsOf(load('BLOCK_TCP="2"\nKILL_RUN_CMD="/bin/true"\n'));
  assert.deepEqual([tcp.block, tcp.runOnly], [false, true]);
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { explainSettings } from "../../src/config/explain.ts";
import { keyNames } from "../../src/config/keys.ts";
import { loadSettings } from "../../src/config/load.ts";
import { formatPorts } from "../../src/config/ports.ts";
import { formatProblem } from "../../src/config/problems.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { FILE, filesOf, IGNORE, load, problemsAt, settingsOf, tellProblem } from "./support.ts";

const IGNORE_LINE = `IGNORE_FILE="${IGNORE}"`;
/** A key that only Portreeve has: lines that PortSentry passes over are errors in such a file. */
const OURS = 'LATELY_OPEN="1h"';

describe("defaults", () => {
  test("a file with no key but IGNORE_FILE means what PortSentry's silence means", () => {
    const settings = settingsOf(load(IGNORE_LINE));
    const quietly = { watched: [{ first: 1, last: 65535 }], tolerated: [], block: false, runOnly: false };
    const one = (port: number) => ({ first: port, last: port });
    assert.deepEqual(settings, {
      file: FILE,
      tcp: { mode: "all", modeName: "atcp", active: true, ...quietly, publicPorts: [25, 80, 443].map(one) },
      udp: { mode: "all", modeName: "audp", active: true, ...quietly, publicPorts: [53, 443].map(one) },
      generation: 1,
      switches: { countsOwn: false, countsServed: false, verbose: false, debug: false },
      firewall: "auto",
      responses: {
        killRoute: undefined,
        unkillRoute: undefined,
        hostsDeny: undefined,
        hostsDenyFile: "/etc/hosts.deny",
        runCommand: undefined,
        runCommandFirst: false,
        runCommandLimitMs: 600_000,
      },
      policy: "trigger",
      scanTrigger: 0,
      scorePorts: 3,
      scoreWindowMs: 600_000,
      slowScorePorts: 10,
      slowScoreWindowMs: 86_400_000,
      neighbours: 16,
      slowNeighbours: 32,
      scatteredSources: 64,
      toleratedKinds: 5,
      proof: "off",
      protect: [],
      answer: "reset",
      greylist: false,
      outgoing: "off",
      greylistEarliestMs: 800,
      decoyMark: 0x70727600,
      maxUnprovenPerSecond: 50,
      maxBlocksPerSecond: 10,
      blockTimeMs: 86_400_000,
      blockTimeFactor: 4,
      blockTimeMaxMs: 2_592_000_000,
      softBlockTimeMs: 600_000,
      sharedConnections: 1,
      blockWider: false,
      latelyOpenMs: 3_600_000,
      bootGraceMs: 120_000,
      guardSsh: true,
      guardMs: 3_600_000,
      ignored: settings.ignored,
      ignoreFile: IGNORE,
      historyFile: undefined,
      stateDir: "/var/lib/portsentry",
      controlSocket: "/run/portreeve/control.sock",
      controlGroup: "",
      syslogIdent: "portsentry",
      logFormat: "portsentry1",
      blockedFile: undefined,
      banner: undefined,
      resolveHost: false,
      capture: "auto",
      interfaces: ["ALL_NLO"],
      tap: settings.tap,
      maxSources: 1_048_576,
      maxEvents: 100_000,
    });
    assert.deepEqual(settings.ignored.map(formatPrefix), ["127.0.0.0/8"]);
  });
});

describe("every key reaches its setting", () => {
  const cases: readonly (readonly [string, string, (settings: ReturnType<typeof settingsOf>) => unknown, unknown])[] = [
    ["BLOCK_TCP", "1", ({ tcp, udp }) => [tcp.block, udp.block], [true, false]],
    ["BLOCK_UDP", "1", ({ tcp, udp }) => [tcp.block, udp.block], [false, true]],
    ["FIREWALL", "nftables", ({ firewall }) => firewall, "nftables"],
    ["FIREWALL", "none", ({ firewall }) => firewall, "none"],
    ["POLICY", "score", ({ policy }) => policy, "score"],
    ["PROTECT", "host", ({ protect }) => protect, []],
    [
      "PROTECT",
      "192.0.2.0/24,2001:db8::/32",
      ({ protect }) => protect.map(formatPrefix).join(),
      "192.0.2.0/24,2001:db8::/32",
    ],
    ["SCAN_TRIGGER", "5", ({ scanTrigger, policy }) => [scanTrigger, policy], [5, "trigger"]],
    ["SCORE_PORTS", "6", ({ scorePorts }) => scorePorts, 6],
    ["SCORE_WINDOW", "90", ({ scoreWindowMs }) => scoreWindowMs, 90_000],
    ["SLOW_SCORE_PORTS", "24", ({ slowScorePorts }) => slowScorePorts, 24],
    ["SLOW_SCORE_WINDOW", "3d", ({ slowScoreWindowMs }) => slowScoreWindowMs, 259_200_000],
    ["SLOW_SCORE_WINDOW", "0", ({ slowScoreWindowMs }) => slowScoreWindowMs, 0],
    ["PROOF", "on", ({ proof }) => proof, "on"],
    ["BLOCK_TIME", "2h", ({ blockTimeMs }) => blockTimeMs, 7_200_000],
    ["BLOCK_TIME", "0", ({ blockTimeMs }) => blockTimeMs, undefined],
    ["BLOCK_TIME_FACTOR", "1", ({ blockTimeFactor }) => blockTimeFactor, 1],
    ["BLOCK_TIME_MAX", "1w", ({ blockTimeMaxMs }) => blockTimeMaxMs, 604_800_000],
    ["SOFT_BLOCK_TIME", "30s", ({ softBlockTimeMs }) => softBlockTimeMs, 30_000],
    ["LATELY_OPEN", "0", ({ latelyOpenMs }) => latelyOpenMs, 0],
    ["BOOT_GRACE", "0", ({ bootGraceMs }) => bootGraceMs, 0],
    ["BLOCK_WIDER", "1", ({ blockWider }) => blockWider, true],
    ["SHARED_ADDRESS_CONNECTIONS", "0", ({ sharedConnections }) => sharedConnections, 0],
    ["GUARD_SSH", "0", ({ guardSsh }) => guardSsh, false],
    ["GUARD_TIME", "5m", ({ guardMs }) => guardMs, 300_000],
    ["TOLERATED_PORTS_TCP", "443,80", ({ tcp }) => formatPorts(tcp.tolerated), "80,443"],
    ["PUBLIC_PORTS_TCP", "8443,25", ({ tcp }) => formatPorts(tcp.publicPorts), "25,8443"],
    ["PUBLIC_PORTS_UDP", "123", ({ udp }) => formatPorts(udp.publicPorts), "123"],
    ["TOLERATED_PORTS_UDP", "53", ({ udp, tcp }) => [formatPorts(udp.tolerated), tcp.tolerated], ["53", []]],
    ["HISTORY_FILE", "/h", ({ historyFile }) => historyFile, "/h"],
    ["HISTORY_FILE", "", ({ historyFile }) => historyFile, undefined],
    ["STATE_DIR", "/s", ({ stateDir }) => stateDir, "/s"],
    ["CONTROL_SOCKET", "/c", ({ controlSocket }) => controlSocket, "/c"],
    ["CONTROL_GROUP", "operators", ({ controlGroup }) => controlGroup, "operators"],
    ["CONTROL_GROUP", "1042", ({ controlGroup }) => controlGroup, "1042"],
    ["SYSLOG_IDENT", "reeve", ({ syslogIdent }) => syslogIdent, "reeve"],
    ["LOG_FORMAT", "json", ({ logFormat }) => logFormat, "json"],
    ["LOG_FORMAT", "portsentry2", ({ logFormat }) => logFormat, "portsentry2"],
    ["LOG_FORMAT", "", ({ logFormat }) => logFormat, "portsentry1"],
    ["KILL_ROUTE", "/r $TARGET$", ({ responses }) => responses.killRoute, "/r $TARGET$"],
    ["UNKILL_ROUTE", "/u $TARGET$", ({ responses }) => responses.unkillRoute, "/u $TARGET$"],
    ["KILL_HOSTS_DENY", "ALL: $TARGET$", ({ responses }) => responses.hostsDeny, "ALL: $TARGET$"],
    ["KILL_RUN_CMD", "/c", ({ responses }) => responses.runCommand, "/c"],
    ["KILL_RUN_CMD", "", ({ responses }) => responses.runCommand, undefined],
    ["KILL_RUN_CMD_FIRST", "1", ({ responses }) => responses.runCommandFirst, true],
    ["PORT_BANNER", "go away", ({ banner }) => banner, "go away"],
    ["BLOCKED_FILE", "/b", ({ blockedFile }) => blockedFile, "/b"],
    ["RESOLVE_HOST", "1", ({ resolveHost }) => resolveHost, true],
    ["RESOLVE_HOST", "yes", ({ resolveHost }) => resolveHost, false],
    ["MAX_SOURCES", "1024", ({ maxSources }) => maxSources, 1024],
    ["MAX_EVENTS", "500", ({ maxEvents }) => maxEvents, 500],
    ["ADVANCED_EXCLUDE_TCP", "2-65535", ({ tcp }) => formatPorts(tcp.watched), "1"],
    ["ADVANCED_EXCLUDE_UDP", "1-65534", ({ udp }) => formatPorts(udp.watched), "65535"],
  ];
  for (const [key, value, pick, expected] of cases) {
    test(`${key}="${value}"`, () =>
      assert.deepEqual(pick(settingsOf(load(`${IGNORE_LINE}\n${key}="${value}"\n`))), expected));
  }

  test("modes choose the ports", () => {
    const lists = 'TCP_PORTS="7,9"\nUDP_PORTS="69"\nADVANCED_PORTS_TCP="65536"\nADVANCED_EXCLUDE_TCP="9"\n';
    const watched = (modes: string) => {
      const { tcp, udp } = settingsOf(load(`${lists}${modes}`));
      return [tcp.mode, formatPorts(tcp.watched), udp.mode, formatPorts(udp.watched)];
    };
    assert.deepEqual(watched('TCP_MODE="stcp"\nUDP_MODE="sudp"'), ["listed", "7,9", "listed", "69"]);
    assert.deepEqual(watched('TCP_MODE="atcp"\nUDP_MODE="audp"'), ["advanced", "1-8,10-65535", "advanced", "1-1023"]);
    assert.deepEqual(watched('TCP_MODE="tcp"\nUDP_MODE="udp"'), ["listen", "7,9", "listen", "69"]);
    assert.deepEqual(watched('TCP_MODE=""\nUDP_MODE=""'), ["all", "1-8,10-65535", "all", "1-65535"]);
  });
});

describe("what cannot be used is an error at its line, with the remedy", () => {
  const bad: readonly (readonly [string, string, RegExp])[] = [
    ["BLOCK_TCP", "2", /there is no KILL_RUN_CMD to run/],
    ["BLOCK_UDP", "2", /there is no KILL_RUN_CMD to run/],
    ["BLOCK_TCP", "yes", /write "0" or "1" or "2"/],
    ["TCP_MODE", "connect", /write "tcp"/],
    ["UDP_MODE", "stealth", /write "sudp"/],
    ["TCP_MODE", "sudp", /write "" or "tcp" or "stcp" or "atcp"/],
    ["LOG_FORMAT", "portsentry3", /write "" or "portsentry1"/],
    ["SCORE_PORTS", "7", /a whole number, 2 to 6/],
    ["SLOW_SCORE_PORTS", "25", /a whole number, 2 to 24/],
    ["SLOW_SCORE_WINDOW", "23h", /a time from 1d to 4w, .* or "0": slow scans are not looked for/],
    ["MAX_SOURCES", "100", /1024 to 16777215/],
    ["ADVANCED_PORTS_TCP", "65537", /2 to 65536/],
    ["TCP_PORTS", "1,0", /0 is no port/],
    ["BLOCK_TIME", "soon", /this is no time/],
    ["SOFT_BLOCK_TIME", "0", /out of range/],
    ["IGNORE_FILE", "portsentry.ignore", /begins with "\/"/],
    ["CONTROL_SOCKET", `/${"x".repeat(107)}`, /at most 107 bytes/],
    ["CONTROL_GROUP", "two words", /the name or number of a group/],
    ["SYSLOG_IDENT", "a b", /letters/],
    ["BLOK_TCP", "1", /BLOK_TCP is no known key; did you mean BLOCK_TCP\?/],
    ["FOO", "1", /FOO is no known key; remove the line/],
    ["__proto__", "1", /no known key/],
  ];
  for (const [key, value, expected] of bad) {
    test(`${key}="${value.slice(0, 20)}"`, () => {
      const loaded = load(
        `${IGNORE_LINE.replace(/^IGNORE/, key === "IGNORE_FILE" ? "#" : "IGNORE")}\n${OURS}\n${key}="${value}"\n`,
      );
      assert.equal(loaded.settings, undefined);
      assert.equal("settings" in loaded, false);
      const errors = loaded.problems.filter(({ severity }) => severity === "error");
      assert.deepEqual(
        errors.map(({ file, line, key: at }) => [file, line, at]),
        [[FILE, 3, key]],
      );
      assert.match(errors[0]?.message ?? "", expected);
    });
  }

  test("all problems at once, in the order of lines", () => {
    const loaded = load('TCP_MODE="atpc"\nnonsense\nKILL_ROUTE="x"\nPROOF=on\nFOO="1"\nSCORE_PORTS="0"\n');
    assert.deepEqual(
      loaded.problems.filter(({ line }) => line > 0).map(({ line, severity }) => `${line} ${severity}`),
      ["1 error", "2 error", "3 warning", "4 error", "5 error", "6 error"],
    );
  });

  test("a check that rests on a bad line is not made", () => {
    const loaded = load(`${IGNORE_LINE}\nBLOCK_TCP="1"\nPROOF=on\nPOLICY="scores"\n${OURS}\n`);
    assert.deepEqual(
      loaded.problems.map(({ line }) => line),
      [3, 4],
    );
  });

  test("a missing or unreadable configuration", () => {
    const missing = loadSettings(FILE, filesOf({}));
    assert.equal(missing.settings, undefined);
    assert.match(missing.problems.map(formatProblem).join(), /portsentry\.conf: error: cannot read .*no such file.*-c/);
    const fails = (code: string) =>
      loadSettings(FILE, () => {
        throw Object.assign(new Error("x"), { code });
      });
    assert.match(fails("EACCES").problems.map(formatProblem).join(), /no permission \(EACCES\)/);
    assert.match(fails("EISDIR").problems.map(formatProblem).join(), /it is a directory/);
    assert.match(fails("E\u001b[2J").problems.map(formatProblem).join(), /E\\x1b/);
  });
});

describe("what the keys mean together", () => {
  const quiet = `${IGNORE_LINE}\nPOLICY="score"\nPROOF="on"\n`;
  const telling: readonly (readonly [string, string, RegExp])[] = [
    ["PROOF", `${IGNORE_LINE}\nPOLICY="score"\nPROOF="off"\nBLOCK_TCP="1"\n`, /^3 warning .*one forged packet/],
    ["BLOCK_TCP", `${IGNORE_LINE}\nPOLICY="score"\nBLOCK_TCP="1"\n`, /^3 warning PROOF is "off".*one forged packet/],
    ["FIREWALL", `${quiet}FIREWALL="none"\nBLOCK_UDP="1"\n`, /^4 warning .*nothing is blocked/],
    [
      "BLOCK_TIME",
      `${quiet}BLOCK_TIME_MAX="1h"\nBLOCK_TIME="2h"\n`,
      /^5 warning BLOCK_TIME is 2h and BLOCK_TIME_MAX 1h/,
    ],
    ["BLOCK_TIME", `${quiet}BLOCK_TIME_MAX="1h"\n`, /^4 warning BLOCK_TIME is 1d and BLOCK_TIME_MAX 1h/],
    ["TCP_MODE", `${quiet}TCP_MODE="stcp"\n`, /^4 warning TCP_PORTS is empty: no TCP port is watched/],
    ["UDP_MODE", `${quiet}UDP_MODE="sudp"\n`, /^4 warning UDP_PORTS is empty/],
    ["ADVANCED_EXCLUDE_TCP", `${quiet}ADVANCED_EXCLUDE_TCP="1-65535"\n`, /^4 warning ADVANCED_EXCLUDE_TCP takes out/],
    ["TCP_MODE", `${quiet}TCP_MODE="stcp"\nTCP_PORTS="80"\nTOLERATED_PORTS_TCP="80"\n`, /^4 warning every watched TCP/],
    [
      "POLICY",
      `${IGNORE_LINE}\nPOLICY="trigger"\nTOLERATED_PORTS_UDP="53"\n`,
      /^2 warning .*browser that tries 443.*at the first/,
    ],
    [
      "SCAN_TRIGGER",
      `${IGNORE_LINE}\nSCAN_TRIGGER="3"\nTOLERATED_PORTS_UDP="53"\n`,
      /^2 warning .*443.*after 3 packets/,
    ],
    ["SCAN_TRIGGER", `${IGNORE_LINE}\nSCAN_TRIGGER="3"\nTOLERATED_PORTS_TCP="80"\n`, /^2 warning .*traceroute/],
    ["IGNORE_FILE", 'POLICY="score"\n', /^0 warning no IGNORE_FILE is set: no source is exempt/],
    ["IGNORE_FILE", 'POLICY="score"\nIGNORE_FILE=""\n', /^2 warning no IGNORE_FILE is set/],
    ["IGNORE_FILE", 'POLICY="score"\nIGNORE_FILE="/nope"\n', /^2 warning IGNORE_FILE \/nope: .*no source is exempt/],
  ];
  for (const [key, text, expected] of telling) {
    test(`${JSON.stringify(text.split("\n").slice(1).join(" "))} at ${key}`, () => {
      const loaded = load(text);
      assert.ok(loaded.settings);
      assert.equal(loaded.problems.length, 1, JSON.stringify(loaded.problems, null, 1));
      assert.match(problemsAt(loaded, key).join(), expected);
    });
  }

  test("nothing is told of settings that fit together", () => {
    assert.deepEqual(load(quiet).problems, []);
    assert.deepEqual(load(`${quiet}BLOCK_TCP="1"\nBLOCK_TIME="0"\nBLOCK_TIME_MAX="1h"`).problems, []);
    const listed = 'TCP_MODE="stcp"\nTCP_PORTS="7"\nUDP_MODE="sudp"\nUDP_PORTS="7"\nSCAN_TRIGGER="2"\n';
    assert.deepEqual(load(`${IGNORE_LINE}\n${listed}`).problems, []);
  });

  test("no port at all is an error", () => {
    const loaded = load(`${quiet}TCP_MODE="stcp"\nUDP_MODE="sudp"\n`);
    assert.equal(loaded.settings, undefined);
    assert.match(problemsAt(loaded, "TCP_MODE").join("\n"), /^4 error no port is watched at all/);
  });

  test("BLOCK_TIME never passes BLOCK_TIME_MAX", () => {
    assert.equal(settingsOf(load(`${quiet}BLOCK_TIME="60d"\n`)).blockTimeMs, 2_592_000_000);
  });
});

describe("the ignore file", () => {
  test("bad lines are warnings with the ignore file's own name and line", () => {
    const loaded = load(IGNORE_LINE, "192.0.2.1\nexample.org\n::/0\n2001:DB8::/32");
    assert.deepEqual(settingsOf(loaded).ignored.map(formatPrefix), ["192.0.2.1", "2001:db8::/32"]);
    const there = loaded.problems.filter(({ file }) => file === IGNORE);
    assert.deepEqual(
      there.map(({ line, severity }) => [line, severity]),
      [
        [2, "warning"],
        [3, "warning"],
      ],
    );
  });

  test("one that is there and cannot be read is an error, and a warning in an old file", () => {
    const loadWith = (more: string) =>
      loadSettings(FILE, (path) => {
        if (path === FILE) return Buffer.from(`${IGNORE_LINE}\n${more}`);
        throw Object.assign(new Error("x"), { code: "EACCES" });
      });
    const ours = loadWith(OURS);
    assert.equal(ours.settings, undefined);
    assert.match(problemsAt(ours, "IGNORE_FILE").join(), /^1 error .*no permission \(EACCES\)/);
    const old = loadWith("");
    assert.deepEqual(settingsOf(old).ignored, []);
    assert.match(problemsAt(old, "IGNORE_FILE").join(), /^1 warning .*no permission \(EACCES\): no source is exempt/);
  });

  test("one that is far too large is an error", () => {
    const loaded = load(`${IGNORE_LINE}\n${OURS}`, "#".repeat(16 * 1024 * 1024 + 1));
    assert.match(problemsAt(loaded, "IGNORE_FILE").join(), /^1 error .*more than 16777216 bytes/);
  });
});

describe("properties", () => {
  const name = fc.oneof(fc.constantFrom(...keyNames), fc.stringMatching(/^[A-Za-z_]{1,12}$/));
  const value = fc.oneof(
    fc.constantFrom("0", "1", "2", "", "on", "score", "stcp", "10m", "1-65535", "/x", "none"),
    fc.string({ unit: "binary", maxLength: 20 }),
  );
  const line = fc.oneof(
    fc.tuple(name, value).map(([key, text]) => `${key}="${text}"`),
    fc.string({ unit: "binary", maxLength: 40 }),
  );

  test("loading never throws; settings are there exactly when there is no error, and can be explained", () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), fc.string({ unit: "binary" }), (lines, ignore) => {
        const loaded = load(lines.join("\n"), ignore);
        const hasError = loaded.problems.some(({ severity }) => severity === "error");
        assert.equal(loaded.settings === undefined, hasError);
        const said = loaded.settings === undefined ? [] : explainSettings(loaded.settings);
        for (const text of [...said, ...loaded.problems.map(formatProblem)]) {
          assert.doesNotMatch(text, /[\p{Cc}\p{Cs}]/u);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("many unknown keys stay bounded", () => {
    const text = Array.from({ length: 5000 }, (_, i) => `BLOCK_TC${i}="1"`).join("\n");
    const { problems } = load(text);
    assert.equal(problems.length, 1001);
    assert.equal(problems.filter(({ message }) => message.includes("did you mean")).length, 50);
    assert.match(problems.map(tellProblem).at(-1) ?? "", /more problems are not listed/);
  });
});

// What 2.x's command line makes of a configuration: relative paths, what blocks, and what -d and -v print.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadSettings } from "../../src/config/load.ts";
import type { LoadOptions } from "../../src/config/options.ts";
import { secondLines } from "../../src/config/second-lines.ts";
import { FILE, filesOf, settingsOf } from "./support.ts";

const second: LoadOptions = { tcpMode: "stcp", udpMode: "sudp", generation: 2, folder: "/srv/test" };

function load(lines: readonly string[], options: LoadOptions = second, ignored = "") {
  const files = filesOf({ [FILE]: ['TCP_PORTS="11"', ...lines].join("\n"), "/srv/test/portsentry.ignore": ignored });
  return loadSettings(FILE, files, options);
}

test("relative paths count from the folder in which the command was given; 1.2 has none", () => {
  const lines = [
    'IGNORE_FILE="./portsentry.ignore"',
    'HISTORY_FILE="portsentry.history"',
    'BLOCKED_FILE="../portsentry.blocked"',
  ];
  const { ignoreFile, historyFile, blockedFile, ignored } = settingsOf(load(lines, second, "192.0.2.1\n"));
  assert.deepEqual(
    [ignoreFile, historyFile, blockedFile, ignored.length],
    ["/srv/test/portsentry.ignore", "/srv/test/portsentry.history", "/srv/portsentry.blocked", 1],
  );
  const none = settingsOf(load(['HISTORY_FILE=""', 'BLOCKED_FILE="/dev/null"']));
  assert.deepEqual([none.historyFile, none.blockedFile], [undefined, undefined]);
  assert.equal(load(lines, { ...second, folder: undefined }).settings, undefined);
});

test("what blocks: 2.x's own way where the file names one, else the table; FIREWALL has the last word", () => {
  const route = 'KILL_ROUTE="true $TARGET$"';
  const deny = 'KILL_HOSTS_DENY="ALL: $TARGET$"';
  const firewallOf = (lines: readonly string[], options: LoadOptions = second) =>
    settingsOf(load(lines, options)).firewall;
  assert.deepEqual(
    [[], [route], [deny]].map((lines) => firewallOf(lines)),
    ["auto", "none", "none"],
  );
  assert.deepEqual(firewallOf([deny, 'FIREWALL="nftables"']), "nftables");
  assert.deepEqual(firewallOf([route], { tcpMode: "stcp", generation: 1 }), "auto");
});

test("hosts.deny alone is told to be little", () => {
  const told = (...more: string[]) =>
    load(['KILL_HOSTS_DENY="ALL: $TARGET$"', 'BLOCK_TCP="1"', ...more]).problems.filter(({ message }) =>
      message.startsWith("KILL_HOSTS_DENY alone"),
    ).length;
  assert.deepEqual([told(), told('FIREWALL="nftables"'), told('KILL_ROUTE="true $TARGET$"')], [1, 0, 0]);
});

test("-d prints the settings in 2.x's names, -v the allow list", () => {
  const lines = [
    'IGNORE_FILE="portsentry.ignore"',
    'UDP_PORTS="1,5-11"',
    'BLOCK_TCP="1"',
    'KILL_ROUTE="true $TARGET$"',
  ];
  const run = { log: "stdout", isDaemon: false } as const;
  const said = (verbose: boolean, debug: boolean) => {
    const switches = { countsOwn: false, countsServed: false, verbose, debug };
    return secondLines(settingsOf(load(lines, { ...second, switches }, "192.0.2.0/24\n2001:db8::1\n")), run);
  };
  assert.deepEqual(said(false, false), []);
  assert.deepEqual(said(true, false), ["Ignoring IP: 192.0.2.0/24", "Ignoring IP: 2001:db8::1"]);
  const debug = said(false, true);
  assert.equal(debug[0], "debug: Final Configuration:");
  for (const line of [
    "debug: killRoute: true $TARGET$",
    "debug: interface: ALL_NLO",
    "debug: tcpPorts (1): 11",
    "debug: udpPorts (2): 1 5-11",
    "debug: ignoreFile: /srv/test/portsentry.ignore",
    "debug: blockTCP: 1",
    "debug: sentryMode: stealth",
  ])
    assert.ok(debug.includes(line), line);
});

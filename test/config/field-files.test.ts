// Configuration files as people have them, in test/field/: written after the manner of guides, of other systems, editors and
// habits. For each: whether it starts, what is watched and done, and every line that is spoken of.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { loadSettings } from "../../src/config/load.ts";
import type { LoadOptions } from "../../src/config/options.ts";
import { formatPorts } from "../../src/config/ports.ts";
import type { Problem } from "../../src/config/problems.ts";
import type { Settings } from "../../src/config/settings.ts";
import { repositoryFolder } from "../support/repository.ts";
import { FILE, filesOf, IGNORE } from "./support.ts";

const fieldFolder = repositoryFolder("test/field");
const stcp: LoadOptions = { tcpMode: "stcp", generation: 1 };
const atcp: LoadOptions = { tcpMode: "atcp", generation: 1 };
const second: LoadOptions = { tcpMode: "stcp", udpMode: "sudp", generation: 2 };

const REJECT = "/sbin/route add -host $TARGET$ reject";
const DROP = "/sbin/iptables -I INPUT -s $TARGET$ -j DROP";
const DENY = "ALL: $TARGET$ : DENY";

interface Expected {
  readonly options?: LoadOptions;
  /** TCP ports that are watched, as a list; absent where nothing may start. */
  readonly tcp?: string;
  readonly udp?: string;
  /** BLOCK_TCP: what is done to a scanner; "log" when absent. */
  readonly does?: "block" | "run";
  readonly route?: string;
  readonly deny?: string;
  /** Beyond all that. */
  readonly more?: (settings: Settings) => void;
  /** Each line that is spoken of, with a part of what is said; errors begin with "!". */
  readonly told?: readonly (readonly [line: number, part: string])[];
}

const hidden = "hides this line from PortSentry 1.2";
const noPort = "is no port, and does not count";

const files: Readonly<Record<string, Expected>> = {
  "debian-tutorial": {
    options: atcp,
    tcp: "1-20,23-24,26-52,54-79,81-109,111-112,114-134,136,140-442,444-1023",
    does: "block",
    route: DROP,
    deny: DENY,
  },
  "redhat-usr-local": {
    tcp: "1,11,15,79,111,119,143,540,635,1080,1524,2000,5742,6667,12345-12346,20034,31337",
    does: "block",
    route: "/sbin/ipchains -I input -s $TARGET$ -j DENY -l",
    deny: "ALL: $TARGET$",
    more: ({ responses, resolveHost, scanTrigger, banner, historyFile }) => {
      assert.deepEqual([responses.runCommandFirst, resolveHost, scanTrigger], [true, true, 1]);
      assert.match(banner ?? "", /^\*\* UNAUTHORIZED .* LOGGED\.$/);
      assert.equal(historyFile, "/usr/local/psionic/portsentry/portsentry.history");
    },
    told: [
      [5, "there is no such file: no source is exempt"],
      [12, 'what undoes "/sbin/ipchains -I input -s $TARGET$ -j DENY -l" is not known'],
    ],
  },
  "windows-lines": { tcp: "1,11,15", does: "block", route: REJECT },
  "windows-notepad": { tcp: "1,11,15", does: "block", told: [[1, hidden]] },
  "windows-unicode": {
    told: [
      [0, "!the file is UTF-16 text"],
      [0, "!no port is watched at all"],
    ],
  },
  "typographic-quotes": {
    options: atcp,
    tcp: "1-1023",
    deny: DENY,
    told: [
      [2, 'typographic quotes in \u201c1,11,15\u201d, where PortSentry\'s format has "; write TCP_PORTS="1,11,15"'],
      [7, 'typographic quotes in \u201d1\u2033, where PortSentry\'s format has "; write BLOCK_TCP="1"'],
      [8, 'typographic quotes in \u201e1\u201c, where PortSentry\'s format has "; write BLOCK_UDP="1"'],
      [9, 'write KILL_ROUTE="/sbin/route add -host $TARGET$ reject"'],
    ],
  },
  "quotes-around-typographic": {
    options: atcp,
    tcp: "1-1023",
    told: [
      [1, 'typographic quotes stand in the value; write TCP_PORTS="1,11,15"; until then the value is empty'],
      [5, 'typographic quotes stand in the value; write BLOCK_TCP="1"; until then the value is empty'],
      [5, 'BLOCK_TCP="": this counts as "0", as in PortSentry'],
      [6, 'write KILL_ROUTE="/sbin/route add -host $TARGET$ reject"; until then the value is empty'],
    ],
  },
  "half-typographic": {
    tcp: "1,11,15",
    does: "block",
    route: REJECT,
    told: [
      [1, 'no closing quote after "1,11,15\u201d; write TCP_PORTS="1,11,15"; until then TCP_PORTS is "1,11,15"'],
      [5, 'until then BLOCK_TCP is "1", as in PortSentry'],
      [6, `until then KILL_ROUTE is "${REJECT}", as in PortSentry`],
    ],
  },
  "windows-1252-quotes": {
    tcp: "1,11",
    more: ({ banner }) => assert.equal(banner, "Zutritt f\u00fcr Unbefugte"),
    told: [
      [5, 'typographic quotes in \\x931\\x94, where PortSentry\'s format has "; write BLOCK_TCP="1"'],
      [6, 'save the file as UTF-8; until then PORT_BANNER is "Zutritt f\u00fcr Unbefugte"'],
    ],
  },
  "missing-closing-quotes": {
    tcp: "1,11,15",
    does: "block",
    route: DROP,
    deny: DENY,
    more: ({ ignored, scanTrigger, resolveHost, historyFile }) => {
      assert.deepEqual([ignored.length, scanTrigger, resolveHost], [1, 3, true]);
      assert.equal(historyFile, "/var/lib/portsentry/portsentry.history");
    },
    told: [2, 4, 5, 7, 8, 10, 11, 12].map((line) => [line, "no closing quote after"] as const),
  },
  "trailing-commas": {
    tcp: "1,11,15",
    does: "block",
    told: [
      [1, "an item without a number is passed over, as in PortSentry"],
      [7, 'this counts as "1", as in PortSentry'],
    ],
  },
  "service-names": { tcp: "23", does: "block", told: [[1, `"ftp" ${noPort}`]] },
  "only-service-names": {
    tcp: "",
    does: "block",
    told: [
      [1, `"ssh" ${noPort}`],
      [1, "no port is watched at all"],
      [1, "TCP_PORTS is empty"],
    ],
  },
  "range-with-colon": { tcp: "1", does: "block", told: [[2, '"1:65535" counts as 1, as in PortSentry']] },
  "range-with-dash": { tcp: "1-20,79,100-119", does: "block" },
  "empty-values": {
    tcp: "1,11",
    more: ({ scanTrigger, resolveHost, banner }) =>
      assert.deepEqual([scanTrigger, resolveHost, banner], [0, false, undefined]),
    told: [
      [8, 'this counts as "0", as in PortSentry; write "0" or "1"'],
      [9, 'this counts as "0", as in PortSentry; write "0" or "1" or "2"'],
      [15, 'this counts as "0", as in PortSentry'],
    ],
  },
  "yes-and-no": {
    tcp: "1,11",
    told: [
      [6, 'RESOLVE_HOST="no": this counts as "0"'],
      [7, 'BLOCK_TCP="yes": this counts as "0"'],
      [9, 'SCAN_TRIGGER="none": this counts as "0"'],
    ],
  },
  "numbers-with-more": {
    tcp: "1,11,79-80,443",
    does: "block",
    more: ({ scanTrigger, resolveHost }) => assert.deepEqual([scanTrigger, resolveHost], [3, true]),
    told: [
      [1, '"11 15" counts as 11, as in PortSentry; "79x" counts as 79'],
      [5, 'this counts as "1"'],
      [8, 'SCAN_TRIGGER="3 hits": this counts as "3"'],
    ],
  },
  "unknown-keys": {
    tcp: "1,11",
    does: "block",
    told: [
      [6, "SYSLOG_FACILITY is no known key and does nothing, as in PortSentry; remove the line"],
      [7, "BLOCK_FILE is no known key and does nothing, as in PortSentry; did you mean BLOCKED_FILE?"],
      [8, "BLOCK_ICMP is no known key and does nothing, as in PortSentry; did you mean BLOCK_TCP?"],
      [9, "PROFF is no known key and does nothing, as in PortSentry; did you mean PROOF?"],
      [10, "KILL_IPTABLES is no known key and does nothing, as in PortSentry; remove the line"],
    ],
  },
  "modes-in-the-file": {
    options: {},
    tcp: "1-199",
    udp: "1-99",
    does: "block",
    told: [[9, "SYSLOG_FACILITY is no known key and does nothing"]],
  },
  "wrong-modes-in-the-file": {
    options: {},
    tcp: "1-65535",
    udp: "1-65535",
    told: [
      [1, 'TCP_MODE="stealth": write "stcp"; until then the line does nothing'],
      [2, 'UDP_MODE="none": write "" or "udp" or "sudp" or "audp"; until then the line does nothing'],
    ],
  },
  "doubled-keys": {
    tcp: "1,7,9,11,15,70,79",
    route: REJECT,
    told: [
      [3, "TCP_PORTS stands already in line 1, and that line counts"],
      [8, "KILL_ROUTE stands already in line 7, and that line counts"],
      [10, "BLOCK_TCP stands already in line 9, and that line counts"],
    ],
  },
  "doubled-without-quotes": {
    tcp: "1,11",
    told: [
      [5, 'quotes missing from 1; write BLOCK_TCP="1"'],
      [6, "BLOCK_TCP stands already in line 5, without quotes, and PortSentry looks no further"],
    ],
  },
  "shell-style": {
    options: atcp,
    tcp: "1-1023",
    told: [
      [2, 'quotes missing from 1,11,15; write TCP_PORTS="1,11,15"'],
      [3, '"export UDP_PORTS" is no key'],
      [7, 'write BLOCK_TCP="1"'],
      [8, "quotes missing from '1'; write BLOCK_UDP=\"1\""],
    ],
  },
  indented: {
    tcp: "1,11,15",
    does: "block",
    more: ({ ignored }) => assert.equal(ignored.length, 1),
    told: [2, 3, 4, 5, 6, 7].map((line) => [line, hidden] as const),
  },
  tabs: {
    tcp: "1,11,15",
    route: "/sbin/route\tadd -host $TARGET$ reject",
    told: [
      [1, hidden],
      [6, 'BLOCK_TCP: no "=" before the value'],
    ],
  },
  "latin1-comments": {
    tcp: "1,11,15",
    does: "block",
    more: ({ banner }) => assert.equal(banner, "Zutritt f\u00fcr Unbefugte"),
    told: [
      [1, "in a comment: the line holds bytes that are no UTF-8 text"],
      [6, 'until then BLOCK_TCP is "1", as in PortSentry'],
      [7, "until then PORT_BANNER is"],
    ],
  },
  "no-final-newline": { tcp: "1,11,15", does: "block", more: ({ scanTrigger }) => assert.equal(scanTrigger, 2) },
  "comments-behind": {
    tcp: "1,11,15",
    does: "block",
    deny: DENY,
    told: [
      [6, 'text after the closing quote: "on"'],
      [7, "text after the closing quote"],
    ],
  },
  "odd-comments": {
    tcp: "1,11,15",
    does: "block",
    told: [...[1, 2, 3, 4, 5].map((line) => [line, 'has no "="'] as const), [11, "is no key"]],
  },
  "blanks-for-equals": {
    tcp: "1,11,15",
    does: "block",
    told: [
      [1, 'until then TCP_PORTS is "1,11,15", as in PortSentry'],
      [6, 'until then BLOCK_TCP is "1", as in PortSentry'],
      [7, 'until then BLOCK_UDP is "1", as in PortSentry'],
    ],
  },
  "long-list": { tcp: "1000-1299", does: "block" },
  "far-too-long-line": {
    tcp: "1016,10000-10167",
    does: "block",
    told: [
      [1, "the line has 6011 bytes, more than 4096; shorten it"],
      [2, "in a comment: the line has 5002 bytes"],
    ],
  },
  "wrapped-lines": {
    tcp: "1,11,15,20,79,111,119,143,540,635,1080,1524,2000,5742,6667,12345-12346",
    does: "block",
    route: "/sbin/iptables -I INPUT -s $TARGET$",
    told: [
      [2, 'no closing quote after "1,11,15'],
      [3, 'has no "="'],
      [9, "no closing quote after"],
      [9, 'what undoes "/sbin/iptables -I INPUT -s $TARGET$" is not known'],
      [10, 'has no "="'],
    ],
  },
  "web-page-prose": {
    tcp: "1,11,15",
    does: "block",
    route: REJECT,
    told: [
      [1, 'has no "="'],
      [2, 'text after the closing quote: "The ports, without blanks."'],
      [3, 'text after the closing quote: "Block TCP scans with 1."'],
      [4, 'has no "="'],
      [6, '"KILL ROUTE" is no key'],
      [7, 'has no "="'],
      [9, "quotes missing from Do not block"],
      [10, 'has no "="'],
    ],
  },
  "inner-quotes": {
    tcp: "1,11",
    does: "block",
    route: "/sbin/route add -host $TARGET$ reject && (route -n | grep ",
    more: ({ responses, banner }) => assert.deepEqual([responses.runCommand, banner], [undefined, "** GO AWAY. **"]),
    told: [
      ...[6, 7, 8].map((line) => [line, "text after the closing quote"] as const),
      [7, '(route -n | grep " is not known, and UNKILL_ROUTE is not set'],
    ],
  },
  "run-only": { tcp: "1,11", does: "run", told: [[5, "there is no KILL_RUN_CMD to run"]] },
  "no-target": {
    tcp: "1,11",
    does: "block",
    told: [
      [6, "KILL_ROUTE names no $TARGET$, and is skipped as in PortSentry"],
      [7, "KILL_HOSTS_DENY names no $TARGET$, and is skipped as in PortSentry"],
    ],
  },
  "relative-paths": {
    tcp: "1,11",
    does: "block",
    more: ({ ignored, historyFile, blockedFile }) => {
      assert.deepEqual([ignored.length, historyFile, blockedFile], [1, "/portsentry.history", undefined]);
    },
    told: [
      [2, 'this counts as "/etc/portsentry/portsentry.ignore", as in PortSentry'],
      [3, 'this counts as "/portsentry.history", as in PortSentry'],
    ],
  },
  "high-trigger": {
    tcp: "1,11",
    does: "block",
    more: ({ scanTrigger }) => assert.equal(scanTrigger, 100),
    told: [[5, 'PortSentry counts to 50 and takes each probe for a scan above that; here it counts as "100"']],
  },
  "advanced-nothing": {
    options: atcp,
    tcp: "",
    does: "block",
    told: [
      [1, 'ADVANCED_PORTS_TCP="0": this counts as "0", as in PortSentry'],
      [1, "no port is watched at all"],
      [1, "takes out every port"],
    ],
  },
  "no-list": { told: [[0, "!no port is watched at all"]] },
  "only-comments": { options: atcp, tcp: "1-1023", told: [[0, "no IGNORE_FILE is set: no source is exempt"]] },
  "first-same-names": { tcp: "1,7" },
  "first-one-file": { told: [[4, "!BLOCKED_FILE and HISTORY_FILE are the same file"]] },
  "second-generation": {
    options: second,
    tcp: "1,7,9,19-21,70-79,512-515",
    udp: "7,9,13,517-518",
    does: "block",
    route: "/usr/sbin/nft add element inet filter scanners { $TARGET$ }",
  },
  "second-with-first-keys": { options: second, tcp: "1,11,15", udp: "7,9", does: "block" },
  "second-with-unknown-key": { options: second, told: [[6, "!LOG_LEVEL is no known key; remove the line"]] },
  "second-one-file": { options: second, told: [[5, "!BLOCKED_FILE and HISTORY_FILE are the same file"]] },
  "second-sloppy": {
    options: second,
    told: [
      [1, "!nothing stands between two commas, or at the end"],
      [2, '!"echo" is no port'],
      [6, '!BLOCK_TCP="yes": write'],
      [7, "!quotes missing from 0"],
    ],
  },
  "begun-with-ours": {
    options: {},
    told: [
      [1, "!nothing stands between two commas, or at the end"],
      [5, "!no closing quote"],
      [8, "!PROFF is no known key; did you mean PROOF?"],
    ],
  },
};

describe("configuration files of the field", () => {
  for (const [name, expected] of Object.entries(files)) {
    test(name, () => {
      const bytes = readFileSync(join(fieldFolder, `${name}.conf`));
      const readFile = filesOf({ [FILE]: bytes, [IGNORE]: "192.0.2.1\n" });
      const { settings, problems } = loadSettings(FILE, readFile, expected.options ?? stcp);
      assertTold(problems, expected.told ?? [], settings !== undefined);
      if (expected.tcp === undefined) assert.equal(settings, undefined, "it must not start");
      else if (settings === undefined)
        assert.fail(`does not start: ${problems.map(({ message }) => message).join("; ")}`);
      else assertSettings(settings, expected);
    });
  }

  test("each file has its entry", () => {
    const names = readdirSync(fieldFolder).map((file) => file.replace(/\.conf$/, ""));
    assert.deepEqual(names.sort(), Object.keys(files).sort());
  });
});

function assertSettings({ tcp, udp, responses, ...more }: Settings, expected: Expected): void {
  assert.equal(formatPorts(tcp.watched), expected.tcp);
  assert.equal(formatPorts(udp.watched), expected.udp ?? "");
  assert.deepEqual([tcp.block, tcp.runOnly], [expected.does === "block", expected.does === "run"]);
  assert.deepEqual([responses.killRoute, responses.hostsDeny], [expected.route, expected.deny]);
  expected.more?.({ tcp, udp, responses, ...more });
}

/** What is said of every old file, PortSentry's rule and its lack of proofs, is left out; and of a file that is not used the rest. */
function assertTold(problems: readonly Problem[], told: NonNullable<Expected["told"]>, starts: boolean): void {
  const spoken = problems.filter(
    ({ message, severity }) => !/^(POLICY|PROOF) is /.test(message) && (starts || severity === "error"),
  );
  const left = [...told];
  for (const { line, severity, message } of spoken) {
    const said = severity === "error" ? `!${message}` : message;
    const at = left.findIndex(([where, part]) => where === line && isSaid(said, part));
    assert.ok(at >= 0, `not expected: ${line} ${said}`);
    left.splice(at, 1);
  }
  assert.deepEqual(left, [], "not said");
}

function isSaid(said: string, part: string): boolean {
  return part.startsWith("!")
    ? said.startsWith("!") && said.includes(part.slice(1))
    : said.includes(part) && !said.startsWith("!");
}

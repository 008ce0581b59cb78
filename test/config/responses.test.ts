import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { describeRoute, missingPrograms, unknownPlaceholders } from "../../src/config/command.ts";
import { blocksAnything, blocksByFirewall, blocksByResponse } from "../../src/config/enforcement.ts";
import { explainSettings } from "../../src/config/explain.ts";
import { IGNORE, load, problemsAt, settingsOf } from "./support.ts";

const BASE = `IGNORE_FILE="${IGNORE}"\nPOLICY="score"\nPROOF="on"\nBLOCK_TCP="1"\nBLOCK_UDP="1"\n`;
const ROUTE = 'KILL_ROUTE="/sbin/route add -host $TARGET$ reject"\n';
const DENY = 'KILL_HOSTS_DENY="ALL: $TARGET$ : DENY"\n';
const RUN = 'KILL_RUN_CMD="/bin/tell $TARGET$"\n';

function explain(text: string): string {
  return explainSettings(settingsOf(load(BASE + text))).join("\n");
}

describe("who blocks", () => {
  const cases: readonly (readonly [string, boolean, boolean, boolean])[] = [
    ["", true, false, true],
    [ROUTE, false, true, true],
    [DENY, true, true, true],
    [RUN, true, false, true],
    [`FIREWALL="nftables"\n${ROUTE}`, true, true, true],
    [`FIREWALL="none"\n${DENY}`, false, true, true],
    [`FIREWALL="none"\n${RUN}`, false, false, false],
    ['KILL_ROUTE="/sbin/drop"\n', true, false, true],
  ];
  for (const [text, firewall, response, anything] of cases) {
    test(JSON.stringify(text), () => {
      const settings = settingsOf(load(BASE + text));
      assert.deepEqual(
        [blocksByFirewall(settings), blocksByResponse(settings), blocksAnything(settings)],
        [firewall, response, anything],
      );
    });
  }

  test("nobody, where nothing is to be blocked", () => {
    assert.equal(blocksAnything(settingsOf(load(ROUTE))), false);
  });
});

describe("what is wrong with a response is a warning at its line", () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ["KILL_ROUTE", "/sbin/drop", /^6 warning KILL_ROUTE names no \$TARGET\$, and is skipped as in PortSentry/],
    ["KILL_HOSTS_DENY", "ALL", /^6 warning KILL_HOSTS_DENY names no \$TARGET\$/],
    ["UNKILL_ROUTE", "/sbin/undo", /^6 warning UNKILL_ROUTE names no \$TARGET\$/],
    ["UNKILL_ROUTE", "/sbin/undo $TARGET$", /^6 warning UNKILL_ROUTE is never run, because KILL_ROUTE is not set/],
    [
      "KILL_RUN_CMD",
      "/sbin/tell $TARGET$ $IP$",
      /^6 warning KILL_RUN_CMD: nothing replaces \$IP\$; the placeholders are \$TARGET\$, \$PORT\$/,
    ],
    [
      "KILL_RUN_CMD",
      "/sbin/tell $TARGET $PORT$",
      /^6 warning KILL_RUN_CMD: nothing replaces \$TARGET; the placeholders/,
    ],
    ["KILL_RUN_CMD", "/sbin/tell TARGET$ $PORT$", /nothing replaces TARGET\$; the placeholders/],
    ["KILL_RUN_CMD", `/sbin/tell $TARGET$ \${PORT}`, /nothing replaces \$\{PORT\}; the placeholders/],
    [
      "KILL_ROUTE",
      "/usr/local/sbin/drop $TARGET$",
      /^6 warning KILL_ROUTE: what undoes "\/usr\/local\/sbin\/drop \$TARGET\$" is not known, and UNKILL_ROUTE is not set: .* stays when a block ends/,
    ],
    [
      "KILL_ROUTE",
      "/sbin/iptables -I INPUT -s $TARGET$/24 -j DROP",
      /what undoes "\/sbin\/iptables -I INPUT -s \$TARGET\$\/24/,
    ],
    [
      "KILL_ROUTE",
      "/sbin/route add -host $TARGET$ reject && /bin/note $TARGET$",
      /what undoes "\/bin\/note \$TARGET\$" is not known/,
    ],
    [
      "KILL_ROUTE",
      "iptables -I INPUT -s $TARGET$ -j LOG --log-level DEBUG",
      /^6 warning KILL_ROUTE: iptables refuses --log-level DEBUG; write it in small letters, debug/,
    ],
    ["KILL_RUN_CMD", "/bin/x $target$", /nothing replaces \$target\$/],
    ["KILL_HOSTS_DENY", "ALL: $TARGET$ $FOO$", /nothing replaces \$FOO\$/],
    ["KILL_ROUTE", "/sbin/route add -host $TARGET$ gw 333.444.555.666", /333\.444\.555\.666 is no address/],
  ];
  for (const [key, value, expected] of cases) {
    test(`${key}="${value}"`, () => {
      const told = problemsAt(load(`${BASE}${key}="${value}"\n`), key);
      assert.equal(told.length, 1, told.join("\n"));
      assert.match(told.join(), expected);
    });
  }

  test("a command whose inverse is known, or that UNKILL_ROUTE undoes, is not warned of; what happens at the end is said", () => {
    const known = "/sbin/ipset add blk $TARGET$ || true";
    assert.deepEqual(problemsAt(load(`${BASE}KILL_ROUTE="${known}"\n`), "KILL_ROUTE"), []);
    const undone = 'KILL_ROUTE="/usr/local/sbin/drop $TARGET$"\nUNKILL_ROUTE="/usr/local/sbin/undrop $TARGET$"\n';
    assert.deepEqual(problemsAt(load(BASE + undone), "KILL_ROUTE"), []);
    assert.match(
      explain(ROUTE),
      /^When a block ends its KILL_ROUTE is undone by the inverse of the command that made it\.$/m,
    );
    const unknown = 'KILL_ROUTE="/usr/local/sbin/drop $TARGET$"\n';
    assert.match(
      explain(unknown),
      /^When a block ends, what KILL_ROUTE did stays: what undoes the command is not known/m,
    );
    assert.match(explain(RUN), /^KILL_RUN_CMD is ended after 10m, if it runs for so long\.$/m);
    assert.match(explain(`${RUN}KILL_RUN_CMD_LIMIT="90s"\n`), /^KILL_RUN_CMD is ended after 90s/m);
  });

  test("a template without the target is not used", () => {
    assert.equal(settingsOf(load('KILL_ROUTE="/sbin/drop"')).responses.killRoute, undefined);
    assert.equal(settingsOf(load('KILL_RUN_CMD="/sbin/page"')).responses.runCommand, "/sbin/page");
  });

  test("missing programs are named only where somebody can look", () => {
    const told = (fileExists?: (path: string) => boolean) =>
      problemsAt(load(BASE + ROUTE, "", { fileExists }), "KILL_ROUTE");
    assert.deepEqual(told(), []);
    assert.deepEqual(
      told(() => true),
      [],
    );
    assert.match(
      told(() => false).join(),
      /^6 warning KILL_ROUTE: \/sbin\/route is not there or cannot be run; install it \(Debian: net-tools\), or name/,
    );
  });

  test("FIREWALL none without a response that blocks", () => {
    assert.match(
      problemsAt(load(`${BASE}FIREWALL="none"\n${RUN}`), "FIREWALL").join(),
      /^6 warning .*nothing is blocked/,
    );
    assert.deepEqual(problemsAt(load(`${BASE}FIREWALL="none"\n${ROUTE}`), "FIREWALL"), []);
  });
});

test("the programs of a template", () => {
  const there = new Set(["/usr/sbin/ip", "/bin/true"]);
  const missing = (template: string) => missingPrograms(template, (path) => there.has(path));
  assert.deepEqual(missing("/bin/true $TARGET$"), []);
  assert.deepEqual(missing("ip route add blackhole $TARGET$"), []);
  assert.deepEqual(missing("route add $TARGET$"), ["route"]);
  assert.deepEqual(missing("/bin/true $TARGET$ && /sbin/no $PORT$ | /sbin/nor; echo 'x'"), ["/sbin/no", "/sbin/nor"]);
  assert.deepEqual(missing("if true; then /bin/false; fi"), []);
  assert.deepEqual(missing(""), []);
});

test("placeholders", () => {
  assert.deepEqual(unknownPlaceholders("$TARGET$PORT$ $MODE$ $PORT$"), []);
  assert.deepEqual(unknownPlaceholders("$HOST$ $TARGET$ $HOST$ $HOME costs 5$"), ["$HOST$"]);
});

test("known commands", () => {
  const lesser = (template: string) => describeRoute(template)?.lesser;
  assert.match(lesser("/sbin/route add -host $TARGET$ reject") ?? "", /the packets of the source still arrive/);
  assert.match(lesser("ip -6 route add blackhole $TARGET$") ?? "", /the packets of the source still arrive/);
  assert.match(lesser("/sbin/iptables -I INPUT -s $TARGET$ -j DROP") ?? "", /one rule a source, for IPv4 only/);
  assert.match(lesser("ip6tables -I INPUT -s $TARGET$ -j DROP") ?? "", /for IPv6 only/);
  assert.match(lesser("nft add rule inet f input ip saddr $TARGET$ drop") ?? "", /one rule a source/);
  assert.match(lesser("nftables add rule ip filter input ip saddr $TARGET$ drop") ?? "", /no source is blocked/);
  assert.match(lesser("/sbin/ipchains -I input -s $TARGET$ -j DENY") ?? "", /no such program/);
  assert.equal(lesser("nft add element inet f bad { $TARGET$ }"), undefined);
  assert.equal(describeRoute("/usr/local/bin/mine $TARGET$"), undefined);
});

describe("in plain language", () => {
  test("a command that does less than the built-in firewall", () => {
    const said = explain(ROUTE + DENY + RUN);
    assert.match(
      said,
      /^A scanner is held at its first probe, and blocked by the responses named below, not by the built-in firewall\.$/m,
    );
    assert.match(
      said,
      /^KILL_ROUTE "\/sbin\/route add -host \$TARGET\$ reject" discards the answers of this host to the source\.$/m,
    );
    assert.match(
      said,
      /^Suggestion: with this KILL_ROUTE the packets of the source still arrive, .*built-in firewall drops every packet/m,
    );
    assert.match(
      said,
      /^KILL_HOSTS_DENY puts "ALL: \$TARGET\$ : DENY" into \/etc\/hosts\.deny; that line reaches only programs that use libwrap/m,
    );
    assert.match(said, /^KILL_RUN_CMD "\/bin\/tell \$TARGET\$" is run for TCP scans, beside the block; for UDP scans/m);
    assert.match(said, /^The responses follow in this order: KILL_HOSTS_DENY, then KILL_ROUTE, then KILL_RUN_CMD\.$/m);
    assert.match(said, /^These responses reach proven sources only/m);
  });

  test("the command first", () => {
    assert.match(
      explain(`${ROUTE + DENY + RUN}KILL_RUN_CMD_FIRST="1"`),
      /^The responses follow in this order: KILL_RUN_CMD, then KILL_HOSTS_DENY, then KILL_ROUTE\.$/m,
    );
  });

  test("no suggestion where the built-in firewall blocks too, or the command is as good", () => {
    assert.doesNotMatch(explain(`${ROUTE}FIREWALL="nftables"`), /Suggestion/);
    assert.doesNotMatch(explain('KILL_ROUTE="nft add element inet f bad { $TARGET$ }"'), /Suggestion/);
    assert.doesNotMatch(explain(DENY), /Suggestion/);
    assert.match(
      explain(`${DENY}FIREWALL="none"`),
      /^Suggestion: KILL_HOSTS_DENY alone leaves all other services open/m,
    );
  });

  test("what is set and idle is said to be", () => {
    const settings = settingsOf(
      load(`${ROUTE}${RUN}UNKILL_ROUTE="/u $TARGET$"\nPORT_BANNER="x"\nRESOLVE_HOST="1"\nBLOCKED_FILE="/b"\n`),
    );
    const said = explainSettings(settings).join("\n");
    assert.match(said, /^A scanner is logged only/m);
    assert.match(said, /to the source \(only once BLOCK_TCP or BLOCK_UDP is "1"\)\.$/m);
    assert.match(said, /^UNKILL_ROUTE "\/u \$TARGET\$" undoes KILL_ROUTE/m);
    assert.match(said, /is run for no scan, while BLOCK_TCP and BLOCK_UDP are "0"\.$/m);
    assert.match(said, /^PORT_BANNER "x" is not sent, because no mode listens\.$/m);
    assert.match(said, /^Names of sources are looked up/m);
    assert.match(said, /^The blocked sources are listed in \/b \(with \.atcp and \.audp at its end\)/m);
  });

  test("only the command runs", () => {
    const said = explainSettings(settingsOf(load(`BLOCK_TCP="2"\n${RUN}`))).join("\n");
    assert.match(said, /^A scanner is logged; nothing is held, dropped or blocked\.$/m);
    assert.match(said, /is run for TCP scans, and nothing else is done\.$/m);
  });

  test("listening, and a protocol that is not watched", () => {
    const loaded = load('TCP_PORTS="1,7-9"\nPORT_BANNER="x"\n', "", { tcpMode: "tcp" });
    const said = explainSettings(settingsOf(loaded)).join("\n");
    assert.match(said, /^The daemon listens on 4 TCP ports where no other program does: 1, 7-9\.$/m);
    assert.match(said, /^No UDP port is watched, because the command line names no UDP mode\.$/m);
    assert.match(said, /^PORT_BANNER "x" is sent to each client that connects\.$/m);
  });
});

// Every line that PortSentry 1.2 wrote in real runs is printed by ours, byte for byte, or is one that ours does not have.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { Kind } from "../../src/detect/kinds.ts";
import * as one from "../../src/record/lines.ts";
import * as start from "../../src/record/start-lines.ts";
import { TcpFlag } from "../../src/wire/packet.ts";

// build/test/record -> the repository
const root = resolve(import.meta.dirname, "../../..");
const golden = readFileSync(join(root, "test/record/fixtures/portsentry-1.2-lines.txt"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"));

type Groups = Readonly<Record<string, string>>;
/** What a line says, and how ours says that. */
type Form = readonly [says: RegExp, print: (groups: Groups) => one.Line];

const number = (text: string | undefined): number => Number(text);
const protocolOf = ({ protocol }: Groups): number => (protocol === "UDP" ? 17 : 6);
const kinds = new Map<string, Kind>([
  ["Connect", Kind.Connect],
  [" TCP NULL scan", Kind.Null],
  ["TCP FIN scan", Kind.Fin],
  ["TCP XMAS scan", Kind.Xmas],
  ["TCP SYN/Normal scan", Kind.Syn],
  ["UDP scan", Kind.Udp],
]);

function printDetection(groups: Groups): one.Line {
  const { what = "", ip = "", name } = groups;
  // "Unknown Type" was SYN and FIN.
  const kind = kinds.get(what) ?? Kind.SynFin;
  const tcpFlags = TcpFlag.Syn | TcpFlag.Fin;
  return one.detectionLine({ kind, tcpFlags, protocol: protocolOf(groups), port: number(groups.port) }, ip, name);
}

const forms: readonly Form[] = [
  [
    /^attackalert: (?<what>.*) from host: (?<name>\S+)\/(?<ip>\S+) to (?<protocol>TCP|UDP) port: (?<port>\d+)/,
    printDetection,
  ],
  [
    /Host: (?<name>\S+)\/(?<ip>\S+) is already blocked/,
    ({ ip = "", name }) => one.alreadyBlockedLine(ip, name, "stcp"),
  ],
  [/Host: (?<ip>[^\s/]+) is already blocked/, ({ ip = "" }) => one.alreadyBlockedLine(ip, ip, "tcp")],
  [/Ignoring (?<protocol>TCP|UDP) response/, (groups) => one.ignoringResponseLine(protocolOf(groups))],
  [
    /Host (?<ip>\S+) has .* route using command: "(?<text>.*)"/,
    ({ ip = "", text = "" }) => one.blockedByRouteLine(ip, text),
  ],
  [
    /Host (?<ip>\S+) has .* wrappers with string: "(?<text>.*)"/,
    ({ ip = "", text = "" }) => one.blockedByWrappersLine(ip, text),
  ],
  [/run for host: (?<ip>\S+) using command: "(?<text>.*)"/, ({ ip = "", text = "" }) => one.commandRunLine(ip, text)],
  [
    /into listen mode on (?<protocol>...) port: (?<port>\d+)/,
    (g) => start.listenModeLine(protocolOf(g), number(g.port)),
  ],
  [
    /stealth listen mode on (?<protocol>...) port: (?<port>\d+)/,
    (g) => start.stealthModeLine(protocolOf(g), number(g.port)),
  ],
  [/Ignored (?<protocol>...) port: (?<port>\d+)/, (g) => start.ignoredPortLine(protocolOf(g), number(g.port))],
  [/not bind (?<protocol>...) socket: (?<port>\d+)/, (g) => start.couldNotBindLine(protocolOf(g), number(g.port))],
  [/Socket (?<port>\d+) is in use/, ({ port }) => start.socketInUseLine(number(port))],
  [/Cannot open config file: (?<text>\S+)\. /, ({ text = "" }) => start.cannotOpenConfigLine(text)],
];

const advanced = start.modeLines({
  modeName: "atcp",
  protocol: 6,
  ports: [],
  below: 1024,
  excluded: [67, 113, 137, 138, 139, 520],
  inUse: [],
});
const fixed: readonly one.Line[] = [
  one.startingLine,
  one.listeningLine,
  ...one.shuttingDownLines,
  ...advanced,
  start.configMissingLine,
  start.configCorruptedLine,
  start.noModeLine,
];

/** Situations that ours does not have, or tells otherwise (docs/reference/differences.md). */
const notOurs: readonly RegExp[] = [
  // A port that is in use is waited for: no reason to stop.
  /could not bind ANY TCP sockets|All supplied TCP sockets are in use/,
  /Could not read SCAN_TRIGGER|Quotes missing from|Invalid netmask|cannot open ignore file|^InitConfig: Cannot retrieve/,
];

const shown = ({ text, newline }: one.Line): string => (newline ? `${text}$` : text);

test("there are golden lines, of every kind", () => {
  assert.ok(golden.length > 90);
  for (const [says] of forms)
    assert.ok(
      golden.some((line) => says.test(line)),
      `${says} is in no golden line`,
    );
  for (const says of notOurs)
    assert.ok(
      golden.some((line) => says.test(line)),
      `${says} is in no golden line`,
    );
});

for (const line of golden) {
  if (notOurs.some((says) => says.test(line))) continue;
  test(`1.2: ${line}`, () => {
    const printed = forms.flatMap(([says, print]) => {
      const match = says.exec(line);
      return match === null ? [] : [print(match.groups ?? {})];
    });
    assert.ok([...printed, ...fixed].map(shown).includes(line), `ours prints ${printed.map(shown).join(" or ")}`);
  });
}

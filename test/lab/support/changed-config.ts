// A configuration file as people change it: values put in the place of others, quotes lost or of another kind, lines doubled,
// split, joined and indented, characters that come with an editor. The same seed gives the same files.
import type { Random } from "./networks.ts";

const MAX_CHANGES = 3;
const numbers = [
  "",
  "0",
  "1",
  "2",
  "3",
  "01",
  "+1",
  "-1",
  "1 ",
  " 1",
  "1x",
  "x1",
  "1,2",
  "yes",
  "on",
  "0x1",
  "1.5",
  "4294967297",
];
const lists = [
  "",
  ",",
  "1,11,15",
  "1,11,15,",
  ",1,11",
  "1,,11",
  "1, 11, 15",
  "1:65535",
  "1-5,7",
  "ssh,http",
  "ssh,80",
  "0,7",
  "7;9;11",
  "7 9 11",
  "70000,7",
  "65616",
  "-7,9",
  "+7,09",
  "7,7,9",
  "7,\t9",
  "7,\u201d9",
  Array.from({ length: 70 }, (_, index) => index + 1).join(","),
  Array.from({ length: 300 }, (_, index) => index + 1).join(","),
];
const paths = [
  "",
  "/var/lib/portsentry/other",
  "var/lib/portsentry/relative",
  "/nowhere/at-all",
  "/var/lib/portsentry",
  "/etc/portsentry/portsentry.ignore ",
];
const commands = [
  "",
  "/bin/true $TARGET$ $PORT$ $MODE$",
  "/bin/true",
  "/bin/true\t$TARGET$",
  "/bin/true $TARGET$ # of \u00fc",
  "/bin/true $target$",
  `/bin/true $TARGET$ ${"x".repeat(1_100)}`,
];
const valuesOf: Readonly<Record<string, readonly string[]>> = {
  TCP_PORTS: lists,
  UDP_PORTS: lists,
  ADVANCED_EXCLUDE_TCP: lists,
  ADVANCED_EXCLUDE_UDP: lists,
  ADVANCED_PORTS_TCP: ["", "0", "1", "2", "100", "1024", "1024x", "all", " 90", "1e3"],
  ADVANCED_PORTS_UDP: ["", "0", "1", "2", "100", "1024", "1024x", "all", " 90", "1e3"],
  SCAN_TRIGGER: [...numbers, "5", "50", "51"],
  BLOCK_TCP: numbers,
  BLOCK_UDP: numbers,
  RESOLVE_HOST: numbers,
  KILL_RUN_CMD_FIRST: numbers,
  IGNORE_FILE: paths,
  HISTORY_FILE: paths,
  BLOCKED_FILE: paths,
  KILL_ROUTE: commands,
  KILL_HOSTS_DENY: commands,
  KILL_RUN_CMD: commands,
  PORT_BANNER: ["", "go away", "\u00fcber"],
};
const characters = [
  '"',
  "=",
  " ",
  "\t",
  ",",
  "#",
  "'",
  "-",
  ":",
  ";",
  "\r",
  "\n",
  "\0",
  "\u0093",
  "\u201d",
  "\u00a0",
  "0",
  "1",
  "7",
  "x",
  "_",
  "$",
];
const strangers = [
  'SYSLOG_FACILITY="auth"',
  'BLOCK_FILE="/var/lib/portsentry/portsentry.blocked"',
  'TCP_MODE="atcp"',
  'UDP_MODE="none"',
  "# nothing",
  "nonsense",
  '="1"',
  'export BLOCK_TCP="1"',
  'block_tcp="1"',
  'BLOCK_TCP is "1"',
  " ",
  "\t\t",
  `# ${"long ".repeat(300)}`,
];

/** A changed copy of the file, and what was done to it. */
export function changeConfig(
  text: string,
  random: Random,
): { readonly bytes: Buffer; readonly changes: readonly string[] } {
  let lines = text.split("\n");
  const changes: string[] = [];
  const count = 1 + random.below(MAX_CHANGES);
  for (let change = 0; change < count; change++) {
    const active = lines.flatMap((line, index) => (/^[A-Z]/.test(line) ? [index] : []));
    if (active.length === 0) break;
    const made = lineChanges[random.below(lineChanges.length)];
    const at = active[random.below(active.length)] ?? 0;
    lines = [...lines];
    changes.push(`${made?.name} in line ${at + 1}`);
    made?.(lines, at, random);
  }
  const whole = wholeChanges[random.below(wholeChanges.length * 6)] ?? asItIs;
  if (whole !== asItIs) changes.push(whole.name);
  const joined = whole(lines.join("\n"));
  return { bytes: Buffer.from(joined, random.below(20) === 0 ? "latin1" : "utf8"), changes };
}

type LineChange = (lines: string[], at: number, random: Random) => void;

function pick<T>(from: readonly T[], random: Random): T {
  const picked = from[random.below(from.length)];
  if (picked === undefined) throw new Error("nothing to pick from");
  return picked;
}

function keyOf(line: string): string {
  return /^[A-Z_]+/.exec(line)?.[0] ?? "";
}

/** The line with another value between its quotes. */
function anotherValue(line: string, random: Random): string {
  return line.replace(/"[^"]*"/, () => `"${pick(valuesOf[keyOf(line)] ?? numbers, random)}"`);
}

const lineChanges: readonly LineChange[] = [
  function value(lines, at, random) {
    lines[at] = anotherValue(lines[at] ?? "", random);
  },
  function valueAgain(lines, at, random) {
    lines[at] = anotherValue(lines[at] ?? "", random);
  },
  function insert(lines, at, random) {
    const line = lines[at] ?? "";
    const where = random.below(line.length + 1);
    lines[at] = line.slice(0, where) + pick(characters, random) + line.slice(where);
  },
  function remove(lines, at, random) {
    const line = lines[at] ?? "";
    const where = random.below(line.length);
    lines[at] = line.slice(0, where) + line.slice(where + 1);
  },
  function replace(lines, at, random) {
    const line = lines[at] ?? "";
    const where = random.below(line.length);
    lines[at] = line.slice(0, where) + pick(characters, random) + line.slice(where + 1);
  },
  function openEnd(lines, at) {
    lines[at] = (lines[at] ?? "").replace(/"([^"]*)$/, "$1");
  },
  function openStart(lines, at) {
    lines[at] = (lines[at] ?? "").replace('"', "");
  },
  function noQuotes(lines, at) {
    lines[at] = (lines[at] ?? "").replaceAll('"', "");
  },
  function otherQuotes(lines, at, random) {
    const [open, close] = pick(
      [
        ["\u201c", "\u201d"],
        ["\u201d", "\u2033"],
        ["'", "'"],
        ['"', "\u201d"],
        ["\u0093", "\u0094"],
      ] as const,
      random,
    );
    lines[at] = (lines[at] ?? "").replace('"', open).replace(/"([^"]*)$/, `${close}$1`);
  },
  function equals(lines, at, random) {
    lines[at] = (lines[at] ?? "").replace("=", pick([" = ", "= ", " =", " ", "\t=", "=\t", ":", "=="], random));
  },
  function indent(lines, at, random) {
    lines[at] = pick([" ", "\t", "  "], random) + lines[at];
  },
  function comment(lines, at) {
    lines[at] = `#${lines[at]}`;
  },
  function tail(lines, at, random) {
    lines[at] += pick(
      [" # why", "#why", " x", ' "1"', "   ", "\t", ` # ${keyOf(lines[random.below(lines.length)] ?? "")} "1"`],
      random,
    );
  },
  function twice(lines, at, random) {
    const line = lines[at] ?? "";
    lines.splice(random.below(lines.length + 1), 0, anotherValue(line, random));
  },
  function away(lines, at) {
    lines.splice(at, 1);
  },
  function join(lines, at) {
    lines.splice(at, 2, `${lines[at]}${lines[at + 1] ?? ""}`);
  },
  function lowerCase(lines, at) {
    lines[at] = (lines[at] ?? "").replace(/^[A-Z_]+/, (key) => key.toLowerCase());
  },
  function stranger(lines, at, random) {
    lines.splice(at, 0, pick(strangers, random));
  },
];

function asItIs(text: string): string {
  return text;
}

const wholeChanges: readonly ((text: string) => string)[] = [
  function windowsLines(text) {
    return text.replaceAll("\n", "\r\n");
  },
  function byteOrderMark(text) {
    return `\ufeff${text}`;
  },
  function noLastNewline(text) {
    return text.trimEnd();
  },
];

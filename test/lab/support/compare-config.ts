// What PortSentry 1.2 showed of a configuration against what ours reads from it: whether it starts, the ports, whom it spares, what
// it does to a scanner, which files it writes. A difference is either one that docs/reference/differences.md tells, or a fault.
import { loadSettings } from "../../../src/config/load.ts";
import { formatPorts, mergePorts } from "../../../src/config/ports.ts";
import { formatProblem } from "../../../src/config/problems.ts";
import type { Settings } from "../../../src/config/settings.ts";
import { formatPrefix } from "../../../src/wire/address.ts";
import type { PortRange } from "../../../src/wire/port-range.ts";
import type { Mode } from "./contest.ts";
import { IGNORE_FILE, IGNORE_TEXT, IGNORED, type Order, type Shown } from "./old-config-run.ts";

const FILE = "/etc/portsentry/portsentry.conf";
const PROBER = "127.0.0.1";
const INNER = "A key in the middle of a line is none";
const LETTERS = "Letters beyond ASCII do not end a text";
/** PortSentry's buffers, and what it remembers. */
const OLD = { line: 1_023, ports: 64, trigger: 50 } as const;

export interface Reading {
  readonly settings: Settings | undefined;
  readonly problems: readonly string[];
}

/** As `portsentry -MODE` reads it. */
export function readOurs(conf: Buffer, mode: Mode): Reading {
  const readFile = (path: string) => {
    if (path === FILE) return conf;
    if (path === IGNORE_FILE) return Buffer.from(IGNORE_TEXT);
    throw Object.assign(new Error(path), { code: "ENOENT" });
  };
  const modes = isTcp(mode) ? { tcpMode: mode } : { udpMode: mode };
  const { settings, problems } = loadSettings(FILE, readFile, { ...modes, generation: 1 });
  return { settings, problems: problems.map(formatProblem) };
}

function isTcp(mode: Mode): mode is "tcp" | "stcp" | "atcp" {
  return mode.endsWith("tcp");
}

export function orderOf(conf: Buffer, mode: Mode, { settings }: Reading): Order {
  const trigger = settings === undefined || settings.scanTrigger > OLD.trigger ? 1 : Math.max(1, settings.scanTrigger);
  return { conf, mode, trigger, files: settings === undefined ? [] : filesOf(settings, mode) };
}

function filesOf({ historyFile, blockedFile }: Settings, mode: Mode): string[] {
  return [historyFile, blockedFile === undefined ? undefined : `${blockedFile}.${mode}`].filter(
    (file) => file !== undefined,
  );
}

export interface Difference {
  readonly what: string;
  /** The heading in docs/reference/differences.md, or undefined: a fault of ours. */
  readonly known: string | undefined;
}

/** Everything in which the two differ. */
export function compareConfig(order: Order, old: Shown, ours: Reading): readonly Difference[] {
  const { conf, mode } = order;
  const found: Difference[] = [];
  const text = conf.toString("latin1");
  const general = () => generalReason(text, ours);
  const tell = (what: string, known?: string) => found.push({ what, known: known ?? general() });
  const { settings } = ours;
  if (!old.isReady) {
    if (/ADVANCED_PORTS_... *= *"[^"]*(-\d|\d{6})/.test(text))
      tell("1.2 does not come to an end", "An ADVANCED_PORTS below nothing");
    else tell("1.2 does not come to an end");
    return found;
  }
  if (!old.started) {
    const isFile = old.lines.some((line) => /Cannot retrieve \S+_FILE|Cannot delete blocked file/.test(line));
    if (settings !== undefined)
      tell("only ours starts", isFile ? "A file that is missing keeps nobody from starting" : undefined);
    return found;
  }
  if (settings === undefined) {
    const isSame = ours.problems.some((line) => line.includes("are the same file"));
    const known = isSame
      ? "Files of others, links and devices are not written to"
      : hasInnerKey(text)
        ? INNER
        : undefined;
    const what = `only 1.2 starts: ${ours.problems.filter((line) => line.includes(" error: ")).join("; ")}`;
    found.push({ what, known });
    return found;
  }
  const watch = isTcp(mode) ? settings.tcp : settings.udp;
  const [theirs, own] = [portsOf(old.lines), watch.watched].map((ports) => formatPorts(ports ?? []));
  if (theirs !== own) tell(`ports: 1.2 ${theirs}, ours ${own}`, portReason(text, old.lines, mode));
  if (old.port === undefined) return found;
  if (!old.isAnswered) {
    tell("1.2 says nothing of the probes");
    return found;
  }
  compareResponses(old, settings, order, tell);
  return found;
}

type Tell = (what: string, known?: string) => void;

/** 1.2 looks for a file whose name ends in these blanks. */
const BLANKS_FOR_QUOTE = /^IGNORE_FILE *= *"[^"\n]* $/m;

function compareResponses(old: Shown, settings: Settings, { mode, conf }: Order, tell: Tell): void {
  const isSpared = !old.lines.some((line) => line.includes(`/${IGNORED} to `));
  const sparesOurs = settings.ignored.map(formatPrefix).includes(IGNORED);
  const isOtherFile = BLANKS_FOR_QUOTE.test(conf.toString("latin1"));
  if (isSpared !== sparesOurs)
    tell(`the ignored source: 1.2 ${isSpared}, ours ${sparesOurs}`, isOtherFile ? LETTERS : undefined);
  const isNamed = old.lines.some((line) => line.includes(`localhost/${PROBER} to `));
  if (isNamed !== settings.resolveHost) tell(`RESOLVE_HOST: 1.2 ${isNamed}, ours ${settings.resolveHost}`);
  const did = firstScan(old.lines).filter((line) => !/No target variable/.test(line));
  const [theirs, own, cut] = [
    did,
    responsesOf(settings, mode, { port: old.port ?? 0, read: (text) => text }),
    responsesOf(settings, mode, { port: old.port ?? 0, read: (text) => /^[ -~]*/.exec(text)?.[0] ?? "" }),
  ].map((lines) => lines.join(" | "));
  // Blanks at the end of a value without its closing quote count in 1.2.
  const trim = (text = "") => text.replace(/ +"(?=$| \|)/g, '"');
  const known = theirs === cut || trim(theirs) === trim(own) || trim(theirs) === trim(cut) ? LETTERS : undefined;
  if (theirs !== own) tell(`responses: 1.2 ${theirs}, ours ${own}`, known);
  const failed = old.lines.some((line) => /Could not block host/.test(line));
  // A path without "/" at its start is named so by 1.2.
  const cannotOpen = old.lines.map(
    (line) => /Cannot open (?:history|blocked) file: (.*?)(?: for reading.*|)\.$/.exec(line)?.[1],
  );
  for (const file of failed ? [] : filesOf(settings, mode)) {
    const isTold = cannotOpen.includes(file) || cannotOpen.includes(file.slice(1));
    if (!isTold && !old.written.includes(file)) tell(`${file} is not what 1.2 writes`);
  }
}

/** What was done after the first scan that was found, without the names of the host. */
function firstScan(lines: readonly string[]): readonly string[] {
  const scans = lines.flatMap((line, index) =>
    new RegExp(`/${PROBER} to (TCP|UDP) port: \\d+$`).test(line) ? [index] : [],
  );
  const told = lines.slice((scans[0] ?? 0) + 1, scans[1] ?? lines.length);
  return told.filter((line) => /blocked via|External command|Ignoring (TCP|UDP) response|No target/.test(line));
}

interface Filling {
  readonly port: number;
  /** What of a template is read. */
  readonly read: (template: string) => string;
}

function responsesOf(settings: Settings, mode: Mode, { port, read }: Filling): readonly string[] {
  const { runCommandFirst } = settings.responses;
  const templateOf = (template: string | undefined, needed: string) => {
    const text = read(template ?? "");
    return text !== "" && text.includes(needed) ? text : undefined;
  };
  const killRoute = templateOf(settings.responses.killRoute, "$TARGET$");
  const hostsDeny = templateOf(settings.responses.hostsDeny, "$TARGET$");
  const runCommand = templateOf(settings.responses.runCommand, "");
  const watch = isTcp(mode) ? settings.tcp : settings.udp;
  const fill = (template: string) =>
    template.replaceAll("$TARGET$", PROBER).replaceAll("$PORT$", String(port)).replaceAll("$MODE$", mode);
  const command = `attackalert: External command run for host: ${PROBER} using command: `;
  const host = `attackalert: Host ${PROBER} has been blocked via`;
  const run = runCommand === undefined ? [] : [`${command}"${fill(runCommand)}"`];
  if (watch.runOnly) return run;
  if (!watch.block)
    return [`attackalert: Ignoring ${isTcp(mode) ? "TCP" : "UDP"} response per configuration file setting.`];
  const deny = hostsDeny === undefined ? [] : [`${host} wrappers with string: "${fill(hostsDeny)}"`];
  const route = killRoute === undefined ? [] : [`${host} dropped route using command: "${fill(killRoute)}"`];
  return runCommandFirst ? [...run, ...deny, ...route] : [...deny, ...route, ...run];
}

/** The ports that 1.2 says it watches, as far as they are ports. */
function portsOf(lines: readonly string[]): readonly PortRange[] {
  const numbersOf = (pattern: RegExp) => lines.flatMap((line) => pattern.exec(line)?.[1] ?? []).map(Number);
  const single = (ports: readonly number[]) =>
    mergePorts(ports.filter((port) => port > 0 && port < 65_536).map((port) => ({ first: port, last: port })));
  const below = numbersOf(/monitor first (-?\d+) ports/)[0];
  if (below === undefined) return single(numbersOf(/listen mode on \S+ port: (-?\d+)/));
  const excluded = new Set(numbersOf(/(?:exclude|Ignored TCP|Ignored UDP) port: (-?\d+)/));
  const ports = Array.from({ length: Math.min(below, 65_536) }, (_, port) => port);
  return single(ports.filter((port) => !excluded.has(port)));
}

function portReason(text: string, lines: readonly string[], mode: Mode): string | undefined {
  const listed = lines.filter((line) => /listen mode on|manually exclude port/.test(line)).length;
  if (listed >= OLD.ports) return "A list may hold more than 64 ports";
  const keys = mode.startsWith("a")
    ? `ADVANCED_EXCLUDE_${mode.slice(1).toUpperCase()}`
    : `${isTcp(mode) ? "TCP" : "UDP"}_PORTS`;
  const hasRange = new RegExp(`^${keys}[ =].*\\d *- *\\d`, "m").test(text);
  return hasRange ? "Ranges in port lists are read" : undefined;
}

const keyNames = [
  "BLOCK_TCP",
  "BLOCK_UDP",
  "TCP_PORTS",
  "UDP_PORTS",
  "RESOLVE_HOST",
  "HISTORY_FILE",
  "BLOCKED_FILE",
  "SCAN_TRIGGER",
  "KILL_RUN_CMD",
  "IGNORE_FILE",
  "KILL_ROUTE",
  "KILL_HOSTS_DENY",
  "KILL_RUN_CMD_FIRST",
  "ADVANCED_PORTS_TCP",
  "ADVANCED_PORTS_UDP",
  "ADVANCED_EXCLUDE_TCP",
  "ADVANCED_EXCLUDE_UDP",
  "PORT_BANNER",
];

/** What may change any of it. */
function generalReason(text: string, { problems }: Reading): string | undefined {
  if (problems.some((line) => line.includes("hides this line from PortSentry 1.2")))
    return "A key that 1.2 does not see counts";
  if (hasInnerKey(text)) return INNER;
  return text.split("\n").some((line) => line.length > OLD.line) ? "Long lines are one line" : undefined;
}

function hasInnerKey(text: string): boolean {
  const isWithin = (line: string, name: string) => line.indexOf(name) > 0 && /[ =]/.test(line[name.length] ?? "");
  const lines = text.split("\n").filter((line) => !line.startsWith("#"));
  return lines.some((line) => keyNames.some((name) => isWithin(line, name)));
}

// `portsentry`, both generations, with everything that it needs of the world handed in. It decides what is printed, what goes to
// syslog, and the exit code. The process around it is portsentry.ts; docs/decisions/0007 has the choices.
import { isAbsolute, resolve } from "node:path";
import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import { loadSettings } from "../config/load.ts";
import { formatProblem } from "../config/problems.ts";
import type { ReadFile } from "../config/read.ts";
import type { ModeName, Modes, Reply } from "../control/api.ts";
import { ControlError, DaemonNotRunning } from "../control/errors.ts";
import { type Line, noticeLine, shuttingDownLines, startingLine } from "../record/lines.ts";
import { cannotOpenConfigLine, configCorruptedLine, configMissingLine, noModeLine } from "../record/start-lines.ts";
import type { BackgroundResult, Parent } from "./background.ts";
import { generationOf } from "./generation.ts";
import { defaultConfFile } from "./options.ts";
import { type Line1, type Line2, parsePortsentryLine } from "./portsentry-line.ts";
import { configTrouble, help2, notRoot, usage1, version2 } from "./portsentry-text.ts";
import type { RunDaemon } from "./run.ts";

export interface World {
  /** Standard output, and one line on standard error. */
  write(text: string): void;
  complain(message: string): void;
  /** Syslog, as ident "portsentry". */
  say(lines: readonly Line[]): void;
  readonly isRoot: boolean;
  /** As it was typed. */
  readonly program: string;
  /** The working directory. */
  readonly folder: string;
  readonly version: string;
  readonly readFile: ReadFile;
  /** This process is the daemon's own, started by another `portsentry` that waits. */
  readonly parent: Parent | undefined;
  loadDaemon(): Promise<RunDaemon>;
  /** Starts this program again, in the background, with these arguments. */
  startInBackground(args: readonly string[]): Promise<BackgroundResult>;
  /** Asks the daemon that runs with this file. Throws ControlError. */
  addMode(confFile: string, mode: ModeName): Promise<Reply<Modes>>;
  sleep(ms: number): Promise<void>;
}

export async function runPortsentry(args: readonly string[], world: World): Promise<number> {
  const line = parsePortsentryLine(args);
  if ("show" in line) {
    world.write(line.show === "help" ? help2 : version2(world.version));
    return 0;
  }
  if (line.generation === "unsaid") return runUnsaid(world);
  if (line.generation === 2) {
    if (!("wrong" in line)) return run2(line, args, world);
    world.complain(`Error: ${escapeText(line.wrong)}`);
    return ExitCode.No;
  }
  if (!("wrong" in line)) return run1(line, world);
  // 1.2 looks at the number of arguments, then at who calls, then at the argument.
  return args.length === 1 && !world.isRoot ? refuseUser(world) : showUsage(world);
}

/** Without an argument 2.x runs and 1.2 explains itself: the configuration's generation decides. */
function runUnsaid(world: World): number | Promise<number> {
  if (generationOf(defaultConfFile, world.readFile) === 1) return showUsage(world);
  const switches = { countsOwn: false, countsServed: false, verbose: false, debug: false };
  const usual = { confFile: undefined, daemon: false, interfaces: [], switches };
  return run2({ generation: 2, mode: "stealth", log: "stdout", ...usual }, [], world);
}

function showUsage(world: World): number {
  world.write(usage1);
  world.say(shuttingDownLines);
  return ExitCode.Died;
}

function refuseUser(world: World): number {
  world.write(notRoot);
  world.say(shuttingDownLines);
  return ExitCode.Died;
}

async function run1(line: Line1, world: World): Promise<number> {
  if (!world.isRoot) return refuseUser(world);
  const { tcpMode, udpMode } = line;
  const confFile = absolute(line.confFile);
  if (world.parent !== undefined) {
    const runDaemon = await world.loadDaemon();
    return runDaemon({
      confFile,
      log: "syslog",
      forceBlock: false,
      terse: true,
      tcpMode,
      udpMode,
      generation: 1,
      ...ends(world.parent),
    });
  }
  const loaded = loadSettings(confFile, world.readFile, { tcpMode, udpMode, generation: 1 });
  if (loaded.settings === undefined) return refuseConfiguration(confFile, loaded.problems, world);
  const modes = [tcpMode, udpMode].filter((mode) => mode !== undefined);
  const asked = await askRunning(confFile, modes, world);
  if (asked !== undefined) return asked === "" ? 0 : refuseStart([asked], world);
  const flags = modes.map((mode) => `-${mode}`);
  const result = await world.startInBackground(line.confFile === undefined ? flags : [...flags, "-c", confFile]);
  if (result.ready) return 0;
  // Another one was quicker: `portsentry -tcp & portsentry -udp &`.
  const answer = result.exitCode === ExitCode.Unavailable ? await askPatiently(confFile, modes, world) : undefined;
  if (answer !== undefined) return answer === "" ? 0 : refuseStart([answer], world);
  return refuseStart(
    result.complaints.split("\n").filter((text) => text !== ""),
    world,
  );
}

function ends(parent: Parent) {
  return { daemonReady: () => parent.ready(), complain: (text: string) => parent.complain(text) };
}

function absolute(confFile: string | undefined): string {
  if (confFile === undefined) return defaultConfFile;
  return isAbsolute(confFile) ? confFile : resolve(confFile);
}

/** 1.2's three lines on standard output; the problems themselves, with their lines, in syslog and on standard error. */
function refuseConfiguration(
  confFile: string,
  problems: ReturnType<typeof loadSettings>["problems"],
  world: World,
): number {
  const errors = problems.filter(({ severity }) => severity === "error");
  const missing = !isReadable(confFile, world.readFile);
  const details = missing
    ? [cannotOpenConfigLine(confFile), configMissingLine]
    : [...errors.map((problem) => noticeLine(`ERROR: ${formatProblem(problem)}`)), configCorruptedLine];
  world.say([startingLine, ...details, ...shuttingDownLines]);
  for (const problem of errors) world.complain(formatProblem(problem));
  world.write(configTrouble(missing));
  return ExitCode.Died;
}

function isReadable(file: string, readFile: ReadFile): boolean {
  try {
    readFile(file);
    return true;
  } catch {
    return false;
  }
}

function refuseStart(reasons: readonly string[], world: World): number {
  for (const reason of reasons) world.complain(escapeText(reason));
  world.say([...reasons.map((reason) => noticeLine(`ERROR: ${reason}`)), noModeLine, ...shuttingDownLines]);
  return ExitCode.Died;
}

/** "" when the running daemon watches in these modes now, its refusal, or undefined when no daemon runs. */
async function askRunning(confFile: string, modes: readonly ModeName[], world: World): Promise<string | undefined> {
  try {
    for (const mode of modes) {
      const reply = await world.addMode(confFile, mode);
      if ("refused" in reply) return reply.refused.message;
    }
    return "";
  } catch (error) {
    if (error instanceof DaemonNotRunning) return undefined;
    if (error instanceof ControlError) return error.message;
    throw error;
  }
}

const ASK_AGAIN_MS = 250;
const ASK_TIMES = 40;

/** The other daemon holds the lock and may not listen on its socket yet. */
async function askPatiently(confFile: string, modes: readonly ModeName[], world: World): Promise<string | undefined> {
  for (let times = 0; times < ASK_TIMES; times++) {
    const asked = await askRunning(confFile, modes, world);
    if (asked !== undefined) return asked;
    await world.sleep(ASK_AGAIN_MS);
  }
  return undefined;
}

async function run2(line: Line2, args: readonly string[], world: World): Promise<number> {
  if (!world.isRoot) {
    world.write(notRoot);
    return ExitCode.Died;
  }
  const { parent } = world;
  const confFile = absolute(line.confFile);
  if (line.daemon && parent === undefined) return startDaemon2(line, confFile, world);
  const runDaemon = await world.loadDaemon();
  const stealth = line.mode === "stealth";
  return runDaemon({
    confFile,
    // A daemon has no standard output: 2.x lost its lines then.
    log: line.daemon ? "syslog" : line.log,
    forceBlock: false,
    terse: true,
    tcpMode: stealth ? "stcp" : "tcp",
    udpMode: stealth ? "sudp" : "udp",
    generation: 2,
    // libpcap's word for them all.
    interfaces: [...new Set(line.interfaces.map((name) => (name === "any" ? "ALL" : name)))],
    folder: parent?.folder ?? world.folder,
    switches: line.switches,
    title: [world.program, ...args].join(" "),
    ...(parent === undefined ? {} : ends(parent)),
  });
}

async function startDaemon2(line: Line2, confFile: string, world: World): Promise<number> {
  const { countsOwn, countsServed, verbose, debug } = line.switches;
  const interfaces = line.interfaces.flatMap((name) => ["-i", name]);
  const switches = [
    ...(countsOwn ? ["-L"] : []),
    ...(countsServed ? ["-S"] : []),
    ...(verbose ? ["-v"] : []),
    ...(debug ? ["-d"] : []),
  ];
  const result = await world.startInBackground([`--${line.mode}`, "-D", "-c", confFile, ...interfaces, ...switches]);
  for (const text of result.complaints.split("\n")) if (text !== "") world.complain(escapeText(text));
  return result.ready ? 0 : (result.exitCode ?? ExitCode.No);
}

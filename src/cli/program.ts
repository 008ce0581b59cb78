// The command line: every command with its options, examples and exit codes. What a command does is in its own file,
// which is loaded only when the command is called: a monitoring check asks for `status` every few seconds.
import { createRequire } from "node:module";
import type { Command, Option as OptionType } from "commander";
import { ExitCode } from "../base/exit-code.ts";
import type { BacktestOptions } from "./backtest.ts";
import type { BlockOptions } from "./block.ts";
import type { EventsOptions } from "./events.ts";
import { type ClientOptions, defaultConfFile } from "./options.ts";
import type { ReplayCommandOptions } from "./replay.ts";
import type { RunCommandOptions, RunDaemon } from "./run.ts";
import type { Terminal } from "./terminal.ts";
import type { UnblockOptions } from "./unblock.ts";

// By require: importing CommonJS from a module loads a lexer that costs 10 MB resident (docs/decisions/0010).
const commander: typeof import("commander") = createRequire(import.meta.url)("commander");
const { Argument, InvalidArgumentError, Option } = commander;

/** The bound of one answer; the daemon has the same. */
const mostEvents = 10_000;

export interface ProgramOptions {
  readonly terminal: Terminal;
  readonly version: string;
  readonly loadDaemon: () => Promise<RunDaemon>;
  /** Called with the exit code of the command that ran. */
  readonly done: (exitCode: number) => void;
}

export function createProgram(options: ProgramOptions): Command {
  const program = new commander.Command("portreeve")
    .description(
      "Port-scan defence for Linux hosts: Portreeve sees every probe of a port that no program serves, and shuts its source out.",
    )
    .version(`portreeve ${options.version}`, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help for the command")
    .helpCommand("help [command]", "print help for a command")
    .showHelpAfterError("(add --help to see what the command takes)")
    .exitOverride();
  addRun(program, options);
  addCheck(program, options);
  addStatus(program, options);
  addBlocked(program, options);
  addGuard(program, options);
  addEvents(program, options);
  addWhy(program, options);
  addBlock(program, options);
  addUnblock(program, options);
  addConfirm(program, options);
  addReplay(program, options);
  addBacktest(program, options);
  program.addHelpText("after", afterHelp([], allExits));
  return program;
}

/** The exit code when commander has printed help or its own complaint and thrown; undefined for every other error. */
export function exitCodeOfCommander(error: unknown): ExitCode | undefined {
  if (!(error instanceof commander.CommanderError)) return undefined;
  return error.exitCode === 0 ? ExitCode.Ok : ExitCode.Usage;
}

function addRun(program: Command, { loadDaemon, done }: ProgramOptions): void {
  program
    .command("run")
    .description("Run the daemon in the foreground. The daemon says when it is active and listening; SIGTERM ends it.")
    .addOption(confOption("configuration file"))
    .addOption(new Option("--log <where>", "write the log lines there").choices(["stdout", "syslog"]).default("stdout"))
    .addOption(
      new Option("--tcp-mode <mode>", "use this mode instead of the file's TCP_MODE").choices([
        "tcp",
        "stcp",
        "atcp",
        "off",
      ]),
    )
    .addOption(
      new Option("--udp-mode <mode>", "use this mode instead of the file's UDP_MODE").choices([
        "udp",
        "sudp",
        "audp",
        "off",
      ]),
    )
    .option("--block", 'block scanners although the file has BLOCK_TCP="0" or BLOCK_UDP="0"')
    .option(
      "--trial <time>",
      'lift every block of this run after a time such as "5m" (10s to 1d) and only log from then on, unless "portreeve confirm" is run before',
      parseTrial,
    )
    .addHelpText("after", afterHelp(runExamples, runExits))
    .action(async (given: RunCommandOptions) => {
      if (given.tcpMode === "off" && given.udpMode === "off") {
        program.error("error: --tcp-mode off and --udp-mode off leave nothing to watch", { exitCode: ExitCode.Usage });
      }
      const [{ run }, runDaemon] = await Promise.all([import("./run.ts"), loadDaemon()]);
      done(await run(given, runDaemon));
    });
}

function addCheck(program: Command, { terminal, done }: ProgramOptions): void {
  program
    .command("check")
    .description("Read a configuration file, print every problem with its line, then say what the file means.")
    .addOption(confOption("configuration file"))
    .addOption(jsonOption())
    .addHelpText("after", afterHelp(["portreeve check", "portreeve check -c ./portsentry.conf --json"], checkExits))
    .action(async (given: ClientOptions) => {
      const { check } = await import("./check.ts");
      done(await check(given, terminal));
    });
}

function addStatus(program: Command, { terminal, done }: ProgramOptions): void {
  addClientCommand(program, "status", ["portreeve status", "portreeve status --json"])
    .description("Say what the running daemon has seen, which sources it holds and blocks, and what it warns of.")
    .action(async (given: ClientOptions) => {
      const { status } = await import("./status.ts");
      done(await status(given, terminal));
    });
}

function addBlocked(program: Command, { terminal, done }: ProgramOptions): void {
  addClientCommand(program, "blocked", ["portreeve blocked", "portreeve blocked --json"])
    .description("List the sources that are shut out, until when, and on what evidence.")
    .action(async (given: ClientOptions) => {
      const { blocked } = await import("./blocked.ts");
      done(await blocked(given, terminal));
    });
}

function addGuard(program: Command, { terminal, done }: ProgramOptions): void {
  addClientCommand(program, "guard", ["portreeve guard", "portreeve guard --json"])
    .description(
      "List the addresses that this host depends on, why and until when: none of them is blocked in full without a proof.",
    )
    .action(async (given: ClientOptions) => {
      const { guard } = await import("./guard.ts");
      done(await guard(given, terminal));
    });
}

function addEvents(program: Command, { terminal, done }: ProgramOptions): void {
  const examples = [
    "portreeve events -n 20",
    "portreeve events --follow --source 192.0.2.0/24",
    "portreeve events -f --json",
  ];
  addClientCommand(program, "events", examples)
    .description("List the latest events, the oldest first; with --follow also each event from now on.")
    .option("-f, --follow", "print every new event too, until Ctrl-C")
    .option("-n, --limit <count>", `print this many past events, at most ${mostEvents}`, parseLimit, 50)
    .option("--source <address>", "print only events of this address or CIDR")
    .action(async (given: EventsOptions) => {
      const { events } = await import("./events.ts");
      done(await events(given, terminal));
    });
}

function addWhy(program: Command, { terminal, done }: ProgramOptions): void {
  addClientCommand(program, "why", ["portreeve why 192.0.2.7", "portreeve why 2001:db8::7 --json"])
    .description("Explain what the daemon knows of a source, and why that source is blocked or not.")
    .addArgument(new Argument("<address>", "IPv4 or IPv6 address"))
    .action(async (source: string, given: ClientOptions) => {
      const { why } = await import("./why.ts");
      done(await why(source, given, terminal));
    });
}

function addBlock(program: Command, { terminal, done }: ProgramOptions): void {
  const examples = [
    "portreeve block 192.0.2.7",
    'portreeve block 198.51.100.0/24 --for 2w --reason "abuse ticket 4711"',
    "portreeve block 2001:db8::/64 --for 0",
  ];
  addClientCommand(program, "block", examples)
    .description("Shut a source out by hand.")
    .addArgument(new Argument("<source>", "address or CIDR"))
    .option(
      "--for <time>",
      'block for this time: "90s", "10m", "1h", "1d", "2w", or "0" for ever (default: BLOCK_TIME, longer each time)',
    )
    .option("--reason <text>", "keep this reason with the block; lists show it")
    .option(
      "--force",
      "block the source even if it is on the allow list or in the guard, you are logged in from it, it is wider than /16 (IPv6: /32), or it is blocked for longer",
    )
    .action(async (source: string, given: BlockOptions) => {
      const [{ block }, { findOwnSession }] = await Promise.all([import("./block.ts"), import("./own-session.ts")]);
      done(await block(source, given, terminal, findOwnSession(process)));
    });
}

function addUnblock(program: Command, { terminal, done }: ProgramOptions): void {
  const examples = ["portreeve unblock 192.0.2.7", "portreeve unblock 198.51.100.0/24", "portreeve unblock --all"];
  addClientCommand(program, "unblock", examples)
    .description("Let a source in again, or every source of a network, or all sources.")
    .addArgument(new Argument("[target]", "address or CIDR"))
    .option("--all", "unblock every blocked source")
    .action(async (target: string | undefined, given: UnblockOptions) => {
      const { unblock } = await import("./unblock.ts");
      done(await unblock(target, given, terminal));
    });
}

function addConfirm(program: Command, { terminal, done }: ProgramOptions): void {
  addClientCommand(program, "confirm", ["portreeve confirm"])
    .description('End the trial that "run --trial" began: its blocks stay until their own time, and blocking goes on.')
    .action(async (given: ClientOptions) => {
      const { confirm } = await import("./confirm.ts");
      done(await confirm(given, terminal));
    });
}

function addReplay(program: Command, { terminal, done }: ProgramOptions): void {
  program
    .command("replay")
    .description(
      "Run the detectors over a recorded capture and say which source scanned what, with which tool, and when that was clear.",
    )
    .addArgument(new Argument("<file>", 'pcap or pcapng, plain or gzip; "-" for standard input'))
    .addOption(jsonOption())
    .option("--home <cidr>", "count only probes of this network (may be given again)", collect)
    .option("-c, --conf <file>", "judge by this configuration (default: the shipped settings)")
    .addOption(
      new Option("--policy <scorer>", "let only this scorer call a source a scanner")
        .choices(["all", "trigger", "score", "sequential", "sweep", "breadth", "coordinated", "tool"])
        .default("all"),
    )
    .option("--explain <address>", "print the evidence about this source, step by step")
    .option("--known <file>", 'name the scanners that this file lists, one "address name" or "CIDR name" a line')
    .addHelpText("after", afterHelp(replayExamples, replayExits))
    .action(async (file: string, given: ReplayCommandOptions) => {
      const { replay } = await import("./replay.ts");
      done(await replay(file, given, terminal));
    });
}

function addBacktest(program: Command, { terminal, done }: ProgramOptions): void {
  program
    .command("backtest")
    .description(
      "Say from the recorded probes which sources would be found scanning with other settings, and which of them are known " +
        "clients, before you switch anything on. The command asks the running daemon; where none runs, it reads STATE_DIR.",
    )
    .addOption(confOption("configuration file; its settings are compared with the proposed ones"))
    .addOption(jsonOption())
    .addOption(
      new Option("--policy <policy>", "use this policy instead of the file's POLICY").choices(["score", "trigger"]),
    )
    .option(
      "--set <key=value>",
      "use this value instead of the file's for SCORE_PORTS, SCORE_WINDOW, SLOW_SCORE_PORTS, SLOW_SCORE_WINDOW, SCAN_TRIGGER, " +
        "TOLERATED_PORTS_TCP or TOLERATED_PORTS_UDP (may be given again)",
      collect,
      [],
    )
    .option("--since <time>", 'use only probes recorded since then: "7d", "12h", "2026-11-22", "2026-11-22 10:00"')
    .addHelpText("after", afterHelp(backtestExamples, backtestExits))
    .action(async (given: BacktestOptions) => {
      const { backtest } = await import("./backtest.ts");
      done(await backtest(given, terminal));
    });
}

/** A command that asks the running daemon. */
function addClientCommand(program: Command, name: string, examples: readonly string[]): Command {
  return program
    .command(name)
    .addOption(confOption("configuration file; its CONTROL_SOCKET says where the daemon listens"))
    .addOption(jsonOption())
    .addHelpText("after", afterHelp(examples, clientExits));
}

function confOption(description: string): OptionType {
  return new Option("-c, --conf <file>", description).default(defaultConfFile);
}

function jsonOption(): OptionType {
  return new Option("--json", "print JSON");
}

function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** In milliseconds. */
function parseTrial(text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,5})([smhd])$/.exec(text) ?? [];
  const milliseconds = Number(count) * ({ s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit] ?? 0);
  if (milliseconds >= 10_000 && milliseconds <= 86_400_000) return milliseconds;
  throw new InvalidArgumentError('Write a time from 10 seconds to one day: "90s", "5m", "1h".');
}

function parseLimit(text: string): number {
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : -1;
  if (limit >= 0 && limit <= mostEvents) return limit;
  throw new InvalidArgumentError(`Write a number from 0 to ${mostEvents}.`);
}

const runExamples = [
  "portreeve run",
  "portreeve run -c ./test.conf --log stdout --block",
  "portreeve run --block --trial 5m",
];
const replayExamples = [
  "portreeve replay capture.pcap",
  "portreeve replay mirror.pcapng.gz --home 192.0.2.0/24 --json",
  "tcpdump -i eth0 -c 100000 -w - | portreeve replay - --home 192.0.2.0/24",
  "portreeve replay capture.pcap --explain 198.51.100.7",
];
const allExits = [
  "0   the command has done its work",
  "1   the daemon refused: no such block, an address that must not be blocked, and the like",
  "64  the command line is wrong",
  "69  the daemon is not running or cannot answer; for run: the daemon cannot start",
  "77  the command lacks a permission",
  "78  the configuration is wrong",
];
const runExits = [
  "0   SIGTERM or SIGINT ended the daemon",
  "64  the command line is wrong",
  "69  something that the daemon needs is missing or taken",
  "70  the daemon met an internal error; the log says which",
  "77  the command lacks a permission",
  "78  the configuration is wrong",
];
const clientExits = [
  "0   the command has done its work",
  "1   the daemon refused: no such block, an address that must not be blocked, and the like",
  "64  the command line is wrong",
  "69  the daemon is not running or cannot answer",
  "77  the command may not use the control socket",
  "78  the file that -c names cannot be read",
];
const replayExits = [
  "0   the capture was read; standard error names the damaged parts",
  "64  the command line is wrong",
  "65  the file is no capture",
  "66  the file cannot be opened",
  "78  the configuration is wrong",
];
const backtestExamples = [
  "portreeve backtest",
  "portreeve backtest --policy trigger --set SCAN_TRIGGER=2",
  "portreeve backtest --set SCORE_PORTS=4 --set SCORE_WINDOW=5m --since 7d --json",
];
const backtestExits = [
  "0   the command has done its work",
  "64  the command line is wrong",
  "69  the daemon cannot answer, or no daemon runs and STATE_DIR holds no record",
  "77  the command lacks a permission",
  "78  the configuration is wrong",
];
const checkExits = [
  "0   the file can be used (it may have warnings)",
  "64  the command line is wrong",
  "78  the file has errors",
];

function afterHelp(examples: readonly string[], exits: readonly string[]): string {
  const sections = [
    { title: "Examples", lines: examples },
    { title: "Exit codes", lines: exits },
  ];
  return sections
    .filter(({ lines }) => lines.length > 0)
    .map(({ title, lines }) => `\n${title}:\n${lines.map((line) => `  ${line}\n`).join("")}`)
    .join("")
    .trimEnd();
}

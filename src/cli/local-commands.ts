// Commands that work without the daemon, or are the daemon: run, check, replay, backtest.

import type { Command } from "commander";
import { ExitCode } from "../base/exit-code.ts";
import { whenExamples } from "../base/when.ts";
import type { BacktestOptions } from "./backtest.ts";
import { type AddCommand, afterHelp, collect, commander, confOption, jsonOption } from "./command-parts.ts";
import type { ClientOptions } from "./options.ts";
import type { ReplayCommandOptions } from "./replay.ts";
import type { RunCommandOptions } from "./run.ts";

const { Argument, InvalidArgumentError, Option } = commander;

/** Of --conf, for commands that read the file themselves. */
const orRunning = "; without this option that of the running daemon, if one runs";

const addRun: AddCommand = (program, { loadDaemon, done }) => {
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
};

const addCheck: AddCommand = (program, { terminal, done }) => {
  program
    .command("check")
    .description("Read a configuration file, print every problem with its line, then say what the file means.")
    .addOption(confOption(`configuration file${orRunning}`))
    .addOption(jsonOption())
    .addHelpText("after", afterHelp(["portreeve check", "portreeve check -c ./portsentry.conf --json"], checkExits))
    .action(async (given: ClientOptions, command: Command) => {
      const [{ check }, { confOf }] = await Promise.all([import("./check.ts"), import("./running-conf.ts")]);
      done(await check({ ...given, conf: await confOf(command) }, terminal));
    });
};

const addReplay: AddCommand = (program, { terminal, done }) => {
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
};

const addBacktest: AddCommand = (program, { terminal, done }) => {
  program
    .command("backtest")
    .description(
      "Say from the recorded probes which sources would be found scanning with other settings, and which of them are known " +
        "clients, before you switch anything on. The command asks the running daemon; where none runs, it reads STATE_DIR.",
    )
    .addOption(confOption(`configuration file, whose settings are compared with the proposed ones${orRunning}`))
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
    .option("--since <time>", `use only probes recorded since then: ${whenExamples}`)
    .addHelpText("after", afterHelp(backtestExamples, backtestExits))
    .action(async (given: BacktestOptions, command: Command) => {
      const [{ backtest }, { confOf }] = await Promise.all([import("./backtest.ts"), import("./running-conf.ts")]);
      done(await backtest({ ...given, conf: await confOf(command) }, terminal));
    });
};

/** In milliseconds. */
function parseTrial(text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,5})([smhd])$/.exec(text) ?? [];
  const milliseconds = Number(count) * ({ s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit] ?? 0);
  if (milliseconds >= 10_000 && milliseconds <= 86_400_000) return milliseconds;
  throw new InvalidArgumentError('Write a time from 10 seconds to one day: "90s", "5m", "1h".');
}

const runExamples = [
  "portreeve run",
  "portreeve run -c ./test.conf --log stdout --block",
  "portreeve run --block --trial 5m",
];
const runExits = [
  "0   SIGTERM or SIGINT ended the daemon",
  "64  the command line is wrong",
  "69  something that the daemon needs is missing or taken",
  "70  the daemon met an internal error; the log says which",
  "73  STATE_DIR cannot be made or used",
  "77  the command lacks a permission",
  "78  the configuration is wrong",
];
const checkExits = [
  "0   the file can be used (it may have warnings)",
  "64  the command line is wrong",
  "78  the file has errors",
];
const replayExamples = [
  "portreeve replay capture.pcap",
  "portreeve replay mirror.pcapng.gz --home 192.0.2.0/24 --json",
  "tcpdump -i eth0 -c 100000 -w - | portreeve replay - --home 192.0.2.0/24",
  "portreeve replay capture.pcap --explain 198.51.100.7",
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

export const localCommands = { run: addRun, check: addCheck, replay: addReplay, backtest: addBacktest };

// The command line: the list of its commands. What a command does is in its own file, which is loaded only when the
// command is called: a monitoring check asks for `status` every few seconds.
import type { Command } from "commander";
import { ExitCode } from "../base/exit-code.ts";
import { clientCommands } from "./client-commands.ts";
import { type AddCommand, afterHelp, allExits, commander, type ProgramOptions } from "./command-parts.ts";
import { addImport } from "./import-command.ts";
import { localCommands } from "./local-commands.ts";

const { run, check, replay, backtest } = localCommands;
/** In the order in which help and man page show them. */
const commands: readonly AddCommand[] = [run, check, ...Object.values(clientCommands), addImport, replay, backtest];

export function createProgram(options: ProgramOptions): Command {
  const program = new commander.Command("portreeve")
    .description(
      "Port-scan defence for Linux hosts: Portreeve sees every probe of a port that no program serves, and shuts its source out.",
    )
    .version(`portreeve ${options.version}`, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help for the command")
    .helpCommand("help [command]", "print help for a command")
    .showHelpAfterError("(add --help to see what the command takes)")
    .exitOverride()
    // As all our complaints begin.
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "portreeve: ")) });
  for (const add of commands) add(program, options);
  program.addHelpText("after", afterHelp([], allExits));
  return program;
}

/** The exit code when commander has printed help or its own complaint and thrown; undefined for every other error. */
export function exitCodeOfCommander(error: unknown): ExitCode | undefined {
  if (!(error instanceof commander.CommanderError)) return undefined;
  return error.exitCode === 0 ? ExitCode.Ok : ExitCode.Usage;
}

// What the commands of the command line have in common: options, exit codes, and the end of each help text.
import { createRequire } from "node:module";
import type { Command, Option as OptionType } from "commander";
import { defaultConfFile } from "./options.ts";
import type { RunDaemon } from "./run.ts";
import type { Terminal } from "./terminal.ts";

// By require: importing CommonJS from a module loads a lexer that costs 10 MB resident (docs/decisions/0010).
export const commander: typeof import("commander") = createRequire(import.meta.url)("commander");

export interface ProgramOptions {
  readonly terminal: Terminal;
  readonly version: string;
  readonly loadDaemon: () => Promise<RunDaemon>;
  /** Called with the exit code of the command that ran. */
  readonly done: (exitCode: number) => void;
}

/** Adds one command to the program. What the command does is loaded only when the command is called. */
export type AddCommand = (program: Command, options: ProgramOptions) => void;

/** A command that asks the running daemon. */
export function addClientCommand(
  program: Command,
  name: string,
  examples: readonly string[],
  exits: readonly string[] = clientExits,
): Command {
  return program
    .command(name)
    .addOption(confOption("configuration file; its CONTROL_SOCKET says where the daemon listens"))
    .addOption(jsonOption())
    .addHelpText("after", afterHelp(examples, exits));
}

export function confOption(description: string): OptionType {
  return new commander.Option("-c, --conf <file>", description).default(defaultConfFile);
}

export function jsonOption(): OptionType {
  return new commander.Option("--json", "print JSON");
}

export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

export const allExits = [
  "0   the command has done its work",
  "1   the daemon refused: no such block, an address that must not be blocked, and the like",
  "64  the command line is wrong",
  "65  replay: the file is no capture",
  "66  replay, import: a file cannot be opened",
  "69  the daemon is not running or cannot answer; for run: the daemon cannot start",
  "70  run: the daemon met an internal error; the log says which",
  "73  run: STATE_DIR cannot be made or used",
  "74  the output cannot be written, as on a full disk",
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

export const importExits = [
  "0   every source of the list is blocked, or was",
  "1   the daemon refused some sources, which are named, or all of them",
  "64  the command line is wrong",
  "66  the file cannot be opened",
  "69  the daemon is not running or cannot answer; a part of the list may be blocked: run the command again",
  ...clientExits.slice(-2),
];

export function afterHelp(examples: readonly string[], exits: readonly string[]): string {
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

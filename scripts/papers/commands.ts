// docs/reference/commands.md as text: the help of every command, exactly as --help prints it.
import type { Command } from "commander";
import { createProgram } from "../../src/cli/program.ts";

const width = 100;

export function commandReference(program: Command): string {
  const sections = [program, ...program.commands].map((command) => {
    command.configureOutput({ getOutHelpWidth: () => width, getErrHelpWidth: () => width });
    return `## ${command === program ? command.name() : `${program.name()} ${command.name()}`}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`;
  });
  return `# Commands\n\n<!-- Made from the commands of src/cli/program.ts by scripts/docs-commands.mjs; change it there. -->\n\n${sections.join("\n")}`;
}

/** The command line for its help only: nothing in it can be run. */
export function createReferenceProgram(): Command {
  const nothing = (): never => {
    throw new Error("the reference runs no command");
  };
  const terminal = { write: nothing, complain: nothing, colour: false, nowMs: nothing };
  return createProgram({ terminal, version: "", loadDaemon: nothing, done: nothing });
}

/** helpInformation() lacks what addHelpText() adds, so the help is caught as it is printed. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut: (piece) => {
      text += piece;
    },
  });
  command.outputHelp();
  return text.trimEnd();
}

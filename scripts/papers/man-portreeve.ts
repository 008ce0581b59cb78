// portreeve(8), made from the command line itself: commands, options, examples and exit codes are what --help prints.
import type { Command } from "commander";
import { type Edition, example, heading, item, pageHead, paragraph, seeAlso, subheading } from "./roff.ts";

export function portreevePage(program: Command, edition: Edition): string {
  return [
    pageHead({ name: "portreeve", section: 8, edition, summary: "port-scan defence for Linux hosts" }),
    heading("synopsis", example([`${program.name()} COMMAND [OPTIONS]`, `${program.name()} help COMMAND`])),
    heading("description", ...description.map(paragraph)),
    heading("commands", ...program.commands.map((command) => commandSection(program, command))),
    heading("exit status", ...exitItems(program)),
    heading("files", ...files.map(([path, meaning]) => item(path, meaning))),
    seeAlso([
      ["portsentry", 8],
      ["portsentry.conf", 5],
      ["nft", 8],
      ["fail2ban-client", 1],
    ]),
  ].join("");
}

const description = [
  "Portreeve sees every probe of a port that no program serves, judges the source of the probe on evidence, and shuts scanners out in the kernel.",
  "As installed Portreeve blocks nothing: scans are logged only. Put your own addresses into portsentry.ignore.static, then set " +
    'BLOCK_TCP="1" and BLOCK_UDP="1" in portsentry.conf. "portreeve check" says in plain words what that file means.',
  'The service starts "portreeve run" with the modes of /etc/default/portsentry. check and replay need no daemon and ' +
    "no root. backtest asks the running daemon, or reads STATE_DIR where none runs; the other commands ask the running daemon " +
    "through its control socket. All of these need root.",
];

const files = [
  ["/etc/portsentry/portsentry.conf", "the configuration; see portsentry.conf(5)"],
  ["/etc/portsentry/portsentry.ignore.static", "addresses that are never blocked, as the administrator writes them"],
  ["/etc/portsentry/portsentry.ignore", "these addresses and this host's own; the file is built at each start"],
  ["/etc/default/portsentry", "the modes in which the service runs"],
  ["/var/lib/portsentry", "the history file, and the blocks and events that outlive a restart"],
  ["/run/portreeve/control.sock", "the control socket"],
] as const;

function commandSection(program: Command, command: Command): string {
  const help = command.createHelp();
  const terms = [
    ...help.visibleArguments(command).map((one) => item(help.argumentTerm(one), help.argumentDescription(one))),
    ...help.visibleOptions(command).map((one) => item(help.optionTerm(one), help.optionDescription(one))),
  ];
  const examples = linesUnder(helpOf(command), "Examples:");
  return subheading(
    `${program.name()} ${command.name()} ${command.usage()}`,
    paragraph(help.commandDescription(command)),
    ...terms,
    ...(examples.length === 0 ? [] : [paragraph("Examples:"), example(examples.map((line) => `    ${line}`))]),
  );
}

function exitItems(program: Command): string[] {
  return linesUnder(helpOf(program), "Exit codes:").map((line) => {
    const [, code = line, meaning = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    return item(code, meaning);
  });
}

/** The indented lines that follow a title in a help text. */
function linesUnder(help: string, title: string): string[] {
  const lines = help.split("\n");
  const at = lines.indexOf(title);
  if (at < 0) return [];
  const rest = lines.slice(at + 1);
  const end = rest.findIndex((line) => !line.startsWith("  "));
  return rest.slice(0, end < 0 ? rest.length : end).map((line) => line.trim());
}

/** helpInformation() lacks what addHelpText() adds, so the help is caught as it is printed. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({
    getOutHelpWidth: () => 1000,
    writeOut: (piece) => {
      text += piece;
    },
  });
  command.outputHelp();
  return text;
}

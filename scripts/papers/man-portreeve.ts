// portreeve(8), made from the command line itself: commands, options, examples and exit codes are what --help prints.
import type { Command } from "commander";
import { type Edition, example, heading, item, pageHead, paragraph, seeAlso, subheading } from "./roff.ts";

export function portreevePage(program: Command, edition: Edition): string {
  return [
    pageHead({ name: "portreeve", section: 8, edition, summary: "port-scan defence for Linux hosts" }),
    heading("synopsis", example([`${program.name()} COMMAND [OPTIONS]`, `${program.name()} help COMMAND`])),
    heading("description", ...description.map(paragraph)),
    heading("commands", ...program.commands.map((command) => commandSection(program, command))),
    heading("words", paragraph(wordsHead), ...words.map(([word, meaning]) => item(word, meaning))),
    heading(
      "locked out",
      ...lockedOut.map(paragraph),
      example(["portreeve why 192.0.2.7", "portreeve allow 192.0.2.7"]),
    ),
    heading("signals", ...signals.map(([name, meaning]) => item(name, meaning))),
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
    "through its control socket. All of these need root, but for members of CONTROL_GROUP, who may use the commands that change " +
    "nothing.",
];

const wordsHead = "blocked, events, report and why use these words, and --json has them as they stand here.";

const words = [
  ["probe", "a packet to a port that no program serves, or of a form that only a scanner sends"],
  ["finding", "a source that was found scanning, and what was decided about it"],
  ["block, unblock", "a source was shut out, or let in again"],
  ["drift", "another program had changed the kernel's table, which was put right"],
  ["warning", "something that needs an administrator"],
  ["held", "the packets of the source are dropped until 5 seconds after its last probe, while it is judged"],
  [
    "soft",
    "the source opens no new connection, but to public ports and ports that it used before; established connections go on",
  ],
  ["full", "nothing from the source comes through"],
  ["direct", "nothing proves that the source itself has sent the probes: its address may be forged"],
  ["silence", "proven: the source repeats exactly the probes that were left unanswered, so it sees the answers"],
  ["handshake", "proven: the source has completed connections to listeners of the daemon on closed ports"],
  ["manual", "an administrator has blocked the source"],
  ["ran", "a KILL_RUN_CMD has run, or a line was written into hosts.deny"],
  ["GRADE", "how sure it is that the source itself scans: direct, silence, handshake or manual"],
  [
    "OFFENCES",
    "how often the source has been blocked in full; each time makes the next block longer (BLOCK_TIME_FACTOR)",
  ],
  ["NOT ENFORCED", "the block is listed, and the kernel does not hold it: see the warnings of status"],
] as const;

const lockedOut = [
  "A hold ends 5 seconds after the last probe, a soft block SOFT_BLOCK_TIME after it, a full block after BLOCK_TIME. From the console, or from another " +
    "address, the first command below says whether it is Portreeve, and the second one lifts the block and keeps the address from being blocked again. " +
    '"portreeve unblock" lifts the block alone.',
  'While the daemon does not run, "portreeve unblock --all" lets everybody in, also for the time after the next start.',
];

const signals = [
  ["SIGHUP", "portreeve run reads its configuration again; where the file has errors, the running settings stay"],
  ["SIGTERM, SIGINT", "portreeve run ends; its blocks stay in the kernel until their time is over"],
] as const;

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

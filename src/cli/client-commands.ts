// Commands that ask the running daemon. One that takes no argument is a row of `plain`.

import type { Command } from "commander";
import { whenExamples } from "../base/when.ts";
import { controlLimits } from "../control/limits.ts";
import { eventTypes } from "../record/event.ts";
import { filterKeys } from "../record/filter-text.ts";
import type { AllowOptions } from "./allow.ts";
import type { BlockOptions } from "./block.ts";
import { type AddCommand, addClientCommand, commander } from "./command-parts.ts";
import type { EventsOptions } from "./events.ts";
import type { MetricsOptions } from "./metrics.ts";
import type { ClientOptions } from "./options.ts";
import type { ReportOptions } from "./report.ts";
import type { Terminal } from "./terminal.ts";
import type { UnblockOptions } from "./unblock.ts";

const { Argument, InvalidArgumentError, Option } = commander;

/** The bound of one answer. */
const mostEvents = controlLimits.events;

/** The command of that name, its description, and what the command does. */
function plain(
  name: string,
  description: string,
  load: () => Promise<(given: ClientOptions, terminal: Terminal) => Promise<number>>,
): AddCommand {
  const examples = [`portreeve ${name}`, ...(name === "confirm" ? [] : [`portreeve ${name} --json`])];
  return (program, { terminal, done }) => {
    addClientCommand(program, name, examples)
      .description(description)
      .action(async (given: ClientOptions) => done(await (await load())(given, terminal)));
  };
}

const addStatus = plain(
  "status",
  "Say what the running daemon has seen, which sources it holds and blocks, and what it warns of.",
  async () => (await import("./status.ts")).status,
);
const addBlocked = plain(
  "blocked",
  "List the sources that are shut out, until when, and on what evidence.",
  async () => (await import("./blocked.ts")).blocked,
);
const addGuard = plain(
  "guard",
  "List the addresses that this host depends on, why and until when: none of them is blocked in full without a proof.",
  async () => (await import("./guard.ts")).guard,
);
const addConfirm = plain(
  "confirm",
  'End the trial that "run --trial" began: its blocks stay until their own time, and blocking goes on.',
  async () => (await import("./confirm.ts")).confirm,
);

const addMetrics: AddCommand = (program, { terminal, done }) => {
  const examples = [
    "portreeve metrics",
    "portreeve metrics --textfile /var/lib/prometheus/node-exporter/portreeve.prom",
  ];
  addClientCommand(program, "metrics", examples)
    .description(
      "Print the daemon's figures in Prometheus's text format; with --json status and figures as the daemon tells them.",
    )
    .option(
      "--textfile <path>",
      "write them to this file, for node_exporter's textfile collector; without a daemon the file says portreeve_up 0",
    )
    .action(async (given: MetricsOptions) => {
      const { metrics } = await import("./metrics.ts");
      done(await metrics(given, terminal));
    });
};

const addEvents: AddCommand = (program, { terminal, done }) => {
  const examples = [
    "portreeve events -n 20",
    "portreeve events --since 12h --type finding,block",
    'portreeve events --since "yesterday 22:00" --until 6:00',
    "portreeve events --follow --source 192.0.2.0/24",
    "portreeve events 'kind:syn port:22,23 !grade:direct since:24h'",
    "portreeve events -f --json",
  ];
  addChoice(addClientCommand(program, "events", examples), "print")
    .description(
      "List events of the whole record, the oldest first: the latest 50, or all of the time that --since and --until name. With " +
        "--follow also each event from now on, over restarts of the daemon too.",
    )
    .option("-f, --follow", "print every new event too, until Ctrl-C")
    .option(
      "-n, --limit <count>",
      `print at most this many past events, the newest of them, at most ${mostEvents}`,
      parseLimit,
    )
    .option("--source <address>", "print only events of this address or CIDR")
    .addOption(
      new Option("--type <types>", "print only events of these types, with commas between them")
        .choices(eventTypes)
        .argParser(splitTypes),
    )
    .addArgument(new Argument("[filter...]", filterHelp()))
    .action(async (words: string[], given: EventsOptions) => {
      const { events } = await import("./events.ts");
      done(await events(words, given, terminal));
    });
};

const addReport: AddCommand = (program, { terminal, done }) => {
  const examples = [
    "portreeve report",
    'portreeve report --since "yesterday 22:00"',
    "portreeve report --since 7d --json",
  ];
  addChoice(addClientCommand(program, "report", examples), "sum up")
    .description(
      "Sum up what has happened: scans that were found, blocks, the busiest sources and ports, warnings (default: the last 24 hours).",
    )
    .action(async (given: ReportOptions) => {
      const { report } = await import("./report.ts");
      done(await report(given, terminal));
    });
};

function filterHelp(): string {
  const keys = Object.values(filterKeys).map(({ example, meaning }) => `${example} (${meaning})`);
  return (
    "print only events for which all of these words hold; a comma stands between alternatives, ! in front denies, and a word without a " +
    `colon is an address or a part of the message: ${keys.join("; ")}`
  );
}

/** The time that a command looks back. */
function addChoice(command: Command, verb: string): Command {
  return command
    .option("--since <time>", `${verb} only what has happened since then: ${whenExamples}`)
    .option("--until <time>", `${verb} only what happened before then`);
}

/** Which of them are none the daemon's own words say. */
function splitTypes(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(",").map((word) => word.trim())];
}

const addWhy: AddCommand = (program, { terminal, done }) => {
  addClientCommand(program, "why", ["portreeve why 192.0.2.7", "portreeve why 2001:db8::7 --json"])
    .description("Explain what the daemon knows of a source, and why that source is blocked or not.")
    .addArgument(new Argument("<address>", "IPv4 or IPv6 address"))
    .action(async (source: string, given: ClientOptions) => {
      const { why } = await import("./why.ts");
      done(await why(source, given, terminal));
    });
};

const addBlock: AddCommand = (program, { terminal, done }) => {
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
};

const addAllow: AddCommand = (program, { terminal, done }) => {
  const examples = [
    "portreeve allow 192.0.2.10",
    'portreeve allow 198.51.100.0/24 --reason "monitoring of the hoster"',
  ];
  addClientCommand(program, "allow", examples)
    .description(
      "Put a source on the allow list, so that it is never held or blocked, and lift its block. The command edits IGNORE_FILE, " +
        "or the file of the same name with .static at its end where there is one, and works without the daemon too.",
    )
    .addArgument(new Argument("<source>", "address or CIDR"))
    .option("--reason <text>", "write this comment behind the entry")
    .option("--force", "allow a network that is wider than /16 (IPv6: /32)")
    .action(async (source: string, given: AllowOptions) => {
      const { editAllowList } = await import("./allow.ts");
      done(await editAllowList("allow", source, given, terminal));
    });
};

const addDisallow: AddCommand = (program, { terminal, done }) => {
  addClientCommand(program, "disallow", ["portreeve disallow 192.0.2.10"])
    .description("Take a source off the allow list, so that it is judged like any other.")
    .addArgument(new Argument("<source>", "address or CIDR, as the allow list has it"))
    .action(async (source: string, given: ClientOptions) => {
      const { editAllowList } = await import("./allow.ts");
      done(await editAllowList("disallow", source, given, terminal));
    });
};

const addUnblock: AddCommand = (program, { terminal, done }) => {
  const examples = ["portreeve unblock 192.0.2.7", "portreeve unblock 198.51.100.0/24", "portreeve unblock --all"];
  addClientCommand(program, "unblock", examples)
    .description("Let a source in again, or every source of a network, or all sources.")
    .addArgument(new Argument("[target]", "address or CIDR"))
    .option("--all", "unblock every blocked source")
    .option(
      "--rule-gone",
      "say that you have taken out by hand a rule that stays, because no command undoes it; the daemon forgets that rule and does nothing else",
    )
    .action(async (target: string | undefined, given: UnblockOptions) => {
      const { unblock } = await import("./unblock.ts");
      done(await unblock(target, given, terminal));
    });
};

function parseLimit(text: string): number {
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : -1;
  if (limit >= 0 && limit <= mostEvents) return limit;
  throw new InvalidArgumentError(`Write a number from 0 to ${mostEvents}.`);
}

export const clientCommands = {
  status: addStatus,
  blocked: addBlocked,
  guard: addGuard,
  metrics: addMetrics,
  events: addEvents,
  report: addReport,
  why: addWhy,
  block: addBlock,
  unblock: addUnblock,
  allow: addAllow,
  disallow: addDisallow,
  confirm: addConfirm,
};

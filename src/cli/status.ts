// portreeve status: whether the daemon runs, what it has seen, what it shuts out, and what it warns of.

import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import type { Status, WatchedPorts } from "../control/api.ts";
import { connect, tellRefusal } from "./connect.ts";
import { formatCount, formatSpan, plural } from "./format.ts";
import type { ClientOptions } from "./options.ts";
import { paint, type Terminal, toJsonLine } from "./terminal.ts";

export async function status(options: ClientOptions, terminal: Terminal): Promise<ExitCode> {
  const reply = await connect(options).ask("status", {});
  if ("refused" in reply) return tellRefusal(terminal, reply.refused);
  await terminal.write(options.json ? toJsonLine(reply.ok) : summarize(reply.ok, terminal));
  return ExitCode.Ok;
}

function summarize(status: Status, terminal: Terminal): string {
  const lines = [
    `${paint(terminal, "bold", `portreeve ${escapeText(status.version)}`)} has been running for ${formatSpan(status.uptimeSeconds * 1000)}`,
    "",
    row("blocking", blocking(status, terminal)),
    row("capture", status.capture),
    row("configuration", escapeText(status.configuration)),
    row("watched", watched(status)),
    row("probes", `${formatCount(status.probes)} from ${plural(status.sources, "source")} now tracked`),
    row("held", formatCount(status.held)),
    row("blocked", blocked(status)),
    row("lost", lost(status, terminal)),
    ...otherCounters(status),
    "",
    ...warnings(status, terminal),
  ];
  return `${lines.join("\n")}\n`;
}

function row(name: string, value: string): string {
  return `${name.padEnd(13)}  ${value}`;
}

function blocking(status: Status, terminal: Terminal): string {
  if (status.blocking) return `on, by ${escapeText(status.blockedBy)}`;
  return paint(terminal, "yellow", "off: probes are logged, and no source is shut out");
}

function blocked(status: Status): string {
  if (status.blocked === 0) return "0";
  return `${formatCount(status.blocked)}: ${formatCount(status.proven)} proven, ${formatCount(status.unproven)} unproven`;
}

function watched({ watched: { tcp, udp } }: Status): string {
  if (tcp === null && udp === null) return "a mirror port, and no port of this host";
  const told = [tcp && `TCP ${inMode(tcp)}`, udp && `UDP ${inMode(udp)}`];
  return told.filter((text) => text !== null).join(", ");
}

function inMode({ mode, ports }: WatchedPorts): string {
  return `in mode ${escapeText(mode)} (${plural(ports, "port")})`;
}

function lost(status: Status, terminal: Terminal): string {
  if (status.lost === 0) return "0";
  return paint(terminal, "yellow", `${plural(status.lost, "packet")} that the kernel could not deliver`);
}

/** The counters that are not 0, in the daemon's order. */
function otherCounters(status: Status): string[] {
  const told = Object.entries(status.counters).filter(([, count]) => count !== 0);
  return told.map(([name, count], index) =>
    row(index === 0 ? "counters" : "", `${escapeText(name)} ${formatCount(count)}`),
  );
}

function warnings(status: Status, terminal: Terminal): string[] {
  if (status.warnings.length === 0) return [paint(terminal, "green", "no warnings")];
  const head = `${plural(status.warnings.length, "warning")}:`;
  return [head, ...status.warnings.map((text) => `  ${escapeText(text)}`)].map((line) =>
    paint(terminal, "yellow", line),
  );
}

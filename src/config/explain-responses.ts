// PortSentry's own responses in plain language: what each active key does, in which order, and where the built-in
// firewall would do more.

import { formatDuration } from "../base/duration.ts";
import { escapeText } from "../base/escape.ts";
import { recognizeList } from "../command/command-list.ts";
import { describeRoute } from "./command.ts";
import { blocksByFirewall, blocksByResponse } from "./enforcement.ts";
import type { Settings } from "./settings.ts";

const SHOWN_CHARACTERS = 400;
const BUILT_IN =
  "the built-in firewall drops every packet of the source in the kernel, for any number of sources and both families; " +
  'to use it, take KILL_ROUTE out, or write FIREWALL="nftables" to have both';

export function explainResponses(settings: Settings): string[] {
  const { responses } = settings;
  const lines: string[] = [];
  if (responses.killRoute !== undefined) lines.push(...explainRoute(settings, responses.killRoute));
  if (responses.hostsDeny !== undefined) {
    const only = "reaches only programs that use libwrap, and sshd no longer does";
    lines.push(
      `KILL_HOSTS_DENY puts "${show(responses.hostsDeny)}" into ${responses.hostsDenyFile}; that line ${only}${idle(settings)}.`,
    );
    if (responses.killRoute === undefined && !blocksByFirewall(settings)) {
      lines.push(`Suggestion: KILL_HOSTS_DENY alone leaves all other services open; ${BUILT_IN}.`);
    }
  }
  if (responses.runCommand !== undefined) {
    lines.push(`KILL_RUN_CMD "${show(responses.runCommand)}" is run for ${explainRunFor(settings)}.`);
    lines.push(`KILL_RUN_CMD is ended after ${formatDuration(responses.runCommandLimitMs)}, if it runs for so long.`);
  }
  lines.push(...explainOrder(settings));
  if (settings.proof === "on" && lines.length > 0) {
    lines.push("These responses reach proven sources only, never guarded or exempt ones.");
  }
  return lines;
}

function explainRoute(settings: Settings, command: string): string[] {
  const form = describeRoute(command);
  const does = form === undefined ? "is run to shut the source out" : `${form.does}`;
  const lines = [`KILL_ROUTE "${show(command)}" ${does}${idle(settings)}.`, explainUndo(settings)];
  if (form?.lesser !== undefined && !blocksByFirewall(settings)) {
    lines.push(`Suggestion: with this KILL_ROUTE ${form.lesser}; ${BUILT_IN}.`);
  }
  return lines;
}

function explainUndo({ responses }: Settings): string {
  if (responses.unkillRoute !== undefined)
    return `UNKILL_ROUTE "${show(responses.unkillRoute)}" undoes KILL_ROUTE when a block ends.`;
  return "unknown" in recognizeList(responses.killRoute ?? "")
    ? "When a block ends, what KILL_ROUTE did stays: what undoes the command is not known, and UNKILL_ROUTE is not set."
    : "When a block ends its KILL_ROUTE is undone by the inverse of the command that made it.";
}

function idle({ tcp, udp }: Settings): string {
  if (tcp.block && udp.block) return "";
  if (!tcp.block && !udp.block) return ' (only once BLOCK_TCP or BLOCK_UDP is "1")';
  return ` (for ${tcp.block ? "TCP" : "UDP"} scans)`;
}

function explainRunFor({ tcp, udp }: Settings): string {
  const says = (protocol: string, { block, runOnly }: Settings["tcp"]): string[] => {
    if (runOnly) return [`${protocol} scans, and nothing else is done`];
    return block ? [`${protocol} scans, beside the block`] : [];
  };
  const parts = [...says("TCP", tcp), ...says("UDP", udp)];
  return parts.length === 0 ? 'no scan, while BLOCK_TCP and BLOCK_UDP are "0"' : parts.join("; for ");
}

/** 1.2's orders: the command first, hosts.deny, route; or hosts.deny, route, the command. */
function explainOrder(settings: Settings): string[] {
  const { responses } = settings;
  if (!blocksByResponse(settings) || (!settings.tcp.block && !settings.udp.block)) return [];
  const steps: string[] = [];
  if (responses.hostsDeny !== undefined) steps.push("KILL_HOSTS_DENY");
  if (responses.killRoute !== undefined) steps.push("KILL_ROUTE");
  if (responses.runCommand !== undefined) {
    if (responses.runCommandFirst) steps.unshift("KILL_RUN_CMD");
    else steps.push("KILL_RUN_CMD");
  }
  return steps.length < 2 ? [] : [`The responses follow in this order: ${steps.join(", then ")}.`];
}

function show(template: string): string {
  return escapeText(template, SHOWN_CHARACTERS);
}

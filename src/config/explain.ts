// Settings in plain language, for `portreeve check`: what is watched, what happens to a scanner, what is exempt.
import { formatPrefix } from "../wire/address.ts";
import { ALL_PORTS, countPorts, formatPorts, intersectPorts } from "./ports.ts";
import { escapeText } from "./problems.ts";
import type { PortRange, Settings, WatchSettings } from "./settings.ts";
import { formatDuration } from "./values.ts";

const MAX_LIST_CHARACTERS = 120;
const MAX_EXEMPT_SHOWN = 8;

export function explainSettings(settings: Settings): string[] {
  return [
    `Configuration: ${escapeText(settings.file, 4096)}`,
    explainWatch("TCP", settings.tcp),
    explainWatch("UDP", settings.udp),
    ...explainExceptions(settings),
    explainScan(settings),
    ...explainTolerated("TCP", settings.tcp),
    ...explainTolerated("UDP", settings.udp),
    ...explainBlocking(settings),
    explainExempt(settings),
    explainRecords(settings),
  ];
}

function explainWatch(protocol: "TCP" | "UDP", watch: WatchSettings): string {
  const count = countPorts(watch.watched);
  const own = protocol === "UDP" ? " outside the range from which this host itself asks others" : "";
  if (count === 0) return `Watched, ${protocol}: no port.`;
  if (count === countPorts(ALL_PORTS)) return `Watched, ${protocol}: every closed port${own}.`;
  return `Watched, ${protocol}: ${list(watch.watched)} (${plural(count, "port")}), while closed${own}.`;
}

function explainExceptions({ latelyOpenMs, bootGraceMs }: Settings): string[] {
  const lines: string[] = [];
  if (latelyOpenMs > 0) {
    const [low, high] = [formatDuration(latelyOpenMs), formatDuration(latelyOpenMs * 24)];
    lines.push(`Not a trap: a port that was served within the last ${low} (above 1023: ${high}).`);
  }
  if (bootGraceMs > 0) lines.push(`Not a trap: any port in the first ${formatDuration(bootGraceMs)} after boot.`);
  return lines;
}

function explainScan(settings: Settings): string {
  switch (settings.policy) {
    case "score":
      return `A scan: ${settings.scorePorts} different closed ports from one source within ${formatDuration(settings.scoreWindowMs)}.`;
    case "trigger":
      return settings.scanTrigger <= 1
        ? "A scan: the first probe of a closed port."
        : `A scan: ${settings.scanTrigger} probes of closed ports from one source, whichever ports they go to.`;
  }
}

function explainTolerated(protocol: "TCP" | "UDP", watch: WatchSettings): string[] {
  const tolerated = intersectPorts(watch.watched, watch.tolerated);
  if (tolerated.length === 0) return [];
  return [`Tolerated, ${protocol}: ${list(tolerated)} are tried by habit; alone they hold and block nobody.`];
}

function explainBlocking(settings: Settings): string[] {
  const { tcp, udp, firewall } = settings;
  if (firewall === "none" || (!tcp.block && !udp.block)) {
    return ["A scanner: is logged only; nothing is held, dropped or blocked."];
  }
  const who = tcp.block && udp.block ? "A scanner" : `A scanner of ${tcp.block ? "TCP" : "UDP"} ports`;
  const lines = [`${who}: is held at its first probe, and blocked in the kernel (nftables table "inet portreeve").`];
  if (!tcp.block || !udp.block) lines.push(`A scanner of ${tcp.block ? "UDP" : "TCP"} ports: is logged only.`);
  if (settings.proof === "on") {
    lines.push(
      `An unproven scanner: opens no new connection for ${formatDuration(settings.softBlockTimeMs)}; ` +
        "its established connections, and ports that it used before, go on.",
    );
  }
  lines.push(explainFullBlock(settings));
  if (settings.proof === "on") lines.push("Proven in this version: only who is blocked by hand.");
  return lines;
}

function explainFullBlock({ proof, blockTimeMs, blockTimeFactor, blockTimeMaxMs }: Settings): string {
  const who = proof === "on" ? "A proven scanner" : "Every scanner, proven or not";
  if (blockTimeMs === undefined) return `${who}: is shut out for ever.`;
  const first = `${who}: is shut out for ${formatDuration(blockTimeMs)}`;
  if (blockTimeFactor === 1 || blockTimeMs >= blockTimeMaxMs) return `${first}, each time.`;
  return `${first}, each further time ${blockTimeFactor} times as long, at most ${formatDuration(blockTimeMaxMs)}.`;
}

function explainExempt({ ignored, ignoreFile }: Settings): string {
  if (ignored.length === 0) return "Exempt: nobody by configuration.";
  const shown = ignored.slice(0, MAX_EXEMPT_SHOWN).map(formatPrefix).join(", ");
  const rest = ignored.length > MAX_EXEMPT_SHOWN ? ` and ${ignored.length - MAX_EXEMPT_SHOWN} more` : "";
  return `Exempt: ${shown}${rest} (${escapeText(ignoreFile ?? "", 4096)}).`;
}

function explainRecords({ historyFile, syslogIdent, logFormat }: Settings): string {
  const form = logFormat === "json" ? "as JSON" : "in PortSentry 1.2's words";
  const history = historyFile === undefined ? "no history file" : `history in ${escapeText(historyFile, 4096)}`;
  return `Logged: ${form} as "${syslogIdent}"; ${history}.`;
}

function list(ranges: readonly PortRange[]): string {
  const text = formatPorts(ranges).replaceAll(",", ", ");
  if (text.length <= MAX_LIST_CHARACTERS) return text;
  return `${text.slice(0, text.lastIndexOf(",", MAX_LIST_CHARACTERS))} ...`;
}

function plural(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

// What 2.x prints at start with -d and -v: the settings by the names that they have there, and the allow list.
import { formatPrefix } from "../wire/address.ts";
import type { PortRange } from "../wire/port-range.ts";
import type { Settings, WatchSettings } from "./settings.ts";

/** More entries of an allow list than these are counted, not printed. */
const MAX_ENTRIES = 1_000;

export interface SecondRun {
  readonly log: "stdout" | "syslog";
  readonly isDaemon: boolean;
}

/** -d, and -v. */
export function secondLines(settings: Settings, run: SecondRun): string[] {
  const { debug, verbose } = settings.switches;
  return [...(debug ? debugLines(settings, run) : []), ...(verbose ? ignoredLines(settings) : [])];
}

function debugLines(settings: Settings, { log, isDaemon }: SecondRun): string[] {
  const { responses, tcp, udp, switches } = settings;
  const facts: readonly (readonly [string, string | number | boolean])[] = [
    ["killRoute", responses.killRoute ?? ""],
    ["killHostsDeny", responses.hostsDeny ?? ""],
    ["killRunCmd", responses.runCommand ?? ""],
    ...settings.interfaces.map((name) => ["interface", name] as const),
    [`tcpPorts (${tcp.watched.length})`, portsText(tcp.watched)],
    [`udpPorts (${udp.watched.length})`, portsText(udp.watched)],
    ...(settings.banner === undefined ? [] : [["portBanner", settings.banner] as const]),
    ["configFile", settings.file],
    ["blockedFile", settings.blockedFile ?? ""],
    ["historyFile", settings.historyFile ?? ""],
    ["ignoreFile", settings.ignoreFile ?? ""],
    ["blockTCP", reactionNumber(tcp)],
    ["blockUDP", reactionNumber(udp)],
    ["runCmdFirst", responses.runCommandFirst ? 1 : 0],
    ["resolveHost", settings.resolveHost ? 1 : 0],
    ["configTriggerCount", settings.scanTrigger],
    ["disableLocalCheck", switches.countsOwn ? 1 : 0],
    ["disableServiceCheck", switches.countsServed ? 1 : 0],
    ["sentryMode", tcp.modeName],
    ["log output stdout", log === "stdout"],
    ["log output syslog", log === "syslog"],
    ["log debug", switches.debug],
    ["log verbose", switches.verbose],
    ["daemon", isDaemon],
  ];
  return ["debug: Final Configuration:", ...facts.map(([name, value]) => `debug: ${name}: ${value}`)];
}

function portsText(ranges: readonly PortRange[]): string {
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(" ");
}

function reactionNumber({ block, runOnly }: WatchSettings): 0 | 1 | 2 {
  if (runOnly) return 2;
  return block ? 1 : 0;
}

function ignoredLines({ ignored }: Settings): string[] {
  const lines = ignored.slice(0, MAX_ENTRIES).map((prefix) => `Ignoring IP: ${formatPrefix(prefix)}`);
  return ignored.length > MAX_ENTRIES ? [...lines, `Ignoring ${ignored.length - MAX_ENTRIES} more IPs`] : lines;
}

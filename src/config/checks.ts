// What keys mean together: combinations that do nothing, contradict each other or risk more than one would think.
// Each check names the keys that it rests on; it is skipped when one of them could not be read.

import { formatDuration } from "../base/duration.ts";
import type { PortRange } from "../wire/port-range.ts";
import { blocksAnything, blocksByFirewall, blocksByResponse, usesDecoy } from "./enforcement.ts";
import type { Key } from "./key.ts";
import { keys } from "./keys.ts";
import type { Entry } from "./lines.ts";
import { hasItem } from "./old-values.ts";
import { formatPorts, intersectPorts, subtractPorts } from "./ports.ts";
import type { ProblemLog } from "./problems.ts";
import { checkResponses, type ResponseContext } from "./response-checks.ts";
import { ringTrouble } from "./ring-trouble.ts";
import type { Settings, WatchSettings } from "./settings.ts";

type Entries = ReadonlyMap<string, Entry>;

interface Check {
  /** The first of these that stands in the file gives the line. */
  readonly rests: readonly Key<unknown>[];
  readonly severity: "error" | "warning";
  /** In an old file: true where PortSentry 1.2 starts all the same. */
  startsInOld?(settings: Settings, entries: Entries): boolean;
  /** The message, or undefined when nothing is wrong. */
  tell(settings: Settings): string | undefined;
}

const tcpWatch: readonly Key<unknown>[] = [keys.tcpMode, keys.tcpPorts, keys.advancedPortsTcp, keys.advancedExcludeTcp];
const udpWatch: readonly Key<unknown>[] = [keys.udpMode, keys.udpPorts, keys.advancedPortsUdp, keys.advancedExcludeUdp];

const checks: readonly Check[] = [
  {
    rests: [...tcpWatch, ...udpWatch],
    severity: "error",
    startsInOld: ({ tcp, udp }, entries) =>
      startsWithout(tcp, entries.get(keys.tcpPorts.name)) || startsWithout(udp, entries.get(keys.udpPorts.name)),
    tell: ({ tcp, udp }) =>
      tcp.watched.length === 0 && udp.watched.length === 0
        ? 'no port is watched at all; write TCP_MODE="" to watch every closed TCP port'
        : undefined,
  },
  { rests: tcpWatch, severity: "warning", tell: ({ tcp }) => tellUnwatched("TCP", tcp) },
  { rests: udpWatch, severity: "warning", tell: ({ udp }) => tellUnwatched("UDP", udp) },
  {
    rests: [...tcpWatch, keys.toleratedTcp],
    severity: "warning",
    tell: ({ tcp }) => tellAllTolerated("TCP", tcp),
  },
  {
    rests: [...udpWatch, keys.toleratedUdp],
    severity: "warning",
    tell: ({ udp }) => tellAllTolerated("UDP", udp),
  },
  {
    rests: [keys.policy, keys.scanTrigger, keys.toleratedTcp, ...tcpWatch],
    severity: "warning",
    tell: (settings) => tellHabits(settings, settings.tcp, keys.toleratedTcp),
  },
  {
    rests: [keys.policy, keys.scanTrigger, keys.toleratedUdp, ...udpWatch],
    severity: "warning",
    tell: (settings) => tellHabits(settings, settings.udp, keys.toleratedUdp),
  },
  {
    rests: [keys.proof, keys.blockTcp, keys.blockUdp, keys.firewall],
    severity: "warning",
    tell: (settings) =>
      settings.proof === "off" && blocksAnything(settings)
        ? 'PROOF is "off" and blocking is on: one forged packet in the name of a customer or a partner blocks them in full; ' +
          'write PROOF="on" to block unproven sources softly'
        : undefined,
  },
  {
    rests: [keys.firewall, keys.blockTcp, keys.blockUdp],
    severity: "warning",
    tell: (settings) =>
      (settings.tcp.block || settings.udp.block) && !blocksByFirewall(settings) && !blocksByResponse(settings)
        ? `${settings.capture === "ring" ? 'CAPTURE is "ring"' : 'FIREWALL is "none"'} and no KILL_ROUTE or KILL_HOSTS_DENY is set: nothing is blocked although BLOCK_TCP or BLOCK_UDP is "1"; ${settings.capture === "ring" ? 'set one of them, or write CAPTURE="auto"' : 'write FIREWALL="auto"'}`
        : undefined,
  },
  {
    rests: [keys.firewall, keys.capture],
    severity: "error",
    tell: ({ firewall, capture }) =>
      capture === "ring" && firewall === "nftables"
        ? 'FIREWALL is "nftables" and CAPTURE is "ring", which loads no table; write CAPTURE="auto", or FIREWALL="none"'
        : undefined,
  },
  {
    rests: [keys.firewall, keys.hostsDeny],
    severity: "warning",
    tell: (settings) => {
      const { generation, capture, firewall, responses } = settings;
      const isAlone = responses.hostsDeny !== undefined && responses.killRoute === undefined && firewall === "none";
      return generation === 2 && capture !== "ring" && isAlone && blocksAnything(settings)
        ? 'KILL_HOSTS_DENY alone shuts sources out of programs that read hosts.deny, which few do today; write FIREWALL="nftables" to have the built-in table block as well'
        : undefined;
    },
  },
  {
    rests: [keys.capture],
    severity: "warning",
    tell: ({ capture, switches }) =>
      capture === "ring" && switches.countsServed
        ? 'CAPTURE is "ring": -S has no effect, and a port that a program serves is no trap; write CAPTURE="auto"'
        : undefined,
  },
  {
    rests: [keys.capture, keys.proof],
    severity: "warning",
    tell: (settings) => (settings.capture === "ring" && blocksByResponse(settings) ? ringTrouble(settings) : undefined),
  },
  {
    rests: [keys.sequentialTheta0, keys.sequentialTheta1],
    severity: "error",
    tell: ({ tap }) =>
      tap.sequentialTheta1 >= tap.sequentialTheta0
        ? `SEQUENTIAL_CLIENT_SUCCESS (${tap.sequentialTheta0}) has to be greater than SEQUENTIAL_SCANNER_SUCCESS (${tap.sequentialTheta1})`
        : undefined,
  },
  {
    rests: [keys.sequentialClientGapMs, keys.sequentialScannerGapMs],
    severity: "error",
    tell: ({ tap }) =>
      tap.sequentialScannerGapMs >= tap.sequentialClientGapMs
        ? "SEQUENTIAL_CLIENT_GAP has to be longer than SEQUENTIAL_SCANNER_GAP"
        : undefined,
  },
  {
    rests: [keys.homes, keys.capture],
    severity: "error",
    tell: ({ tap, capture }) =>
      tap.homes.length > 0 && capture !== "ring"
        ? 'HOME_NETWORKS is for a mirror port, and CAPTURE is not "ring"; write CAPTURE="ring", or empty HOME_NETWORKS'
        : undefined,
  },
  {
    rests: [keys.protect, keys.capture],
    severity: "error",
    tell: ({ protect, capture }) =>
      protect.length > 0 && capture === "ring"
        ? 'PROTECT needs rules for what is forwarded, and CAPTURE is "ring", which loads none; write CAPTURE="auto", or empty PROTECT'
        : undefined,
  },
  {
    rests: [keys.answer],
    severity: "warning",
    tell: (settings) =>
      settings.answer === "open" && !usesDecoy(settings)
        ? 'ANSWER is "open" and closed TCP ports do not answer: ANSWER="open" needs BLOCK_TCP="1", FIREWALL other than "none", and TCP_MODE other than "tcp"'
        : undefined,
  },
];

/** Adds what the keys mean together to the log. */
export function checkSettings(settings: Settings, entries: Entries, context: ResponseContext): void {
  const { log, old } = context;
  for (const check of checks) {
    if (check.rests.some((key) => log.isBad(key.name))) continue;
    const message = check.tell(settings);
    if (message === undefined) continue;
    const entry = check.rests.map((key) => entries.get(key.name)).find((found) => found !== undefined);
    const severity = old && check.startsInOld?.(settings, entries) === true ? "warning" : check.severity;
    log.add({ severity, line: entry?.line ?? 0, key: entry?.key ?? check.rests[0]?.name, message });
  }
  checkResponses(settings, entries, context);
}

/** BLOCK_TIME as it counts: never above BLOCK_TIME_MAX. */
export function limitBlockTime(
  blockTimeMs: number,
  maxMs: number,
  entries: Entries,
  log: ProblemLog,
): number | undefined {
  if (blockTimeMs === 0) return undefined;
  if (blockTimeMs <= maxMs || log.isBad(keys.blockTimeMs.name) || log.isBad(keys.blockTimeMaxMs.name))
    return blockTimeMs;
  const line = entries.get(keys.blockTimeMs.name)?.line ?? entries.get(keys.blockTimeMaxMs.name)?.line ?? 0;
  const [asked, max] = [formatDuration(blockTimeMs), formatDuration(maxMs)];
  const message = `BLOCK_TIME is ${asked} and BLOCK_TIME_MAX ${max}: blocks last ${max}; raise BLOCK_TIME_MAX or lower BLOCK_TIME`;
  log.add({ severity: "warning", line, key: keys.blockTimeMs.name, message });
  return maxMs;
}

/** PortSentry 1.2 starts in the advanced modes whatever it is to watch, in the others with a list of anything. */
function startsWithout({ active, mode }: WatchSettings, ports: Entry | undefined): boolean {
  const isListed = mode === "listed" || mode === "listen";
  return active && (!isListed || (ports !== undefined && hasItem(ports.value)));
}

function tellUnwatched(protocol: "TCP" | "UDP", watch: WatchSettings): string | undefined {
  if (!watch.active || watch.watched.length > 0) return undefined;
  switch (watch.mode) {
    case "listed":
    case "listen":
      return `${protocol}_PORTS is empty: no ${protocol} port is watched; list ports, or write ${protocol}_MODE=""`;
    case "advanced":
    case "all":
      return `ADVANCED_EXCLUDE_${protocol} takes out every port: no ${protocol} port is watched; shorten it`;
  }
}

function tellAllTolerated(protocol: "TCP" | "UDP", watch: WatchSettings): string | undefined {
  if (watch.watched.length === 0 || subtractPorts(watch.watched, watch.tolerated).length > 0) return undefined;
  return `every watched ${protocol} port is in TOLERATED_PORTS_${protocol}: no ${protocol} scan can be noticed; shorten it`;
}

function tellHabits(settings: Settings, watch: WatchSettings, key: Key<readonly PortRange[]>): string | undefined {
  if (settings.policy !== "trigger" || watch.tolerated.length > 0) return undefined;
  const shipped = key.type.parse(key.shipped ?? "");
  const habits = "ok" in shipped ? intersectPorts(watch.watched, shipped.ok) : [];
  if (habits.length === 0) return undefined;
  const who = key === keys.toleratedTcp ? "a browser that tries 443" : "a traceroute or a device that looks for 5353";
  const when = settings.scanTrigger <= 1 ? "at the first packet" : `after ${settings.scanTrigger} packets`;
  return (
    `POLICY is "trigger" and ${key.name} is empty: ${who} counts as a scanner ${when}; ` +
    `write ${key.name}="${formatPorts(habits)}", or POLICY="score"`
  );
}

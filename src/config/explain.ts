// Settings in plain language, for `portreeve check`: what is watched, what happens to a scanner, what is exempt.

import { formatDuration } from "../base/duration.ts";
import { escapeText, escapeWord } from "../base/escape.ts";
import { logFormats } from "../base/log-format.ts";
import { plural } from "../base/plural.ts";
import { formatPrefix, type Prefix, parsePrefix, prefixContains } from "../wire/address.ts";
import type { PortRange } from "../wire/port-range.ts";
import { blocksAnything, blocksByFirewall, greylists, usesDecoy } from "./enforcement.ts";
import { explainOutgoing } from "./explain-outgoing.ts";
import { explainResponses } from "./explain-responses.ts";
import { ALL_PORTS, countPorts, formatPorts, intersectPorts } from "./ports.ts";
import type { Settings, WatchSettings } from "./settings.ts";

const MAX_LIST_CHARACTERS = 120;
const MAX_EXEMPT_SHOWN = 40;
const nobodys = ["127.0.0.0/8", "0.0.0.0", "::/127"].flatMap((text) => parsePrefix(text) ?? []);

export function explainSettings(settings: Settings): string[] {
  return [
    `Configuration: ${escapeText(settings.file, 4096)}`,
    ...explainWatched(settings),
    explainScan(settings),
    ...explainMany(settings),
    ...explainTolerated("TCP", settings.tcp, settings),
    ...explainTolerated("UDP", settings.udp, settings),
    ...explainPublic(settings),
    ...explainBlocking(settings),
    ...explainResponses(settings),
    ...explainOutgoing(settings),
    explainExempt(settings),
    explainRecords(settings),
    ...explainMore(settings),
  ];
}

function explainWatched(settings: Settings): string[] {
  const { homes, known } = settings.tap;
  const names =
    known.length === 0 ? [] : [`${plural(known.length, "scanner is", "scanners are")} known by name (KNOWN_SCANNERS).`];
  if (homes.length > 0) {
    const networks = homes.map(formatPrefix).join(", ");
    return [`A mirror port is watched for scans of ${networks}; this host's own ports are not watched.`, ...names];
  }
  return [
    explainWatch("TCP", settings.tcp),
    explainWatch("UDP", settings.udp),
    ...explainExceptions(settings),
    ...explainProtected(settings),
    ...names,
  ];
}

function explainWatch(protocol: "TCP" | "UDP", watch: WatchSettings): string {
  if (!watch.active) return `No ${protocol} port is watched, because the command line names no ${protocol} mode.`;
  const count = countPorts(watch.watched);
  const own = protocol === "UDP" ? " outside the range from which this host itself asks other hosts" : "";
  if (count === 0) return `No ${protocol} port is watched.`;
  if (watch.mode === "listen") {
    return `The daemon listens on ${plural(count, `${protocol} port`)} where no other program does: ${list(watch.watched)}.`;
  }
  if (count === countPorts(ALL_PORTS)) return `Every closed ${protocol} port${own} is watched.`;
  const ports = plural(count, `${protocol} port is`, `${protocol} ports are`);
  return `${ports} watched while closed${own}: ${list(watch.watched)}.`;
}

function explainExceptions({ latelyOpenMs, bootGraceMs }: Settings): string[] {
  const lines: string[] = [];
  if (latelyOpenMs > 0) {
    const [low, high] = [formatDuration(latelyOpenMs), formatDuration(latelyOpenMs * 24)];
    lines.push(`A port that was served within the last ${low} (above 1023: ${high}) is no trap where it was.`);
  }
  if (bootGraceMs > 0) lines.push(`No port is a trap in the first ${formatDuration(bootGraceMs)} after boot.`);
  return lines;
}

function explainProtected({ protect, capture }: Settings): string[] {
  if (protect.length === 0 || capture === "ring") return [];
  const networks = protect.map(formatPrefix).join(", ");
  return [
    `Ports of the hosts in ${networks}, behind this one, are watched as well: a contact that such a host refuses is a probe.`,
  ];
}

function explainScan(settings: Settings): string {
  switch (settings.policy) {
    case "score":
      return explainScore(settings);
    case "trigger":
      return settings.scanTrigger <= 1
        ? "The first probe of a closed port counts as a scan."
        : `${settings.scanTrigger} probes of closed ports from one source count as a scan, whichever ports they go to.`;
  }
}

function explainScore({ scorePorts, scoreWindowMs, slowScorePorts, slowScoreWindowMs }: Settings): string {
  const fast = `A source scans when it tries ${scorePorts} different closed ports (a port tried ${formatDuration(scoreWindowMs)} ago counts half)`;
  if (slowScoreWindowMs === 0) return `${fast}.`;
  return `${fast}, or ${slowScorePorts} within ${formatDuration(slowScoreWindowMs)}.`;
}

function explainMany({ neighbours, slowNeighbours, slowScoreWindowMs, scatteredSources }: Settings): string[] {
  const lines: string[] = [];
  if (neighbours > 0) {
    const isSlow = slowNeighbours > 0 && slowScoreWindowMs > 0;
    const slowly = isSlow
      ? ` ${slowNeighbours} of them within ${formatDuration(slowScoreWindowMs)} are reported as a scan, and not blocked.`
      : "";
    lines.push(
      `${neighbours} sources of one network (IPv4 /24, IPv6 /56 or /48; of a /40 three times as many /48s) that try closed ports within a minute or two are one scan, which gets at most a soft block.${slowly}`,
    );
  }
  if (scatteredSources > 0) {
    lines.push(
      `${scatteredSources} sources or more from anywhere that share out closed ports better than by chance are reported as one scan, and not blocked.`,
    );
  }
  return lines;
}

function explainTolerated(
  protocol: "TCP" | "UDP",
  watch: WatchSettings,
  { policy, scoreWindowMs, toleratedKinds }: Settings,
): string[] {
  const tolerated = intersectPorts(watch.watched, watch.tolerated);
  if (tolerated.length === 0) return [];
  const alone =
    policy === "score" && toleratedKinds > 0
      ? `a source that tries no other ports is not held, and gets at most a soft block for ${toleratedKinds} kinds of them within ${formatDuration(scoreWindowMs)}`
      : "a source that tries no other ports is neither held nor blocked";
  return [
    `These ${protocol} ports are tolerated, as ordinary programs try them by habit: ${list(tolerated)}; ${alone}.`,
  ];
}

function explainPublic({ tcp, udp, firewall }: Settings): string[] {
  const isCut = firewall !== "none" && (tcp.block || udp.block);
  const ports = [
    { protocol: "TCP", ranges: tcp.publicPorts },
    { protocol: "UDP", ranges: udp.publicPorts },
  ].filter(({ ranges }) => ranges.length > 0);
  if (!isCut || ports.length === 0) return [];
  const text = ports.map(({ protocol, ranges }) => `${protocol} ${list(ranges)}`).join("; ");
  return [`These ports are public: ${text}; while a program serves them, neither a hold nor a soft block cuts them.`];
}

function explainBlocking(settings: Settings): string[] {
  const { tcp, udp } = settings;
  if (!blocksAnything(settings)) {
    const runs = settings.responses.runCommand !== undefined && (tcp.runOnly || udp.runOnly);
    return [`A scanner is logged${runs ? "" : " only"}; nothing is held, dropped or blocked.`];
  }
  const who = tcp.block && udp.block ? "A scanner" : `A scanner of ${tcp.block ? "TCP" : "UDP"} ports`;
  const lines = [`${who} ${explainHow(settings)}.`];
  const other = tcp.block ? udp : tcp;
  if (!other.block && other.active) {
    lines.push(`A scanner of ${tcp.block ? "UDP" : "TCP"} ports is logged${other.runOnly ? "" : " only"}.`);
  }
  if (greylists(settings) && !usesDecoy(settings)) lines.push(explainGreylist(settings));
  if (usesDecoy(settings)) lines.push("Closed TCP ports answer like open ones, and nothing is behind the answer.");
  if (!blocksByFirewall(settings)) return [...lines, explainFullBlock(settings)];
  if (settings.proof === "on") {
    lines.push(
      `An unproven scanner opens no new connection for ${formatDuration(settings.softBlockTimeMs)}; ` +
        "its established connections go on, and so do the ports that it used before.",
    );
  }
  lines.push(explainFullBlock(settings));
  if (settings.proof === "on") lines.push(explainProofs(settings));
  return lines;
}

/** What it costs whom. */
function explainGreylist({ greylistEarliestMs, tcp }: Settings): string {
  const ports = tcp.publicPorts.length === 0 ? "every served TCP port" : "a served TCP port that is not public";
  return (
    `The first SYN of a source to ${ports} gets no answer; its repetition after ${formatDuration(greylistEarliestMs)} or more is served (GREYLIST). ` +
    "The first connection of a new customer takes a second longer; one that opens two such ports at once waits three seconds for the second, " +
    "one that opens more of them seven seconds for each. Known customers, the guard and exempt addresses wait for nothing."
  );
}

function explainHow(settings: Settings): string {
  const hold = settings.firewall === "none" ? "is not held, and is" : "is held at its first probe, and";
  if (!blocksByFirewall(settings)) return `${hold} blocked by the responses named below, not by the built-in firewall`;
  return `${hold} blocked in the kernel (nftables table "inet portreeve")`;
}

function explainFullBlock({ proof, blockTimeMs, blockTimeFactor, blockTimeMaxMs }: Settings): string {
  const who = proof === "on" ? "A proven scanner" : "Every scanner, proven or not,";
  if (blockTimeMs === undefined) return `${who} is shut out for ever.`;
  const first = `${who} is shut out for ${formatDuration(blockTimeMs)}`;
  if (blockTimeFactor === 1 || blockTimeMs >= blockTimeMaxMs) return `${first}, each time.`;
  return `${first}, each further time ${blockTimeFactor} times as long, at most ${formatDuration(blockTimeMaxMs)}.`;
}

function explainExempt({ ignored, ignoreFile }: Settings): string {
  if (ignored.length === 0) return "No source is exempt by configuration.";
  // What no other host can send from is in every shipped list: what an administrator has added comes before it.
  const isNobodys = (prefix: Prefix) => nobodys.some((one) => prefixContains(one, prefix));
  const sorted = [...ignored.filter((one) => !isNobodys(one)), ...ignored.filter(isNobodys)];
  const shown = sorted.slice(0, MAX_EXEMPT_SHOWN).map(formatPrefix).join(", ");
  const rest = ignored.length > MAX_EXEMPT_SHOWN ? ` and ${ignored.length - MAX_EXEMPT_SHOWN} more` : "";
  return `These addresses are exempt: ${shown}${rest} (${escapeText(ignoreFile ?? "", 4096)}).`;
}

function explainRecords({ historyFile, syslogIdent, logFormat }: Settings): string {
  const form = logFormats.find(({ name }) => name === logFormat)?.said;
  const history =
    historyFile === undefined ? "there is no history file" : `the history is in ${escapeText(historyFile, 4096)}`;
  return `Log lines are written ${form} as "${syslogIdent}"; ${history}.`;
}

function explainMore({ blockedFile, resolveHost, banner, tcp, udp, generation }: Settings): string[] {
  const lines: string[] = [];
  if (blockedFile !== undefined) {
    const suffix = generation === 1 ? ` (with .${tcp.modeName} and .${udp.modeName} at its end)` : "";
    lines.push(`The blocked sources are listed in ${escapeText(blockedFile, 4096)}${suffix} for other programs.`);
  }
  if (resolveHost) lines.push("Names of sources are looked up for the log, in the background; they prove nothing.");
  if (banner !== undefined) {
    const sent = [tcp, udp].some(({ active, mode }) => active && mode === "listen");
    const when = sent ? "is sent to each client that connects" : "is not sent, because no mode listens";
    lines.push(`PORT_BANNER "${escapeWord(banner)}" ${when}.`);
  }
  return lines;
}

function list(ranges: readonly PortRange[]): string {
  const text = formatPorts(ranges).replaceAll(",", ", ");
  if (text.length <= MAX_LIST_CHARACTERS) return text;
  return `${text.slice(0, text.lastIndexOf(",", MAX_LIST_CHARACTERS))} ...`;
}

function explainProofs(settings: Settings): string {
  const { answer, tcp } = settings;
  const proofs = [
    ...(answer === "reset" && tcp.block && tcp.mode !== "listen"
      ? ["repeats exactly the probes that were left unanswered (ANSWER)"]
      : []),
    ...(usesDecoy(settings) ? ["completes a connection to a closed port, which the decoy answers (ANSWER)"] : []),
    ...(tcp.mode === "listen" ? ["completes a connection to a port on which the daemon listens"] : []),
  ];
  if (proofs.length === 0) return "No scanner can be proven with these settings; only a block by hand is a full one.";
  return `A scanner counts as proven when it ${proofs.join(", or ")}.`;
}

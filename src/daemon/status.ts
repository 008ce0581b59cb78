// What `portreeve status` and the monitoring endpoints say of the daemon as it is now: figures, warnings, counters.
import { resolve } from "node:path";
import { isProgram } from "../base/programs.ts";
import { blocksAnything } from "../config/enforcement.ts";
import { countPorts } from "../config/ports.ts";
import { ringTrouble } from "../config/ring-trouble.ts";
import type { Settings } from "../config/settings.ts";
import type { Status, WatchedPorts } from "../control/api.ts";
import type { Finding } from "../detect/finding.ts";
import { describeMaker, makerOf } from "../enforce/backends.ts";
import type { Blocker } from "../enforce/blocker.ts";
import { missingCommands } from "../enforce/missing-commands.ts";
import { readConntrackUse } from "../host/host.ts";
import { describeFinding } from "../record/finding-text.ts";
import type { DaemonParts } from "./daemon-parts.ts";

/** From this share of its limit on, connection tracking is said to be full. */
const CONNTRACK_WARNING = 0.8;
/** The same for the block list. */
const LIST_WARNING = 0.8;

export interface StatusOf extends Omit<DaemonParts, "settings"> {
  readonly settings: Settings;
  readonly captureName: Status["capture"];
  /** Of the kernel's sets that are nearly full. */
  readonly setWarnings: readonly string[];
  readonly enforces: boolean;
  readonly startMs: number;
  readonly graceLeftMs: number;
  /** Of the rooms that the daemon owns, and of what else counts. */
  readonly counters: Readonly<Record<string, number>>;
  readonly probes: number;
  readonly sources: number;
  readonly blocker: Blocker;
  /** About many sources, of the last minutes. */
  readonly crowdFindings: readonly Finding[];
}

export function describeStatus(of: StatusOf): Status {
  const { blocker, capture, sensor, tap } = of;
  const blocked = blocker.list.size;
  const proven = blocker.list.provenCount;
  return {
    version: of.version,
    probes: tap?.probes ?? of.probes,
    sources: tap?.sources ?? of.sources,
    lost: capture.lost,
    held: sensor.hold?.count() ?? 0,
    blocked,
    proven,
    unproven: blocked - proven,
    uptimeSeconds: Math.floor((of.clock.nowMs() - of.startMs) / 1000),
    capture: of.captureName,
    firewall: of.settings.firewall === "none" ? "none" : (makerOf(of.settings) ?? "none"),
    blockedBy: describeMaker(of.settings),
    blocking: blocksAnything(of.settings),
    // Clients have other working folders.
    configuration: resolve(of.settings.file),
    watched: { tcp: watchedOf(of.settings, "tcp"), udp: watchedOf(of.settings, "udp") },
    warnings: warningsOf(of),
    counters: countersOf(of),
  };
}

/** On a mirror port this host's own ports are not watched. */
function watchedOf(settings: Settings, protocol: "tcp" | "udp"): WatchedPorts | null {
  const { active, modeName, watched } = settings[protocol];
  const isWatched = active && settings.tap.homes.length === 0;
  return isWatched ? { mode: modeName, ports: countPorts(watched) } : null;
}

function warningsOf({
  blocker,
  capture,
  captureName,
  crowdFindings,
  graceLeftMs,
  journal,
  settings,
  setWarnings,
  trial,
  troubles,
}: StatusOf): string[] {
  const warnings = [...troubles.current(), ...missingCommands(settings, isProgram), ...setWarnings];
  const ring = captureName === "ring" ? ringTrouble(settings) : undefined;
  if (ring !== undefined) warnings.push(ring);
  const { lost, trouble = "" } = capture;
  if (trouble !== "") warnings.push(trouble);
  if (journal.trouble !== "") warnings.push(journal.trouble);
  if (lost > 0)
    warnings.push(
      capture.name === "ring"
        ? `${lost} packets were lost before they could be judged (the packet ring was full)`
        : `${lost} packets were lost before they could be judged (nfnetlink_log overran); the kernel's hold worked on`,
    );
  const conntrack = readConntrackUse();
  if (conntrack !== undefined && conntrack.used >= CONNTRACK_WARNING * conntrack.limit) {
    warnings.push(
      `connection tracking is ${Math.round((100 * conntrack.used) / conntrack.limit)} % full (${conntrack.used} of ${conntrack.limit}): raise net.netfilter.nf_conntrack_max`,
    );
  }
  warnings.push(...crowdFindings.map(describeFinding));
  warnings.push(...(trial?.troubles() ?? []));
  if (blocker.claims.breaker.isOpen) {
    const { key, whatIsDone } = blocker.claims.floodText;
    warnings.push(`${key}: there is a flood of unproven sources; ${whatIsDone}`);
  }
  const { size, limit, refused } = blocker.list;
  if (size >= LIST_WARNING * limit) {
    const consequence = refused > 0 ? `${refused} blocks were refused` : "sources that do not fit are not blocked";
    warnings.push(
      `the block list is ${Math.floor((100 * size) / limit)} % full (${size} of ${limit}, as many as fit into this machine's memory): ${consequence}`,
    );
  }
  if (graceLeftMs > 0) warnings.push(`BOOT_GRACE: no port is a trap for another ${Math.ceil(graceLeftMs / 1000)} s`);
  return warnings;
}

function countersOf({ blocker, capture, counters, learned }: StatusOf) {
  return {
    ...counters,
    nflogMalformed: capture.malformed,
    blockLimit: blocker.list.limit,
    blocksRefused: blocker.list.refused,
    reasonsNotKept: blocker.list.reasonsNotKept,
    makersNotKept: blocker.list.makersNotKept,
    blockFailures: blocker.failures,
    blocksWithheld: blocker.claims.breaker.withheld,
    learnedRefused: learned?.refused ?? 0,
  };
}

// From settings and host to the plans of the rooms: the kernel's rule set, the judge's context, the scorer's policy.

import { clientPorts } from "../config/client-ports.ts";
import { blocksByFirewall, blocksByResponse, greylists } from "../config/enforcement.ts";
import { subtractPorts } from "../config/ports.ts";
import type { Settings, WatchSettings } from "../config/settings.ts";
import type { CrowdPolicy } from "../detect/crowds.ts";
import { guardParts } from "../host/guard.ts";
import type { Guarded, HostFacts } from "../host/host.ts";
import type { JudgeContext } from "../judge/judge.ts";
import type { RecorderPolicy } from "../record/recorder.ts";
import type { DecoyPlan } from "../table/decoy.ts";
import type { Learning } from "../table/learned-sets.ts";
import type { RulesetPlan } from "../table/ruleset-plan.ts";
import type { Prefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import type { PortRange } from "../wire/port-range.ts";

/** What the command line adds to the file. */
export interface Overrides {
  /** `--block`: as if BLOCK_TCP and BLOCK_UDP were "1". */
  readonly forceBlock: boolean;
}

export function applyOverrides(settings: Settings, overrides: Overrides): Settings {
  if (!overrides.forceBlock) return settings;
  const blocking = (watch: WatchSettings) => ({ ...watch, block: watch.active, runOnly: false });
  return { ...settings, tcp: blocking(settings.tcp), udp: blocking(settings.udp) };
}

/** This host's addresses, and those at which its links reach it too. */
export function ownBy({ own, broadcast }: HostFacts): Prefix[] {
  return [...own, ...broadcast];
}

/** The addresses that are never held or softly blocked. */
export function guardedBy(host: HostFacts): Prefix[] {
  return [...host.own, ...guardedOthers(host)];
}

/**
 * The same without our own addresses. SSH sessions are not among them: other users of their address would never be held
 * either.
 */
export function guardedOthers({ gateways, resolvers, guarded = [] }: HostFacts): Prefix[] {
  const others = guarded.filter(({ because, isByName }) => because !== "ssh" && isByName !== true);
  return [...gateways, ...resolvers, ...others.map(({ source }) => source)];
}

/** Sources of SSH sessions that stand now. */
export function sessionsOf({ guarded = [] }: Pick<HostFacts, "guarded">): Guarded[] {
  return guarded.filter(({ because }) => because === "ssh");
}

/** Networks of this host's containers and virtual machines. */
function insideOf({ guarded = [] }: HostFacts): Prefix[] {
  return guarded.filter(({ because }) => because === "container").map(({ source }) => source);
}

/** BOOT_GRACE counts from the boot, whenever it was set: a host that has been up for longer has none. */
export function graceLeftMs({ bootGraceMs }: Pick<Settings, "bootGraceMs">, uptimeMs: number): number {
  return Math.max(0, bootGraceMs - uptimeMs);
}

/** Ports on which our own listeners stand (connect mode). */
export interface Listened {
  readonly tcp: readonly PortRange[];
  readonly udp: readonly PortRange[];
}

/** What changes by itself while settings and host stay. */
export interface Now {
  readonly listened?: Listened;
  readonly decoy?: DecoyPlan | undefined;
  /** BOOT_GRACE is running. */
  readonly grace?: boolean;
}

export function planRuleset(
  settings: Settings,
  host: HostFacts,
  { listened = { tcp: [], udp: [] }, decoy, grace = false }: Now = {},
): RulesetPlan {
  const enforce = settings.firewall !== "none";
  return {
    enforce,
    holdTcp: enforce && settings.tcp.block,
    holdUdp: enforce && settings.udp.block,
    grace,
    watchedTcp: settings.tcp.watched,
    watchedUdp: subtractPorts(settings.udp.watched, clientPorts(host)),
    listenedTcp: listened.tcp,
    listenedUdp: listened.udp,
    toleratedTcp: settings.tcp.tolerated,
    toleratedUdp: settings.udp.tolerated,
    ignored: new AddressRanges(settings.ignored).prefixes(),
    guarded: new AddressRanges(guardedBy(host)).prefixes(),
    sessions: sessionsOf(host).map(({ source }) => source),
    publicTcp: settings.tcp.publicPorts,
    publicUdp: settings.udp.publicPorts,
    near: host.near,
    nearIpv4: host.nearIpv4 ?? [],
    own: new AddressRanges(host.own).prefixes(),
    inside: new AddressRanges(insideOf(host)).prefixes(),
    bridged: host.bridgedGuests ?? [],
    protected: settings.protect,
    settled: host.settled ?? [],
    ephemeral: host.ephemeral,
    reserved: host.reserved ?? [],
    greylist: greylists(settings) && decoy === undefined ? { earliestMs: settings.greylistEarliestMs } : undefined,
    outgoing: settings.outgoing === "off" ? undefined : { limits: settings.outgoing === "limit" },
    decoy,
    decoyMark: settings.decoyMark,
    interfaces: settings.interfaces,
    tellsIgnored: tellsSpared(settings),
    countsServed: settings.switches.countsServed,
    delegates: settings.responses.killRoute !== undefined && !blocksByFirewall(settings),
    latelyOpenSeconds: Math.max(1, Math.round(settings.latelyOpenMs / 1000)),
    guardSeconds: Math.max(1, Math.round(settings.guardMs / 1000)),
  };
}

/** What the scorers of many sources go by. */
export function crowdPolicy(settings: Settings): CrowdPolicy {
  return { ...settings, toleratedTcp: settings.tcp.tolerated, toleratedUdp: settings.udp.tolerated };
}

export function judgeContext(
  settings: Settings,
  host: HostFacts,
  known: Pick<JudgeContext, "isPeer" | "isClient" | "hasHandshakes"> = {},
): JudgeContext {
  return {
    ignored: new AddressRanges(settings.ignored),
    guarded: new AddressRanges(guardedOthers(host)),
    guardParts: guardParts(host),
    ...known,
    guardSsh: settings.guardSsh,
    own: new AddressRanges(ownBy(host)),
    countsLoopback: countsLoopback(settings),
    blockTcp: settings.tcp.block,
    blockUdp: settings.udp.block,
    runTcp: settings.tcp.runOnly,
    runUdp: settings.udp.runOnly,
    proof: settings.proof,
    firewall: blocksByFirewall(settings) || blocksByResponse(settings),
    softly: settings.firewall !== "none",
    byTable: blocksByFirewall(settings),
  };
}

/**
 * 2.x asks whether source and destination are one only of packets (without -L), and not of what its listeners accept. The
 * built-in table never blocks this host.
 */
function countsLoopback(settings: Settings): boolean {
  const { generation, switches, tcp, udp } = settings;
  const isAsked = switches.countsOwn || (generation === 2 && (tcp.mode === "listen" || udp.mode === "listen"));
  return isAsked && !(blocksByFirewall(settings) && (tcp.block || udp.block));
}

/** Whether the log tells of probes for which nothing is done: 2.x's -v and -d. */
export function tellsSpared({ switches }: Pick<Settings, "switches">): boolean {
  return switches.verbose || switches.debug;
}

/** What the sensor knows of a source, for the judge. A table that is gone knows nobody; that is said elsewhere (Reconciler). */
export function knownBy(learned: Pick<Learning, "isPeer" | "clients"> | undefined) {
  return {
    isPeer: (address: Prefix) => orFalse(() => learned?.isPeer(address) === true),
    isClient: (source: Prefix) => orFalse(() => learned?.clients?.isClient(source) === true),
  };
}

function orFalse(ask: () => boolean): boolean {
  try {
    return ask();
  } catch {
    return false;
  }
}

/** The silence test needs a hold to be silent in. */
export function testsSilence({ proof, answer, firewall, tcp }: Settings): boolean {
  return proof === "on" && answer === "reset" && firewall !== "none" && tcp.block;
}

export function recorderPolicy(settings: Settings): RecorderPolicy {
  const { proof, tcp, udp, firewall } = settings;
  const enforces = firewall !== "none";
  const canBlock = blocksByFirewall(settings) || blocksByResponse(settings);
  return {
    proof,
    holdsTcp: enforces && tcp.block,
    holdsUdp: enforces && udp.block,
    blocksTcp: (canBlock && tcp.block) || tcp.runOnly,
    blocksUdp: (canBlock && udp.block) || udp.runOnly,
    switches: settings.switches,
    ignoreFile: settings.ignoreFile,
    modeNames: { tcp: tcp.modeName, udp: udp.modeName },
  };
}

// What sees the probes and what blocks their sources: the kernel's sensor with the nftables table, or the packet ring
// and no table. Opened together, as the one needs the other.
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { NflogSource } from "../capture/nflog.ts";
import type { PacketSource } from "../capture/packet-source.ts";
import type { InterfaceChoice } from "../capture/ring/ring-interfaces.ts";
import type { Settings } from "../config/settings.ts";
import { statOf } from "../host/askers.ts";
import type { HostFacts } from "../host/host.ts";
import { nearRanges } from "../host/near.ts";
import { outwardLinks } from "../host/outward-links.ts";
import { thisHost } from "../host/ssh-sessions.ts";
import { Libnftables } from "../kernel/libnftables.ts";
import { NfTables } from "../kernel/nf-tables.ts";
import { NfTablesMonitor } from "../kernel/nf-tables-monitor.ts";
import { ownProcess } from "../kernel/own-process.ts";
import { SocketOwners } from "../kernel/socket-owner.ts";
import { seesWayBack } from "../table/features.ts";
import { Firewall } from "../table/firewall.ts";
import type { KernelSensor } from "../table/kernel-sensor.ts";
import { LearnedSets, type Learning } from "../table/learned-sets.ts";
import { BATCH_GROUP, COPY_BYTES, PROMPT_GROUP } from "../table/log-rules.ts";
import { NftSensor } from "../table/nft-sensor.ts";
import { OutgoingFrames } from "../table/outgoing-frames.ts";
import { OutgoingLimits } from "../table/outgoing-limits.ts";
import { RuleCounters } from "../table/rule-counters.ts";
import { TABLE } from "../table/ruleset-plan.ts";
import { SetUses } from "../table/set-uses.ts";
import type { OutgoingParts } from "./outgoing-watch.ts";
import { RingHost } from "./ring-host.ts";
import { TapHost } from "./tap-host.ts";

export interface Sensing {
  readonly sensor: KernelSensor;
  readonly capture: PacketSource;
  /** What it learns, and where that is kept over a restart. Absent on a mirror port, which shows no traffic of this host. */
  readonly learned?: { readonly sets: Learning; readonly path: string };
  /** What holds blocks in the kernel's table; absent, like the three that follow, where none is loaded. */
  readonly firewall?: Firewall;
  readonly setUses?: SetUses;
  readonly ruleCounters?: RuleCounters;
  readonly outgoing?: OutgoingParts;
  /** Tells who else touches the table. */
  readonly monitor?: NfTablesMonitor;
  /** Runs what makes very many changes of ours to the table, without hearing of each of them. */
  readonly unheard?: <T>(run: () => T) => T;
  /** A mirror port (HOME_NETWORKS); it is `capture` as well. */
  readonly tap?: TapHost;
}

export interface SensingOptions {
  readonly settings: Settings;
  readonly host: HostFacts;
  readonly clock: Clock;
  readonly say: (message: string) => void;
  readonly keep: <T extends { close(): void | Promise<void> }>(resource: T) => T;
}

/** Throws KernelError. */
export function openKernelSensor({ settings, host, clock, keep }: SensingOptions): Sensing {
  const nft = keep(new Libnftables());
  const tables = keep(new NfTables(TABLE));
  const sensor = new NftSensor(nft, tables, nearRanges(host), seesWayBack(nft));
  const monitor = keep(new NfTablesMonitor(TABLE, ownProcess()));
  return {
    sensor,
    firewall: new Firewall(nft, tables, () => sensor.near),
    setUses: new SetUses(tables),
    ruleCounters: new RuleCounters(tables),
    learned: { sets: new LearnedSets(tables, clock.nowMs), path: join(settings.stateDir, "learned") },
    outgoing: {
      owners: keep(new SocketOwners()),
      limits: new OutgoingLimits(tables),
      frames: new OutgoingFrames(nft),
      links: outwardLinks,
      host: { ...thisHost(), stat: statOf, nowMs: clock.nowMs },
    },
    capture: keep(new NflogSource({ promptGroup: PROMPT_GROUP, batchGroup: BATCH_GROUP, copyBytes: COPY_BYTES })),
    monitor,
    unheard: (run) => monitor.deafWhile(tables, run),
  };
}

/** Throws KernelError. */
export function openRing({ settings, host, clock, say, keep }: SensingOptions): Sensing {
  const { nowMs } = clock;
  const { guardMs, interfaces, stateDir } = settings;
  if (settings.tap.homes.length > 0) {
    const tap = keep(new TapHost({ settings, interfaces: choiceOf(interfaces), clock, say }));
    return { sensor: tap, capture: tap, tap };
  }
  const ring = keep(new RingHost({ interfaces: choiceOf(interfaces), ephemeral: host.ephemeral, guardMs, nowMs, say }));
  // Another file: it knows no known pairs, and would forget those that the kernel's sensor has learned.
  const learned = { sets: ring.learned, path: join(stateDir, "learned-ring") };
  return { sensor: ring, capture: ring, learned };
}

/** INTERFACE */
export function choiceOf(interfaces: readonly string[]): InterfaceChoice {
  if (interfaces.includes("ALL")) return "all";
  return interfaces.length === 0 || interfaces.includes("ALL_NLO") ? "all-but-loopback" : { names: interfaces };
}

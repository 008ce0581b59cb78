// What sees the probes and what blocks their sources: the kernel's sensor with the nftables table, or the packet ring
// and no table. Opened together, as the one needs the other.
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { NflogSource } from "../capture/nflog.ts";
import type { PacketSource } from "../capture/packet-source.ts";
import type { InterfaceChoice } from "../capture/ring-interfaces.ts";
import type { Settings } from "../config/settings.ts";
import type { HostFacts } from "../host/host.ts";
import { Libnftables } from "../kernel/libnftables.ts";
import { NfTables } from "../kernel/nf-tables.ts";
import { NfTablesMonitor } from "../kernel/nf-tables-monitor.ts";
import { RingHost } from "../sense/ring-host.ts";
import { TapHost } from "../sense/tap-host.ts";
import { Firewall } from "../table/firewall.ts";
import { type LearnedLike, LearnedSets } from "../table/learned-sets.ts";
import { type FirewallLike, NoFirewall } from "../table/no-firewall.ts";
import { BATCH_GROUP, COPY_BYTES, PROMPT_GROUP, TABLE } from "../table/ruleset.ts";
import { nearRanges } from "./plan.ts";

export interface Sensing {
  readonly firewall: FirewallLike;
  readonly capture: PacketSource;
  readonly learned: LearnedLike;
  /** Where it is kept over a restart. */
  readonly learnedFile: string;
  /** Tells who else touches the table; absent where there is none. */
  readonly monitor: NfTablesMonitor | undefined;
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
  return {
    firewall: new Firewall(nft, tables, nearRanges(host)),
    learned: new LearnedSets(tables, clock.nowMs),
    learnedFile: join(settings.stateDir, "learned"),
    capture: keep(new NflogSource({ promptGroup: PROMPT_GROUP, batchGroup: BATCH_GROUP, copyBytes: COPY_BYTES })),
    monitor: keep(new NfTablesMonitor(TABLE, process.pid)),
  };
}

/** Throws KernelError. */
export function openRing({ settings, host, clock, say, keep }: SensingOptions): Sensing {
  const { nowMs } = clock;
  const { guardMs, interfaces, stateDir } = settings;
  if (settings.tap.homes.length > 0) {
    const tap = keep(new TapHost({ settings, interfaces: choiceOf(interfaces), clock, say }));
    // Nothing is learned, and what others have saved stays as it is.
    const learnedFile = join(stateDir, "learned-tap");
    return { firewall: new NoFirewall(tap), capture: tap, learned: tap, learnedFile, monitor: undefined, tap };
  }
  const ring = keep(new RingHost({ interfaces: choiceOf(interfaces), ephemeral: host.ephemeral, guardMs, nowMs, say }));
  // Another file: it knows no known pairs, and would forget those that the kernel's sensor has learned.
  const learnedFile = join(stateDir, "learned-ring");
  return { firewall: new NoFirewall(ring), capture: ring, learned: ring, learnedFile, monitor: undefined };
}

/** INTERFACE */
export function choiceOf(interfaces: readonly string[]): InterfaceChoice {
  if (interfaces.includes("ALL")) return "all";
  return interfaces.length === 0 || interfaces.includes("ALL_NLO") ? "all-but-loopback" : { names: interfaces };
}

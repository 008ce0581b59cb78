// What the daemon is assembled from: start.ts makes the parts, tests give fakes.
import type { Clock } from "../base/clock.ts";
import type { Counted } from "../base/counted.ts";
import type { Troubles } from "../base/troubles.ts";
import type { PacketSource } from "../capture/packet-source.ts";
import type { Settings } from "../config/settings.ts";
import type { Responder } from "../enforce/commands/responder.ts";
import type { Trial } from "../enforce/trial.ts";
import type { HostFacts } from "../host/host.ts";
import type { Prover } from "../judge/proof/prover.ts";
import type { HistoryFile } from "../record/history.ts";
import type { Journal } from "../record/journal.ts";
import type { Store } from "../record/store.ts";
import type { Decoy } from "../sense/decoy.ts";
import type { OutgoingParts } from "../sense/outgoing-watch.ts";
import type { TapHost } from "../sense/tap-host.ts";
import type { Firewall } from "../table/firewall.ts";
import type { KernelSensor } from "../table/kernel-sensor.ts";
import type { Learning } from "../table/learned-sets.ts";
import type { SetUses } from "../table/set-uses.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";

export interface DaemonParts {
  readonly version: string;
  readonly settings: Settings;
  readonly host: HostFacts;
  readonly sensor: KernelSensor;
  /** The built-in table, and how full its sets are; absent where none is loaded (the packet ring, a mirror port). */
  readonly firewall?: Firewall | undefined;
  readonly setUses?: SetUses | undefined;
  readonly capture: PacketSource;
  readonly store: Store;
  readonly journal: Journal;
  readonly history: HistoryFile | undefined;
  readonly troubles: Troubles;
  /** Absent where raw sockets are not to be had: then nobody is proven by silence. */
  readonly prover: Prover | undefined;
  readonly responder: Responder;
  /** What the sensor learns: known pairs, lately open ports, peers. Absent on a mirror port. */
  readonly learned?: Learning | undefined;
  /** Puts back what was saved of it, into a table that has been made anew. */
  readonly relearn?: (own: AddressRanges) => void;
  /** A mirror port, in place of this host's own traffic. */
  readonly tap?: TapHost | undefined;
  /** ANSWER="open". */
  readonly decoy?: Decoy | undefined;
  /** OUTGOING. Absent where the kernel's table does not tell of what is sent (the packet ring, a mirror port). */
  readonly outgoing?: OutgoingParts | undefined;
  /** `run --trial`. */
  readonly trial?: Trial | undefined;
  /** RESOLVE_HOST. */
  readonly names?: ({ lookup(address: string): Promise<string> } & Counted) | undefined;
  /** Parts that count and with which the daemon has nothing else to do. */
  readonly counted: {
    readonly guard: Counted;
    readonly runners: readonly Counted[];
    /** Absent with the packet ring. */
    readonly monitor: Counted | undefined;
    readonly blockedFiles: readonly Counted[];
  };
  readonly hashSeed: { readonly k0: number; readonly k1: number };
  readonly clock: Clock;
  /** How long the host has been up (BOOT_GRACE), read at each call. */
  readonly uptimeMs: () => number;
}

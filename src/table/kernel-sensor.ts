// What sees the probes and tells of them: the rules of the kernel's table, the packet ring, or a mirror port. Each has what
// follows here and no more: a part that a sensor cannot have is absent.

import type { Block } from "../judge/block.ts";
import type { Prefix } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { Arrival } from "../wire/arrival.ts";
import type { PortRange } from "../wire/port-range.ts";
import type { RulesetPlan } from "./ruleset-plan.ts";

export interface KernelSensor {
  /**
   * Takes everything in the plan into force, rules too. True: a table in another form had to be replaced, and what it had
   * learned and blocked is gone. Throws KernelError.
   */
  load(plan: RulesetPlan, near: AddressRanges): boolean;
  /** Takes what follows the host and the lists into force: guard, allow list, ports, links. Throws KernelError. */
  follow(plan: RulesetPlan, near: AddressRanges): void;
  /** What the sensor leaves behind when the daemon stops. Absent: nothing. Throws KernelError. */
  rest?(plan: RulesetPlan): void;
  /** Absent on a mirror port, where ports are those of other hosts. */
  readonly served?: ServedPorts;
  /** Absent on a mirror port, where a blocked source is seen as before. */
  readonly delegation?: Delegation;
  /** Absent where every packet is answered until its source is blocked. */
  readonly hold?: Hold;
  /** Absent where no other program can change what the sensor goes by. */
  readonly drift?: TableDrift;
  /** Whether the decoy took the SYN of this connection at a closed port. Absent where no decoy can stand. */
  wasBaited?(arrival: Arrival): boolean;
}

/** A port that has a listener. */
export interface Served {
  readonly protocol: number;
  readonly port: number;
  /** The address of this host that it is bound to. Absent: it counts at every one. */
  readonly address?: Prefix | undefined;
}

/** Remembers which ports had a listener lately, so that none is a trap while its service restarts. */
export interface ServedPorts {
  /** The errno's name, or "". */
  remember(ports: readonly Served[], latelyOpenMs: number, ephemeral: PortRange): string;
}

/** Sources that a command of the administrator's own shuts out: the sensor lets their packets through to its rule. */
export interface Delegation {
  /** The errno's name, or "". */
  delegate(block: Block, nowMs: number): string;
  undelegate(source: Prefix): void;
  /** What came through of a source is no proof any more: its block has ended. Absent where nobody looks for such proofs. */
  forgetThrough?(source: Prefix): void;
}

/** Sources whose packets stay unanswered while they are judged. Sources are keys of detect/. */
export interface Hold {
  isHeld(source: Prefix): boolean;
  /** Lets a source go before its hold ends by itself. */
  release(source: Prefix): void;
  /** The networks around a source that are held as a whole, the narrowest first. */
  networksOf(source: Prefix): readonly Prefix[];
  /**
   * Lets go the networks around a source; with `isOnLink` instead every link-layer address, for it is not known which one is
   * the source's. More new sources of them are held again.
   */
  releaseNetworks(source: Prefix, isOnLink: boolean): void;
  /** Sources in the hold now. */
  count(): number;
}

/** What another program may do to the table, and how that is mended. */
export interface TableDrift {
  /** Changes with each transaction of anybody. */
  generation(): number;
  /** True when the table, its chains or rules came, went or were changed since it was loaded. */
  hasDrifted(): boolean;
  /**
   * Sets filled from the plan (ports, allow list, guard) that do not hold what they were given: those in `among`, or,
   * without it, the small ones, which cost 30 us each.
   */
  driftedSets(among?: readonly string[]): string[];
  /** Fills the sets from the plan again; rules and blocks are not touched. Throws KernelError. */
  refill(plan: RulesetPlan): void;
}

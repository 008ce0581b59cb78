// The kernel's rules as the sensor: they see each packet before anybody answers it, hold its source, and tell of it.

import type { Libnftables } from "../kernel/libnftables.ts";
import type { NfTables } from "../kernel/nf-tables.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { Arrival } from "../wire/arrival.ts";
import { DelegatedSets } from "./delegated-sets.ts";
import { HoldSets } from "./hold-sets.ts";
import type { KernelSensor } from "./kernel-sensor.ts";
import { LatelySet } from "./lately-set.ts";
import { LoadedTable } from "./loaded-table.ts";
import type { RulesetPlan } from "./ruleset-plan.ts";
import { luredKey } from "./set-key.ts";

/** What is asked of the kernel. */
type Tables = Pick<
  NfTables,
  "fingerprint" | "digest" | "empty" | "generation" | "lookup" | "replace" | "remove" | "countElements"
>;

export class NftSensor implements KernelSensor {
  readonly #tables: Tables;
  #near: AddressRanges;
  readonly drift: LoadedTable;
  readonly hold: HoldSets;
  readonly delegation: DelegatedSets;
  readonly served: LatelySet;

  constructor(nft: Pick<Libnftables, "run">, tables: Tables, near: AddressRanges, seesWayBack = false) {
    this.#tables = tables;
    this.#near = near;
    this.drift = new LoadedTable(nft, tables, seesWayBack);
    this.hold = new HoldSets(tables);
    this.delegation = new DelegatedSets(tables);
    this.served = new LatelySet(tables);
  }

  /** Links of this host, as the rules have them now: IPv6 sources there are single addresses. */
  get near(): AddressRanges {
    return this.#near;
  }

  load(plan: RulesetPlan, near: AddressRanges): boolean {
    this.#near = near;
    return this.drift.load(plan);
  }

  follow(plan: RulesetPlan, near: AddressRanges): void {
    this.#near = near;
    this.drift.updateHostSets(plan);
  }

  rest(plan: RulesetPlan): void {
    this.drift.rest(plan);
  }

  /** Whether the decoy took the SYN of this connection at a closed port, and not at a real or tolerated one. */
  wasBaited(arrival: Arrival): boolean {
    const { set, key } = luredKey(arrival);
    return this.#tables.lookup(set, key).present;
  }
}

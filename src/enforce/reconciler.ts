// Keeps what is listed true: notices when another program touches our table, loads it again or fills its sets, and has the
// blocks looked up (block-audit.ts) and settled (drift-settler.ts). (design section 8)

import type { Block } from "../judge/block.ts";
import type { ForeignChange } from "../kernel/nf-tables-monitor.ts";
import type { Recorder } from "../record/recorder.ts";
import { BLOCKS_PER_CALL, type Firewall, type Outcome } from "../table/firewall.ts";
import type { KernelSensor, TableDrift } from "../table/kernel-sensor.ts";
import { blockSets } from "../table/kernel-sets.ts";
import type { RulesetPlan } from "../table/ruleset-plan.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import { BlockAudit, type BlockAuditParts, blocksOf } from "./block-audit.ts";
import { DriftSettler, type DriftSettlerParts } from "./drift-settler.ts";
import { slices } from "./slices.ts";

export interface ReconcilerParts extends Pick<BlockAuditParts, "later" | "nowMs"> {
  readonly firewall: DriftSettlerParts["firewall"] & Pick<Firewall, "isPresent" | "stands" | "areNetworksAsWanted">;
  readonly drift: TableDrift;
  readonly sensor: Pick<KernelSensor, "load" | "delegation">;
  readonly blocker: DriftSettlerParts["blocker"];
  readonly recorder: Pick<Recorder, "drift" | "warning" | "blockFailed">;
  readonly plan: () => { readonly ruleset: RulesetPlan; readonly near: AddressRanges };
  /** The table has been loaded again, and may have lost what its rules had learned. */
  readonly rebuilt?: () => void;
}

export class Reconciler {
  readonly #parts: ReconcilerParts;
  #generation = 0;
  /** How often the table had to be repaired. */
  repairs = 0;
  readonly #audit: BlockAudit;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
    const { firewall, drift, blocker, recorder, nowMs, later } = parts;
    const drop = (block: Block, failure: string) => this.#drop(block, failure);
    const repaired = () => {
      this.repairs++;
    };
    const settler = new DriftSettler({ firewall, drift, blocker, recorder, drop, repaired, nowMs });
    const settle: BlockAuditParts["settle"] = (found, program) => settler.settle(found, program);
    this.#audit = new BlockAudit({ firewall, list: blocker.list, recorder, nowMs, later, settle });
  }

  /** Another program committed something that touched our table. */
  onForeignChange(change: ForeignChange): void {
    if (change.structural && this.#parts.drift.hasDrifted()) {
      this.repair(change.program);
      return;
    }
    this.#refill(change.program, change.sets);
    // Structural without drift: an overrun, or a transaction that touched elements too.
    if (change.structural || change.sets === undefined || change.sets.some((set) => blockSets.includes(set))) {
      this.#audit.run(change.program);
    }
  }

  /** Once a second: the backstop behind the notifications. Costs one netlink round trip when nothing happened. */
  tick(): void {
    const { drift } = this.#parts;
    const generation = drift.generation();
    if (generation === this.#generation) return;
    if (drift.hasDrifted()) this.repair("");
    else this.#refill("");
    this.#generation = drift.generation();
  }

  /** Loads the table again with every block. */
  repair(program: string): void {
    const { sensor, recorder, plan } = this.#parts;
    const { ruleset, near } = plan();
    sensor.load(ruleset, near);
    const restored = this.restoreAll();
    this.#parts.rebuilt?.();
    this.repairs++;
    const who = program === "" ? "another program" : `another program (${program})`;
    recorder.drift(`${who} changed table inet portreeve, which is loaded again with ${restored} blocks`);
  }

  /** Ports, allow list and guard: what another program took from them is put back. */
  #refill(program: string, among?: readonly string[]): void {
    const { drift, recorder, plan } = this.#parts;
    const sets = drift.driftedSets(among);
    if (sets.length === 0) return;
    drift.refill(plan().ruleset);
    this.repairs++;
    const who = program === "" ? "another program" : `another program (${program})`;
    recorder.drift(`${who} changed ${sets.join(", ")} of table inet portreeve, which are filled again`);
  }

  /** Puts every block into a table that has lost them; returns how many the kernel holds now. */
  restoreAll(): number {
    const { firewall, sensor, drift, blocker, nowMs } = this.#parts;
    for (const block of blocker.list.delegated()) sensor.delegation?.delegate(block, nowMs());
    const failed: Outcome[] = [];
    let count = 0;
    for (const slice of slices(blocksOf(blocker.list), BLOCKS_PER_CALL)) {
      failed.push(...firewall.enforce(slice, nowMs()).filter(({ failure }) => failure !== ""));
      count += slice.length;
    }
    this.#generation = drift.generation();
    for (const { block, failure } of failed) this.#drop(block, failure);
    return count - failed.length;
  }

  /** Makes blocks true again that are listed and were taken out of their sets. */
  restore(blocks: readonly Block[]): void {
    const { firewall, nowMs } = this.#parts;
    for (const { block, failure } of firewall.enforce(blocks, nowMs())) if (failure !== "") this.#drop(block, failure);
  }

  /** What cannot be enforced is not listed. */
  #drop(block: Block, failure: string): void {
    this.#parts.blocker.lift([block], "removed elsewhere");
    this.#parts.recorder.blockFailed(block.source, failure);
  }
}

// Keeps what is listed true: notices when another program touches our table, repairs it, and accepts a single element
// that an administrator deleted by hand as an unblock. (design section 8)

import type { Block } from "../judge/block.ts";
import type { ForeignChange } from "../kernel/nf-tables-monitor.ts";
import type { Recorder } from "../record/recorder.ts";
import { blocksPerCall, type Firewall, type Outcome } from "../table/firewall.ts";
import type { Held } from "../table/held-elements.ts";
import type { KernelSensor, TableDrift } from "../table/kernel-sensor.ts";
import { isBlockSet, type RulesetPlan } from "../table/ruleset.ts";
import { formatPrefix, type Prefix, prefixContains } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { Blocker } from "./blocker.ts";
import { slices } from "./slices.ts";

/** Deletions noticed together that still count as an administrator's own hand. */
const BY_HAND_LIMIT = 1;
/** Among so many blocks what another program added is found by reading the sets whole (some 5 us each). */
const READ_WHOLE = 10_000;
/** Look-ups in one go (12 us each) before the event loop gets its turn. */
const LOOKUPS_PER_TURN = 1_000;

export interface ReconcilerParts {
  readonly firewall: Pick<
    Firewall,
    "enforce" | "isPresent" | "holds" | "isNetwork" | "auditNetworks" | "rewriteNetworks"
  > & { readonly held: Pick<Firewall["held"], "read"> };
  readonly drift: TableDrift;
  readonly sensor: Pick<KernelSensor, "load" | "delegation">;
  readonly blocker: Pick<Blocker, "list" | "lift" | "delegated" | "adopt">;
  readonly recorder: Pick<Recorder, "drift" | "warning" | "blockFailed">;
  readonly plan: () => { readonly ruleset: RulesetPlan; readonly near: AddressRanges };
  /** The table has been loaded again, and may have lost what its rules had learned. */
  readonly rebuilt?: () => void;
  readonly nowMs: () => number;
  /** Runs the next slice of an audit when the event loop has had its turn. */
  readonly later: (task: () => void) => void;
}

export class Reconciler {
  readonly #parts: ReconcilerParts;
  #generation = 0;
  #auditing = false;
  /** A change that came during an audit, and may be of a block that this had looked up already. */
  #again: { readonly program: string } | undefined;
  /** How often the table had to be repaired. */
  repairs = 0;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
  }

  /** Another program committed something that touched our table. */
  onForeignChange(change: ForeignChange): void {
    if (change.structural && this.#parts.drift.hasDrifted()) {
      this.repair(change.program);
      return;
    }
    this.#refill(change.program, change.sets);
    // Structural without drift: an overrun, or a transaction that touched elements too.
    if (change.structural || change.sets === undefined || change.sets.some(isBlockSet)) {
      this.#audit(change.program);
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
    for (const block of blocker.delegated()) sensor.delegation?.delegate(block, nowMs());
    const failed: Outcome[] = [];
    let count = 0;
    for (const slice of slices(this.#ours(), blocksPerCall(blocker.list.size, blocker.list.limit))) {
      failed.push(...firewall.enforce(slice, nowMs()).filter(({ failure }) => failure !== ""));
      count += slice.length;
    }
    this.#generation = drift.generation();
    for (const { block, failure } of failed) this.#drop(block, failure);
    return count - failed.length;
  }

  /** Looks every block up in the kernel, in slices, after somebody changed elements of our sets. */
  #audit(program: string): void {
    if (this.#auditing) {
      this.#again = { program };
      return;
    }
    this.#auditing = true;
    const { firewall } = this.#parts;
    const parts = slices(this.#ours(), LOOKUPS_PER_TURN);
    const found: Found = { missing: [], untimely: [] };
    const slice = () => {
      try {
        const part = parts.next();
        const blocks = part.done === true ? [] : part.value;
        for (const block of blocks) if (!firewall.isNetwork(block)) this.#lookUp(block, found);
        if (blocks.length === LOOKUPS_PER_TURN) this.#parts.later(slice);
        else this.#endAudit(found, program);
      } catch (error) {
        // Nobody else would catch what a later slice throws.
        this.#auditing = false;
        const detail = error instanceof Error ? error.message : String(error);
        this.#parts.recorder.warning(`cannot look the blocks up in the kernel: ${detail}`);
      }
    };
    slice();
  }

  /** The blocks that our table holds, one by one: they may be a million. */
  *#ours(): Generator<Block> {
    for (const block of this.#parts.blocker.list.values()) if (block.backend === "nftables") yield block;
  }

  #lookUp(block: Block, found: Found): void {
    const { firewall, blocker, nowMs } = this.#parts;
    // About to end, or changed since the audit began: not the other program's doing.
    if (!blocker.list.has(block)) return;
    if (block.untilMs !== undefined && block.untilMs <= nowMs() + 1_000) return;
    if (firewall.holds(block, nowMs())) return;
    // Since Linux 6.12 to add what is there gives it another end.
    (firewall.isPresent(block) ? found.untimely : found.missing).push(block);
  }

  #endAudit(found: Found, program: string): void {
    this.#auditing = false;
    this.#settle(found, program === "" ? "another program" : program);
    const again = this.#again;
    this.#again = undefined;
    if (again !== undefined) this.#audit(again.program);
  }

  #settle(singles: Found, who: string): void {
    const { firewall, drift, nowMs } = this.#parts;
    if (drift.hasDrifted()) return;
    const { gone, torn, foreign, untimely } = firewall.auditNetworks(nowMs());
    // Of a network that is there in part nobody has said that it is to go.
    const isWhole = torn.length === 0;
    const missing = isWhole ? [...singles.missing, ...this.#listedOf(gone)] : singles.missing;
    if (missing.length > 0) this.#settleMissing(missing, who);
    if (singles.untimely.length > 0) this.#settleUntimely(singles.untimely, who);
    if (!isWhole || untimely) this.#settleTorn([...gone, ...torn], who);
    this.#settleAdded(foreign, who);
  }

  #listedOf(networks: readonly Prefix[]): Block[] {
    return networks.map((source) => this.#parts.blocker.list.get(source)).filter((block) => block !== undefined);
  }

  /** What lies in a network that is missing as well went with it. */
  #settleMissing(missing: readonly Block[], who: string): void {
    const { firewall, blocker, recorder, nowMs } = this.#parts;
    const networks = missing.filter((block) => firewall.isNetwork(block));
    const isInner = (one: Block) => networks.some((other) => other !== one && prefixContains(other.source, one.source));
    let outermost = 0;
    for (const block of missing) if (outermost <= BY_HAND_LIMIT && !isInner(block)) outermost++;
    if (outermost <= BY_HAND_LIMIT) {
      for (const { source } of missing) {
        recorder.drift(`${formatPrefix(source)} was removed from the kernel by ${who}, which is taken as an unblock`);
      }
      blocker.lift(missing, "removed elsewhere");
      return;
    }
    const failed = firewall.enforce(missing, nowMs()).filter(({ failure }) => failure !== "");
    this.repairs++;
    recorder.drift(
      `${who} removed ${missing.length} blocks from the kernel: ${missing.length - failed.length} restored`,
    );
    for (const { block, failure } of failed) this.#drop(block, failure);
  }

  #settleUntimely(blocks: readonly Block[], who: string): void {
    const { firewall, recorder, nowMs } = this.#parts;
    const failed = firewall.enforce(blocks, nowMs()).filter(({ failure }) => failure !== "");
    this.repairs++;
    recorder.drift(
      `${who} gave ${named(blocks.map(({ source }) => source))} another end in the kernel: the end in the list is put back`,
    );
    for (const { block, failure } of failed) this.#drop(block, failure);
  }

  /** Parts of networks are gone, or end at another time. */
  #settleTorn(sources: readonly Prefix[], who: string): void {
    const { firewall, recorder, nowMs } = this.#parts;
    const blocks = this.#listedOf(sources);
    const failed = firewall.enforce(blocks, nowMs()).filter(({ failure }) => failure !== "");
    const failure = blocks.length === 0 ? firewall.rewriteNetworks(nowMs()) : "";
    this.repairs++;
    recorder.drift(
      failure === ""
        ? `${who} changed parts of blocked networks in the kernel: they are put back`
        : `${who} changed parts of blocked networks in the kernel, and they cannot be put back: ${failure}`,
    );
    for (const { block, failure: reason } of failed) this.#drop(block, reason);
  }

  /** Who adds to our sets by hand means a block: it is listed, so that it can be seen and lifted. */
  #settleAdded(networks: readonly Pick<Block, "source" | "untilMs">[], who: string): void {
    const { firewall, blocker, recorder } = this.#parts;
    const isListed = ({ source, soft }: Held) => source !== undefined && blocker.list.get(source)?.soft === soft;
    const added = blocker.list.size <= READ_WHOLE ? firewall.held.read().filter((held) => !isListed(held)) : [];
    if (networks.length === 0 && added.length === 0) return;
    const { adopted, removed } = blocker.adopt(added, networks, `added to the kernel's set by ${who}`);
    if (adopted.length > 0)
      recorder.drift(`${who} added ${named(adopted)} to the blocks in the kernel: they are listed now`);
    if (removed.length > 0) {
      this.repairs++;
      recorder.drift(
        `${who} added ${named(removed)} to the blocks in the kernel: they are taken out, as they cannot be listed`,
      );
    }
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

/** What an audit finds of blocks that are elements of their own. */
interface Found {
  readonly missing: Block[];
  readonly untimely: Block[];
}

/** The first of them by name. */
function named(sources: readonly Prefix[]): string {
  const [first] = sources;
  if (first === undefined) return "nothing";
  return sources.length === 1 ? formatPrefix(first) : `${formatPrefix(first)} and ${sources.length - 1} more`;
}

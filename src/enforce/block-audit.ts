// Looks the blocks up in the kernel after another program has changed elements of our sets: in slices, so that a million of
// them stalls nothing, and once more when a further change came meanwhile.

import { messageOf } from "../base/errors.ts";
import { type Block, isInTable } from "../judge/block.ts";
import type { Recorder } from "../record/recorder.ts";
import type { Firewall } from "../table/firewall.ts";
import type { BlockList } from "./block-list.ts";
import { slices } from "./slices.ts";

/** Look-ups in one go (12 us each) before the event loop gets its turn. */
const LOOKUPS_PER_TURN = 1_000;
/** A block that ends so soon may be gone already, and nobody has taken it out. */
const ENDING_MS = 1_000;

export interface BlockAuditParts {
  readonly firewall: Pick<Firewall, "isPresent" | "stands" | "isNetwork" | "areNetworksAsWanted">;
  readonly list: Pick<BlockList, "has" | "values">;
  readonly recorder: Pick<Recorder, "warning">;
  readonly nowMs: () => number;
  /** Runs the next slice of an audit when the event loop has had its turn. */
  readonly later: (task: () => void) => void;
  /** Settles what an audit has found; `program`: the program that made the change, "" where that is not known. */
  readonly settle: (found: Found, program: string) => void;
}

/** What an audit finds of blocks that are elements of their own. */
export interface Found {
  /** Whether the networks have been looked at, and are as they should. */
  readonly areNetworksRight: boolean;
  readonly missing: Block[];
  /** There, and until another time. */
  readonly untimely: Block[];
}

export class BlockAudit {
  readonly #parts: BlockAuditParts;
  #isRunning = false;
  /** A change that came during an audit, and may be of a block that this had looked up already. */
  #again: { readonly program: string } | undefined;

  constructor(parts: BlockAuditParts) {
    this.#parts = parts;
  }

  /** Looks every block up in the kernel, in slices, after somebody changed elements of our sets. */
  run(program: string): void {
    if (this.#isRunning) {
      this.#again = { program };
      return;
    }
    this.#isRunning = true;
    const { firewall, later, nowMs } = this.#parts;
    const pause = () => new Promise<void>((resolve) => later(resolve));
    const begin = (areNetworksRight: boolean) => this.#lookAtAll(program, areNetworksRight);
    const are = firewall.areNetworksAsWanted(pause, nowMs());
    // What cannot be read in parts is read at once when the audit ends.
    if (are === false) begin(false);
    else void are.catch(() => false).then(begin);
  }

  #lookAtAll(program: string, areNetworksRight: boolean): void {
    const { firewall, list, later, recorder } = this.#parts;
    const parts = slices(blocksOf(list), LOOKUPS_PER_TURN);
    const found: Found = { areNetworksRight, missing: [], untimely: [] };
    const slice = () => {
      try {
        const part = parts.next();
        const blocks = part.done === true ? [] : part.value;
        for (const block of blocks) if (!firewall.isNetwork(block)) this.#lookUp(block, found);
        if (blocks.length === LOOKUPS_PER_TURN) later(slice);
        else this.#end(found, program);
      } catch (error) {
        // Nobody else would catch what a later slice throws.
        this.#isRunning = false;
        const detail = messageOf(error);
        recorder.warning(`cannot look the blocks up in the kernel: ${detail}`);
      }
    };
    slice();
  }

  #lookUp(block: Block, found: Found): void {
    const { firewall, list, nowMs } = this.#parts;
    // About to end, or changed since the audit began: not the other program's doing.
    if (!list.has(block)) return;
    if (block.untilMs !== undefined && block.untilMs <= nowMs() + ENDING_MS) return;
    if (firewall.stands(block, nowMs())) return;
    // Since Linux 6.12 to add what is there gives it another end.
    (firewall.isPresent(block) ? found.untimely : found.missing).push(block);
  }

  #end(found: Found, program: string): void {
    this.#isRunning = false;
    this.#parts.settle(found, program);
    const again = this.#again;
    this.#again = undefined;
    if (again !== undefined) this.run(again.program);
  }
}

/** The blocks that our table holds, one by one: they may be a million. */
export function* blocksOf(list: Pick<BlockList, "values">): Generator<Block> {
  for (const block of list.values()) if (isInTable(block)) yield block;
}

// Keeps block list, kernel, store and offences at one: what the kernel has taken is listed and stored, what is lifted is
// gone from all of them.

import type { Detector } from "../detect/detector.ts";
import type { Block } from "../judge/block.ts";
import { isInTable } from "../judge/block.ts";
import type { OffenceMemory } from "../judge/escalation.ts";
import type { Recorder } from "../record/recorder.ts";
import type { Store } from "../record/store.ts";
import type { Outcome } from "../table/firewall.ts";
import { formatPrefix } from "../wire/address.ts";
import type { TableBackend } from "./backend.ts";
import type { BlockList } from "./block-list.ts";
import { hasResponses } from "./commands/made-by.ts";
import type { WiderBlocks } from "./wider-blocks.ts";

export type HowLifted =
  | "by hand"
  | "expired"
  | "all"
  | "removed elsewhere"
  | "the trial is over"
  | "guarded"
  | "on the allow list"
  | "an address of this host"
  | "BLOCKED_FILE was deleted";

const NO_TABLE = "no nftables table is loaded (CAPTURE): only KILL_ROUTE and KILL_HOSTS_DENY can block";

export interface BlockKeeperParts {
  readonly list: BlockList;
  /** The built-in table; absent where none is loaded. */
  readonly table?: TableBackend | undefined;
  readonly store: Pick<Store, "putBlock" | "deleteBlock" | "putOffence" | "flush">;
  readonly offences: Pick<OffenceMemory, "record" | "setEnd">;
  readonly recorder: Pick<Recorder, "unblocked">;
  readonly detector: Pick<Detector, "reset">;
  readonly wider?: Pick<WiderBlocks, "lifted"> | undefined;
  /**
   * Undoes what commands did for a block, and then says that its source is unblocked; each may be a process, so that nobody
   * waits for it.
   */
  readonly undo: (block: Block, how: HowLifted) => void;
  /** Undoes what commands of other settings did for a block that another one of the same source replaces. */
  readonly undoLeftOver?: (before: Block, after: Block) => void;
  readonly nowMs: () => number;
}

export class BlockKeeper {
  readonly #parts: BlockKeeperParts;

  constructor(parts: BlockKeeperParts) {
    this.#parts = parts;
  }

  /** Has the built-in table hold blocks; each is read back. */
  enforce(blocks: readonly Block[], nowMs: number): Outcome[] {
    const { table } = this.#parts;
    return table?.enforce(blocks, nowMs) ?? blocks.map((block) => ({ block, failure: NO_TABLE }));
  }

  /** Lists and stores a block that its backend holds; the reason why not, or "". `before`: the source's block until now. */
  keep(block: Block, before: Block | undefined, nowMs: number): string {
    const refusal = this.take(block, before, nowMs);
    if (refusal === "" && !block.soft) this.#putOffence(block, this.#parts.offences.record(block.source, nowMs), nowMs);
    return refusal;
  }

  /** The same of a block for which its source has done nothing here. */
  take(block: Block, before: Block | undefined, nowMs: number): string {
    const { list, table } = this.#parts;
    if (!list.put({ ...block, enforced: true })) {
      if (isInTable(block)) table?.lift([block], nowMs);
      return `the block list is full (${list.limit})`;
    }
    // The same source was softly blocked, or fully: the other set must not go on holding it.
    if (before !== undefined && before.soft !== block.soft) table?.lift([before], nowMs);
    if (before !== undefined) this.#parts.undoLeftOver?.(before, block);
    this.#parts.store.putBlock(block);
    return "";
  }

  /** Lists and stores a block that was listed and has another end, or another backend, now. */
  replace(block: Block): void {
    this.#parts.list.put(block);
    this.#parts.store.putBlock(block);
  }

  /** A block that ended with the trial stays until a time of its own. */
  prolong(block: Block): void {
    this.replace(block);
    if (!block.soft) this.#putOffence(block, block.offences, this.#parts.nowMs());
  }

  #putOffence({ source, untilMs }: Block, offences: number, nowMs: number): void {
    const lastEndMs = untilMs ?? nowMs;
    this.#parts.offences.setEnd(source, lastEndMs);
    this.#parts.store.putOffence({ source, offences, lastEndMs });
  }

  /** Takes blocks from kernel, list and store. Returns those that the kernel would not give up. */
  lift(blocks: readonly Block[], how: HowLifted): string[] {
    const { list, store, detector, offences, wider, recorder, undo } = this.#parts;
    const nowMs = this.#parts.nowMs();
    const failures = this.#liftFromTable(blocks.filter(isInTable), how, nowMs);
    const failed = new Set(failures.map(({ block }) => block));
    for (const block of blocks) {
      if (failed.has(block)) continue;
      list.remove(block.source);
      store.deleteBlock(block.source);
      detector.reset(block.source);
      if (how !== "expired") offences.setEnd(block.source, nowMs);
      wider?.lifted(block, how !== "expired");
      if (hasResponses(block)) undo(block, how);
      else recorder.unblocked(block.source, how);
    }
    store.flush();
    return failures.map(({ block, failure }) => `${formatPrefix(block.source)}: ${failure}`);
  }

  /** Those that it would not give up. */
  #liftFromTable(blocks: readonly Block[], how: HowLifted, nowMs: number): readonly Outcome[] {
    const { table } = this.#parts;
    if (how !== "expired" && how !== "removed elsewhere") return table?.lift(blocks, nowMs) ?? [];
    table?.liftEnded(blocks, nowMs);
    return [];
  }
}

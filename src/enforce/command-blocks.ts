// Blocks that commands of the administrator's own make: made when a verdict asks for it, restored at start, unblocked when
// their rule was removed by hand, and handed over to the built-in table where they block nothing.

import type { Settings } from "../config/settings.ts";
import type { Detector } from "../detect/detector.ts";
import { type BackendName, type Block, TABLE_BACKEND } from "../judge/block.ts";
import type { Recorder } from "../record/recorder.ts";
import type { Store } from "../record/store.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { makerOf } from "./backends.ts";
import { type BlockKeeper, type HowLifted, hasResponses } from "./block-keeper.ts";
import type { BlockList } from "./block-list.ts";
import { type Blocking, type Decision, decisionOf } from "./decision.ts";
import type { Delegate } from "./delegate.ts";

export interface CommandBlocksParts {
  readonly settings: () => Settings;
  readonly list: Pick<BlockList, "get" | "has" | "put" | "isFullyBlocked" | "delegated">;
  readonly keeper: Pick<BlockKeeper, "enforce" | "keep" | "replace" | "lift">;
  /** Absent where nothing of the kind is run. */
  readonly delegate?:
    | Pick<Delegate, "respond" | "takeOver" | "giveBack" | "stands" | "restore" | "release" | "isByHand">
    | undefined;
  readonly store: Pick<Store, "putBlock" | "deleteBlock" | "flush">;
  readonly recorder: Pick<Recorder, "responded" | "blockFailed" | "unblocked" | "warning" | "drift">;
  readonly detector: Pick<Detector, "reset">;
  /** Why a source, or an address in it, is exempt; undefined when it is not. */
  readonly exemption: (source: Prefix) => HowLifted | undefined;
  readonly blockOf: (decision: Decision, backend: BackendName) => Block;
  /** Has the built-in table block. */
  readonly blockByTable: (decision: Decision) => void;
  /** Counts a block that was to be made and was not. */
  readonly failed: () => void;
  readonly nowMs: () => number;
}

export class CommandBlocks {
  readonly #parts: CommandBlocksParts;

  constructor(parts: CommandBlocksParts) {
    this.#parts = parts;
  }

  /** Runs the administrator's commands; where they are the block, hands the source over to them. */
  async respond(verdict: Blocking): Promise<void> {
    const { finding } = verdict;
    const { delegate, recorder, detector, list, settings, blockByTable, failed } = this.#parts;
    if (delegate === undefined) return;
    const { results, backend } = await delegate.respond(finding);
    const isBesideTable = makerOf(settings()) === TABLE_BACKEND;
    // A line in hosts.deny alone, because KILL_ROUTE has failed: the table makes the block where it may.
    const isTooLittle = backend?.suffices === false && settings().firewall !== "none";
    if (!isBesideTable && isTooLittle) blockByTable(decisionOf(verdict, false));
    if (isBesideTable || isTooLittle) {
      recorder.responded(finding.source, results, { finding, stands: list.isFullyBlocked(finding.source) });
      return;
    }
    if (backend === undefined) {
      failed();
      detector.reset(finding.source);
      recorder.responded(finding.source, results, { finding });
      return;
    }
    const made = this.#parts.blockOf(decisionOf(verdict, false), backend.name);
    const block = this.#handOver({ ...made, enforced: true }, delegate);
    recorder.responded(finding.source, results, block === undefined ? { finding } : { block, finding });
    // It may have become exempt while its commands ran.
    const exemption = block === undefined ? undefined : this.#parts.exemption(block.source);
    if (block !== undefined && exemption !== undefined) this.#parts.keeper.lift([block], exemption);
  }

  /** Lists a block that a command has made; undefined when it could not be listed. */
  #handOver(block: Block, delegate: Pick<Delegate, "takeOver">): Block | undefined {
    const { keeper, list, recorder, nowMs } = this.#parts;
    const refusal = keeper.keep(block, list.get(block.source), nowMs());
    const failure = refusal === "" ? delegate.takeOver(block, nowMs()) : refusal;
    if (failure !== "") recorder.warning(`${formatPrefix(block.source)}: ${failure}`);
    return refusal === "" ? block : undefined;
  }

  /** The command that was to be this block is none: the built-in table is, until the same end. Why it is not, or "". */
  takeOver(block: Block): string {
    const { keeper, list, store, delegate, settings, nowMs } = this.#parts;
    const taken: Block = { ...block, backend: TABLE_BACKEND, enforced: true };
    const [outcome] = settings().firewall === "none" ? [] : keeper.enforce([taken], nowMs());
    const failure = outcome === undefined ? 'FIREWALL is "none"' : outcome.failure;
    if (failure !== "") {
      list.put({ ...block, enforced: false });
      return failure;
    }
    keeper.replace(taken);
    store.flush();
    delegate?.giveBack(block.source);
    return "";
  }

  /** At start: hands sources over to rules that are still there, and makes anew what a reboot has taken. */
  async restore(blocks: readonly Block[], bootMs: number): Promise<void> {
    const { delegate, list, store, recorder, nowMs, exemption } = this.#parts;
    for (const block of blocks) {
      const why = exemption(block.source);
      if (why !== undefined) {
        // It has become exempt while the daemon was away.
        store.deleteBlock(block.source);
        recorder.unblocked(block.source, why);
        await delegate?.release(block);
        continue;
      }
      const there = (await delegate?.stands(block)) ?? block.sinceMs > bootMs;
      const stands = there || (block.sinceMs <= bootMs && (await delegate?.restore(block)) === true);
      if (stands && list.put({ ...block, enforced: true })) {
        delegate?.takeOver(block, nowMs());
        store.putBlock(block);
      } else {
        store.deleteBlock(block.source);
        recorder.drift(`the rule that blocked ${formatPrefix(block.source)} is gone, which is taken as an unblock`);
        // Its line in hosts.deny goes with it.
        await delegate?.release(block);
      }
    }
  }

  /** Rules of the administrator's own are gone: one is an unblock by hand, several are made again. */
  async rulesGone(gone: readonly Block[]): Promise<void> {
    const { delegate, keeper, list, recorder } = this.#parts;
    const isListed = (block: Block) => list.has(block);
    const listed = gone.filter(isListed);
    if (delegate === undefined || listed.length === 0) return;
    if (delegate.isByHand(listed)) {
      for (const { source } of listed) {
        recorder.drift(
          `the rule that blocked ${formatPrefix(source)} was removed by hand, which is taken as an unblock`,
        );
      }
      keeper.lift(listed, "removed elsewhere");
      return;
    }
    const failed: Block[] = [];
    // Each alone: what cannot be made again is not listed for as long as it takes to try the others.
    for (const block of listed) if (!(await delegate.restore(block))) failed.push(block);
    const lost = failed.filter(isListed);
    keeper.lift(lost, "removed elsewhere");
    recorder.drift(
      `another program removed ${listed.length} rules of blocked sources: ${listed.length - lost.length} are made again`,
    );
    for (const { source } of lost)
      recorder.blockFailed(source, "the rule of this source was removed and could not be made again");
  }

  /** At start: undoes what commands did for blocks that have ended meanwhile. One by one: each may be a process. */
  async undoEnded(blocks: readonly Block[]): Promise<void> {
    for (const block of blocks) if (hasResponses(block)) await this.#parts.delegate?.release(block);
  }
}

// Blocks that commands of the administrator's own make: made when a verdict asks for it, restored at start, unblocked when
// their rule was removed by hand, and handed over to the built-in table where they block nothing.

import type { Settings } from "../config/settings.ts";
import type { Detector } from "../detect/detector.ts";
import { type BackendName, type Block, isInTable, TABLE_BACKEND } from "../judge/block.ts";
import type { Recorder } from "../record/recorder.ts";
import type { Store } from "../record/store.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { makerOf } from "./backends.ts";
import type { BlockKeeper, HowLifted } from "./block-keeper.ts";
import type { BlockList } from "./block-list.ts";
import { hasResponses, withoutIdleRoute } from "./commands/made-by.ts";
import { type Blocking, type Decision, decisionOf } from "./decision.ts";
import type { Delegate } from "./delegate.ts";
import type { RuleUndo } from "./rule-undo.ts";

export interface CommandBlocksParts {
  readonly settings: () => Settings;
  readonly list: Pick<BlockList, "get" | "has" | "put" | "isFullyBlocked" | "delegated">;
  readonly keeper: Pick<BlockKeeper, "enforce" | "keep" | "replace" | "lift">;
  /** Absent where nothing of the kind is run. */
  readonly delegate?:
    | Pick<
        Delegate,
        "respond" | "runAfter" | "madeBy" | "takeOver" | "giveBack" | "stands" | "restore" | "release" | "isByHand"
      >
    | undefined;
  readonly rules: Pick<RuleUndo, "undo" | "forget">;
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

/** With 2.x's lines: a KILL_RUN_CMD that takes longer has a line of its own. */
const TOLD_TOGETHER_MS = 10_000;

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
    const wanted = delegate.madeBy;
    const { results, backend, madeBy } = await delegate.respond(finding);
    if (backend !== undefined) this.#parts.rules.forget(finding.source);
    const isBesideTable = makerOf(settings()) === TABLE_BACKEND;
    // A line in hosts.deny alone, because KILL_ROUTE has failed: the table makes the block where it may.
    const isTooLittle = backend?.suffices === false && settings().firewall !== "none";
    if (!isBesideTable && isTooLittle) blockByTable({ ...decisionOf(verdict, false), madeBy });
    let made: Block | undefined;
    if (isBesideTable || isTooLittle) this.#besideTable(verdict, wanted, madeBy);
    else if (backend === undefined) {
      failed();
      detector.reset(finding.source);
    } else {
      const block = this.#parts.blockOf({ ...decisionOf(verdict, false), madeBy }, backend.name);
      made = this.#handOver({ ...block, enforced: true }, delegate);
    }
    const after = delegate.runAfter(finding);
    // The line of 2.x about the scan stands behind those of all that was done about it.
    const soon = settings().generation === 2 ? await within(after, TOLD_TOGETHER_MS) : undefined;
    const about = {
      finding,
      ...((isBesideTable || isTooLittle) && { stands: list.isFullyBlocked(finding.source) }),
      ...(made !== undefined && { block: made }),
    };
    recorder.responded(finding.source, soon === undefined ? results : [...results, ...soon], about);
    // The source may have become exempt while its commands ran.
    const block = list.get(finding.source);
    const exemption = block === undefined ? undefined : this.#parts.exemption(block.source);
    if (block !== undefined && exemption !== undefined) this.#parts.keeper.lift([block], exemption);
    const late = soon === undefined ? await after : [];
    if (late.length > 0) recorder.responded(finding.source, late, { finding });
  }

  /** The table's block says what the commands beside it have done; without a block they are undone. */
  #besideTable(verdict: Blocking, wanted: string, madeBy: string): void {
    const { list, keeper, rules, blockOf } = this.#parts;
    const { source } = verdict.finding;
    const listed = list.get(source);
    if (listed !== undefined && !listed.soft && isInTable(listed)) {
      if (listed.madeBy === wanted && wanted !== madeBy) keeper.replace({ ...listed, madeBy });
    } else if (madeBy !== "" && !list.isFullyBlocked(source)) {
      void rules.undo(blockOf({ ...decisionOf(verdict, false), madeBy }, TABLE_BACKEND));
    }
  }

  /** Lists a block that a command has made; undefined when it could not be listed, and is undone. */
  #handOver(block: Block, delegate: Pick<Delegate, "takeOver">): Block | undefined {
    const { keeper, list, recorder, rules, nowMs } = this.#parts;
    const refusal = keeper.keep(block, list.get(block.source), nowMs());
    const failure = refusal === "" ? delegate.takeOver(block, nowMs()) : refusal;
    if (failure !== "") recorder.warning(`${formatPrefix(block.source)}: ${failure}`);
    if (refusal === "") return block;
    void rules.undo(block);
    return undefined;
  }

  /** The command that was to be this block is none: the built-in table is, until the same end. Why it is not, or "". */
  takeOver(block: Block): string {
    const { unkillRoute } = this.#parts.settings().responses;
    const madeBy = withoutIdleRoute(block.madeBy, unkillRoute);
    const failure = this.#holdByTable({ ...block, ...(madeBy !== undefined && { madeBy }) });
    if (failure !== "") this.#parts.list.put({ ...block, enforced: false });
    return failure;
  }

  #holdByTable(block: Block): string {
    const { keeper, store, delegate, settings, nowMs } = this.#parts;
    const taken: Block = { ...block, backend: TABLE_BACKEND, enforced: true };
    const [outcome] = settings().firewall === "none" ? [] : keeper.enforce([taken], nowMs());
    const failure = outcome === undefined ? 'FIREWALL is "none"' : outcome.failure;
    if (failure !== "") return failure;
    keeper.replace(taken);
    store.flush();
    delegate?.giveBack(block.source);
    return "";
  }

  /** At start: hands sources over to rules that are still there, and makes anew what a reboot has taken. */
  async restore(blocks: readonly Block[], bootMs: number): Promise<void> {
    const { delegate, store, recorder, rules, exemption } = this.#parts;
    if (delegate === undefined) return;
    for (const block of blocks) {
      const why = exemption(block.source);
      if (why !== undefined) {
        // It has become exempt while the daemon was away.
        store.deleteBlock(block.source);
        void rules.undo(block, why);
        continue;
      }
      const name = formatPrefix(block.source);
      const isOfThisBoot = block.sinceMs > bootMs;
      const isThere = (await delegate.stands(block)) ?? isOfThisBoot;
      if (!isThere && isOfThisBoot) {
        recorder.drift(`the rule that blocked ${name} is gone, which is taken as an unblock`);
      } else {
        const made = { ...block, madeBy: block.madeBy ?? delegate.madeBy };
        const failure = isThere ? this.#listAgain(made, delegate) : await this.#makeAgain(block);
        if (failure === "") continue;
        recorder.warning(`the block of ${name} does not go on: ${failure}`, name);
      }
      store.deleteBlock(block.source);
      // Its line in hosts.deny goes with it.
      void this.#parts.rules.undo(block);
    }
  }

  /** Why it cannot be listed, or "". */
  #listAgain(block: Block, delegate: Pick<Delegate, "takeOver">): string {
    const { list, store, nowMs } = this.#parts;
    if (!list.put({ ...block, enforced: true })) return "the block list is full";
    delegate.takeOver(block, nowMs());
    store.putBlock(block);
    return "";
  }

  /** A block whose rule is gone, by what makes blocks now. Why it cannot be made, or "". */
  async #makeAgain(block: Block): Promise<string> {
    const { delegate, settings } = this.#parts;
    if (delegate === undefined) return "no command is set";
    const maker = makerOf(settings());
    if (maker === undefined) return "nothing blocks now";
    if (maker === TABLE_BACKEND) return this.#holdByTable(block);
    const made = await delegate.restore({ ...block, backend: maker });
    return typeof made === "string" ? made : this.#listAgain(made, delegate);
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
    const failed: { readonly block: Block; readonly failure: string }[] = [];
    // Each alone: what cannot be made again is not listed for as long as it takes to try the others.
    for (const block of listed) {
      const failure = await this.#makeAgain(block);
      if (failure !== "") failed.push({ block, failure });
    }
    const lost = failed.filter(({ block }) => isListed(block));
    keeper.lift(
      lost.map(({ block }) => block),
      "removed elsewhere",
    );
    recorder.drift(
      `another program removed ${listed.length} rules of blocked sources: ${listed.length - lost.length} are made again`,
    );
    for (const { block, failure } of lost)
      recorder.blockFailed(block.source, `the rule of this source was removed and could not be made again: ${failure}`);
  }

  /** At start: undoes what commands did for blocks that have ended meanwhile. */
  async undoEnded(blocks: readonly Block[]): Promise<void> {
    const { rules } = this.#parts;
    await Promise.all(blocks.filter(hasResponses).map((block) => rules.undo(block, "expired")));
  }
}

/** What the work gives, or undefined when it takes longer. */
async function within<T>(work: Promise<T>, limitMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, limitMs, undefined);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

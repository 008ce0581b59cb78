// When the package is removed nobody will end the blocks any more: undoes what the administrator's commands did for the stored
// ones, routes and lines in hosts.deny. The built-in table goes as a whole, without this.
import type { Settings } from "../config/settings.ts";
import type { StoredBlock } from "../record/store.ts";
import { hasResponses } from "./commands/made-by.ts";
import type { Responder } from "./commands/responder.ts";
import { requestFor } from "./delegate.ts";
import type { LeftRule } from "./rule-undo.ts";
import { slices } from "./slices.ts";

export interface UndoStoredParts {
  readonly settings: Settings;
  readonly responder: Pick<Responder, "steps" | "undo">;
  /** Until when commands are begun, by `nowMs`: a removal does not wait for a million of them. */
  readonly deadlineMs: number;
  readonly nowMs: () => number;
}

export interface UndoneBlocks {
  /** Sources of which nothing is left. */
  readonly undone: number;
  /** Of the others what is left, and why. */
  readonly left: readonly LeftRule[];
}

/** Lines in hosts.deny that are taken out together are one write. */
const AT_ONCE = 256;

export async function undoStored(blocks: Iterable<StoredBlock>, parts: UndoStoredParts): Promise<UndoneBlocks> {
  const { responder, settings, deadlineMs, nowMs } = parts;
  const isSet = responder.steps().some((step) => step !== "run");
  let undone = 0;
  const left: LeftRule[] = [];
  for (const slice of slices(withResponses(blocks, isSet), AT_ONCE)) {
    const isLate = nowMs() >= deadlineMs;
    const faults = await Promise.all(
      slice.map(async (block) => {
        if (isLate) return "there was no time to undo it";
        const results = await responder.undo({
          ...requestFor(settings, block.source, block.trigger),
          madeBy: block.madeBy,
        });
        return results
          .filter(({ ok }) => !ok)
          .map(({ text, detail }) => (text === "" ? detail : `${text}: ${detail}`))
          .join("; ");
      }),
    );
    for (const [index, failure] of faults.entries()) {
      const block = slice[index];
      if (failure === "") undone++;
      else if (block !== undefined) left.push({ block: { ...block, enforced: false }, failure });
    }
  }
  return { undone, left };
}

/** `isSet`: commands are set now, which blocks of older versions may have been made by. */
function* withResponses(blocks: Iterable<StoredBlock>, isSet: boolean): Generator<StoredBlock> {
  for (const block of blocks) if (hasResponses(block) && (block.madeBy !== undefined || isSet)) yield block;
}

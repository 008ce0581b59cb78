// What backends of the administrator's own have in common: they are steps of the responder, which runs all steps for one
// source in PortSentry's order.

import type { BackendName, Block } from "../../judge/block.ts";
import type { Outcome } from "../../table/firewall.ts";
import type { Backend } from "../backend.ts";
import type { Responder } from "../commands/responder.ts";
import type { ResponseRequest, ResponseStep } from "../commands/response.ts";

export interface CommandParts {
  readonly responder: Pick<Responder, "respond" | "undo" | "isStillThere" | "suspects" | "close">;
  /** With what made the block (Block.madeBy). */
  readonly requestOf: (block: Block) => ResponseRequest;
}

/** What the rooms around it see of a backend of the administrator's own. */
export type CommandBackend = Pick<CommandSteps, keyof CommandSteps>;

export abstract class CommandSteps implements Backend {
  abstract readonly name: BackendName;
  /** The step of a response whose success is the block. */
  abstract readonly step: ResponseStep;
  /**
   * Whether a source that it blocks gets no answer from this host. False: it shuts hardly anybody out, so that the built-in
   * table makes the block where it may.
   */
  abstract readonly suffices: boolean;
  protected readonly parts: CommandParts;

  constructor(parts: CommandParts) {
    this.parts = parts;
  }

  /**
   * Runs the steps that block, for each source. Any of them that works is a block, as when it was made first; the block that
   * is returned says which did.
   */
  async enforce(blocks: readonly Block[]): Promise<readonly Outcome[]> {
    const { responder, requestOf } = this.parts;
    const outcomes: Outcome[] = [];
    // Each alone: what cannot be made is not called a block for as long as it takes to try the others.
    for (const block of blocks) {
      const { results, madeBy } = await responder.respond(requestOf(block));
      const isMade = results.some(({ ok }) => ok);
      const failure = results.map(({ text, detail }) => `${detail}: ${text}`).join("; ");
      outcomes.push({ block: { ...block, madeBy }, failure: isMade ? "" : failure || "no command is set" });
    }
    return outcomes;
  }

  lift(blocks: readonly Block[]): Promise<readonly Outcome[]> {
    return undoCommands(this.parts, blocks);
  }

  /** undefined where the command is of no known form, so that only its exit code is known. */
  abstract stands(block: Block): Promise<boolean | undefined>;

  /**
   * Picks those of these blocks whose rule may be gone, by one list of all rules; undefined: it has no such list. Absent:
   * it never has.
   */
  suspects?(blocks: readonly Block[]): Promise<readonly Block[] | undefined>;

  close(): Promise<void> {
    return this.parts.responder.close();
  }
}

/** Undoes what the steps did, for each source. */
export async function undoCommands(
  { responder, requestOf }: CommandParts,
  blocks: readonly Block[],
): Promise<Outcome[]> {
  const failed: Outcome[] = [];
  for (const block of blocks) {
    for (const { ok, text, detail } of await responder.undo(requestOf(block)))
      if (!ok) failed.push({ block, failure: `${detail}: ${text}` });
  }
  return failed;
}

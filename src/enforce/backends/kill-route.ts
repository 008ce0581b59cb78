// KILL_ROUTE as a backend: a command of the administrator's own adds a route or a rule.

import type { Block } from "../../judge/block.ts";
import { type CommandBackend, type CommandParts, enforceByCommands, undoCommands } from "./command-backend.ts";

export class KillRoute implements CommandBackend {
  readonly name = "kill-route";
  readonly step = "route";
  readonly suffices = true;
  readonly #parts: CommandParts;

  constructor(parts: CommandParts) {
    this.#parts = parts;
  }

  enforce(blocks: readonly Block[]) {
    return enforceByCommands(this.#parts, blocks);
  }

  lift(blocks: readonly Block[]) {
    return undoCommands(this.#parts, blocks);
  }

  /** undefined where the command is of no known form, so that only its exit code is known. */
  stands(block: Block) {
    return this.#parts.responder.isStillThere(this.#parts.requestOf(block));
  }

  async suspects(blocks: readonly Block[]) {
    const { responder, requestOf } = this.#parts;
    const suspects = await responder.suspects(blocks.map((block) => ({ ...requestOf(block), block })));
    return suspects?.map(({ block }) => block);
  }

  close() {
    return this.#parts.responder.close();
  }
}

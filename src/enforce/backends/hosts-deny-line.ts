// A line in hosts.deny as a backend: KILL_HOSTS_DENY, where no KILL_ROUTE is set or it has failed.

import type { Block } from "../../judge/block.ts";
import { type CommandBackend, type CommandParts, enforceByCommands, undoCommands } from "./command-backend.ts";

export class HostsDenyLine implements CommandBackend {
  readonly name = "hosts.deny";
  readonly step = "hosts-deny";
  /** Only programs that use libwrap ask it. */
  readonly suffices = false;
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

  stands(block: Block) {
    return this.#parts.responder.isStillThere(this.#parts.requestOf(block), true);
  }

  close() {
    return this.#parts.responder.close();
  }
}

// KILL_ROUTE as a backend: a command of the administrator's own adds a route or a rule.

import type { Block } from "../../judge/block.ts";
import { CommandSteps } from "./command-backend.ts";

export class KillRoute extends CommandSteps {
  readonly name = "kill-route";
  readonly step = "route";
  readonly suffices = true;

  stands(block: Block) {
    return this.parts.responder.isStillThere(this.parts.requestOf(block));
  }

  override async suspects(blocks: readonly Block[]) {
    const { responder, requestOf } = this.parts;
    const suspects = await responder.suspects(blocks.map((block) => ({ ...requestOf(block), block })));
    return suspects?.map(({ block }) => block);
  }
}

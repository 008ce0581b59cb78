// A line in hosts.deny as a backend: KILL_HOSTS_DENY, where no KILL_ROUTE is set or it has failed.

import type { Block } from "../../judge/block.ts";
import { CommandSteps } from "./command-backend.ts";

export class HostsDenyLine extends CommandSteps {
  readonly name = "hosts.deny";
  readonly step = "hosts-deny";
  /** Only programs that use libwrap ask it. */
  readonly suffices = false;

  stands(block: Block) {
    return this.parts.responder.isStillThere(this.parts.requestOf(block), true);
  }
}

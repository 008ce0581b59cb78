// What the sensor knows by the daemon's help: what was saved over a restart, peers of connections that stand already, and the
// sources of SSH sessions.
import type { OutgoingWatch } from "../sense/outgoing-watch.ts";
import type { Learning } from "../table/learned-sets.ts";
import { learnStandingPeers } from "../table/standing-peers.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import type { Change, Follower, InForce } from "./in-force.ts";
import { sessionsOf } from "./plan.ts";
import type { Sources } from "./sources.ts";

export interface RecallParts {
  readonly inForce: Pick<InForce, "settings" | "host">;
  readonly sources: Pick<Sources, "keyOf">;
  /** Absent on a mirror port. */
  readonly learned: Learning | undefined;
  /** Puts back what was saved. */
  readonly relearn: ((own: AddressRanges) => void) | undefined;
  /** OUTGOING: it has a table of its own, which goes with a flush as well. */
  readonly outgoing?: Pick<OutgoingWatch, "loaded"> | undefined;
  readonly warn: (message: string) => void;
}

export class Recall implements Follower {
  readonly #parts: RecallParts;

  constructor(parts: RecallParts) {
    this.#parts = parts;
  }

  /** At start, and into a table that has been made anew. */
  everything(): void {
    const { relearn, learned, inForce, outgoing } = this.#parts;
    outgoing?.loaded();
    relearn?.(new AddressRanges(inForce.host.own));
    this.#knowSessions();
    if (learned !== undefined) learnStandingPeers(learned, inForce.host, inForce.settings.guardMs);
  }

  follow({ host }: Change): void {
    if (host !== undefined) this.#knowSessions();
  }

  /** An administrator who is softly blocked for what a neighbour behind the same address does can log in once more. */
  #knowSessions(): void {
    const { inForce, sources, learned, warn } = this.#parts;
    const pairs = sessionsOf(inForce.host).map(({ source, ports = [] }) => ({ source: sources.keyOf(source), ports }));
    try {
      learned?.clients?.add(pairs);
    } catch (error) {
      warn(`known pairs of SSH sessions: ${String(error)}`);
    }
  }
}

// With PROTECT: notices that only one direction of what is said with the hosts behind this one comes through here (asymmetric
// routing, or hardware that forwards past the kernel). Then their refusals are not seen, or nobody is known to have asked.
import type { Troubles } from "../base/troubles.ts";
import type { RuleCounter } from "./rule-counters.ts";

/** So many contacts without any answer are no chance, and no scan of one host that drops. */
const ASKED = 100;
/** A connection that is older than its memory in the kernel makes some. */
const ONE_SIDED = 10;

const TOPIC = "PROTECT";

type Counts = Readonly<Record<RuleCounter, number>>;

export interface OneWayParts {
  readonly read: () => Counts;
  readonly troubles: Pick<Troubles, "set" | "clear">;
  readonly warn: (message: string) => void;
}

export class OneWayWatch {
  readonly #parts: OneWayParts;
  #last: Pick<Counts, "behindAsked" | "behindAnswered" | "behindOneSided">;
  #isOneWay = false;

  constructor(parts: OneWayParts) {
    this.#parts = parts;
    this.#last = parts.read();
  }

  /** Once in a while: looks at what has come since it looked last, if that is enough. */
  look(): void {
    const now = this.#parts.read();
    const asked = now.behindAsked - this.#last.behindAsked;
    const answered = now.behindAnswered - this.#last.behindAnswered;
    const oneSided = now.behindOneSided - this.#last.behindOneSided;
    if (asked < ASKED && oneSided < ONE_SIDED && answered === 0) return;
    this.#last = now;
    const message = describe(asked, answered, oneSided);
    if (message === undefined) this.#parts.troubles.clear(TOPIC);
    else {
      this.#parts.troubles.set(TOPIC, message);
      if (!this.#isOneWay) this.#parts.warn(message);
    }
    this.#isOneWay = message !== undefined;
  }
}

function describe(asked: number, answered: number, oneSided: number): string | undefined {
  const remedy =
    "lead both directions through this router, and switch off offload in hardware (docs/guides/gateway.md)";
  if (oneSided >= ONE_SIDED) {
    return `PROTECT: protected hosts have answered ${oneSided} contacts that did not come through this host; ${remedy}`;
  }
  if (asked >= ASKED && answered === 0) {
    return `PROTECT: of ${asked} contacts none was answered through this host: the answers take another way, or the hosts drop silently; ${remedy}`;
  }
  return undefined;
}

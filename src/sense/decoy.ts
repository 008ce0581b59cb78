// ANSWER="open" inside the daemon: keeps its listeners open while the settings want them, tells the rule set how to reach
// them, and follows programs that begin or cease to translate addresses.
import { readFileSync } from "node:fs";
import { DecoyListener, type DecoySink } from "../capture/listen/decoy-listener.ts";
import { usesDecoy } from "../config/enforcement.ts";
import type { Settings } from "../config/settings.ts";
import type { NatHooks } from "../kernel/nat-hooks.ts";
import type { DecoyPlan } from "../table/decoy.ts";

export interface DecoyParts {
  readonly nowMs: () => number;
  readonly nat: Pick<NatHooks, "any">;
  readonly warn: (message: string) => void;
}

export class Decoy {
  readonly #parts: DecoyParts;
  #listener: DecoyListener | undefined;
  #mark = 0;
  #behindNat = false;
  #sink: DecoySink | undefined;

  constructor(parts: DecoyParts) {
    this.#parts = parts;
  }

  /** Opens or closes the listeners as the settings say: before the rules are loaded that lead to them. */
  follow(settings: Settings): void {
    const mark = usesDecoy(settings) ? settings.decoyMark : 0;
    if (mark === this.#mark) return;
    this.close();
    this.#mark = mark;
    if (mark === 0) return;
    this.#behindNat = this.#parts.nat.any();
    const opened = DecoyListener.open(mark, this.#parts.nowMs);
    if ("code" in opened) {
      this.#parts.warn(
        `ANSWER="open": cannot listen for tproxy: ${opened.code}; closed ports do not answer (needs CAP_NET_ADMIN)`,
      );
      return;
    }
    this.#listener = opened;
    if (!hasSynCookies())
      this.#parts.warn(
        'ANSWER="open": net.ipv4.tcp_syncookies is 0: a flood of SYNs can silence the decoy, and so show which ports are real',
      );
    if (this.#sink !== undefined) opened.watch(this.#sink);
  }

  /** From now on handshakes are told. */
  watch(sink: DecoySink): void {
    this.#sink = sink;
    this.#listener?.watch(sink);
  }

  plan(): DecoyPlan | undefined {
    const listener = this.#listener;
    if (listener === undefined) return undefined;
    return { mark: this.#mark, door: listener.ports, behindNat: this.#behindNat };
  }

  /** Once a second: true when the rules must be loaded again, because a program has begun or ceased to translate. */
  mustReload(): boolean {
    if (this.#listener === undefined) return false;
    const before = this.#behindNat;
    this.#behindNat = this.#parts.nat.any();
    return before !== this.#behindNat;
  }

  /** Our own listeners, which are no services. */
  isOurs(port: number): boolean {
    return this.#listener?.isOurs(port) === true;
  }

  get counters(): Record<string, number> {
    const none = { handshakes: 0, screened: 0, unfinished: 0, acceptFailures: 0 };
    const { handshakes, screened, unfinished, acceptFailures } = this.#listener?.counters ?? none;
    return {
      decoyHandshakes: handshakes,
      decoyScreened: screened,
      decoyUnfinished: unfinished,
      decoyAcceptFailures: acceptFailures,
    };
  }

  close(): void {
    this.#listener?.close();
    this.#listener = undefined;
    this.#mark = 0;
  }
}

function hasSynCookies(): boolean {
  try {
    return readFileSync("/proc/sys/net/ipv4/tcp_syncookies", "latin1").trim() !== "0";
  } catch {
    // A kernel built without them.
    return false;
  }
}

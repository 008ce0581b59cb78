// Structured events, as `portreeve events --json` prints them (design section 7). What does not apply is absent.
import type { KindName } from "../detect/probe.ts";

export type EventType = "probe" | "finding" | "block" | "unblock" | "drift" | "warning";

export interface Event {
  /** ISO 8601, UTC, milliseconds. */
  readonly time: string;
  readonly type: EventType;
  /** Canonical text of an address or block. */
  readonly source?: string;
  readonly protocol?: string;
  readonly port?: number;
  readonly kind?: KindName;
  readonly tool?: string;
  readonly grade?: string;
  /** probe: what the kernel did ("logged", "held"); finding: the verdict; block, unblock: how. */
  readonly action?: string;
  /** One sentence for a person. */
  readonly message?: string;
}

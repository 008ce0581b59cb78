// Structured events, as `portreeve events --json` prints them (design section 7). A field that does not apply is absent.
import type { KindName } from "../detect/kinds.ts";
import type { DispositionName } from "../detect/probe.ts";

export const eventTypes = ["probe", "finding", "block", "unblock", "drift", "warning", "outgoing"] as const;
export type EventType = (typeof eventTypes)[number];

export interface Event {
  /** ISO 8601, UTC, milliseconds. */
  readonly time: string;
  readonly type: EventType;
  /** Canonical text of an address or block. */
  readonly source?: string;
  readonly protocol?: string;
  readonly port?: number;
  /** probe, finding, block: the host behind this one that was asked (PROTECT); absent: this host. */
  readonly host?: string;
  /** probe: where it came from, and the address that it asked, as far as these are known. */
  readonly sourcePort?: number;
  readonly target?: string;
  readonly kind?: KindName;
  readonly tool?: string;
  /** finding: the source's name in KNOWN_SCANNERS. */
  readonly known?: string;
  readonly grade?: string;
  /** probe: what the kernel did ("logged", "held"); finding: the verdict; block, unblock: how; outgoing: "found" or "ended". */
  readonly action?: string;
  /** probe: what the kernel's sensor made of the packet; absent in events of older versions. */
  readonly disposition?: DispositionName;
  /** probe: how many probes before it, since the one recorded last, were too many to be recorded. */
  readonly missed?: number;
  /** One sentence for a person. */
  readonly message?: string;
}

/** An event of the store. Numbers rise; those of events that were deleted are not used again. */
export interface NumberedEvent {
  readonly number: number;
  readonly event: Event;
}

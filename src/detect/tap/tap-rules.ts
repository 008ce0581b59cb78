// What a tap's judge is told at its start: which scorers may judge, their bounds, and who hears of the evidence.
import type { Prefix } from "../../wire/address.ts";
import type { AddressRanges } from "../../wire/address-ranges.ts";
import type { ScorePolicy } from "../scorers.ts";
import type { WiderPolicy } from "../wider-prefixes.ts";
import type { Contact } from "./contact.ts";
import type { CoordinatedPolicy } from "./coordinated.ts";
import type { SequentialPolicy } from "./sequential.ts";
import type { SweepPolicy } from "./sweeps.ts";
import type { ScorerName, TapSource } from "./tap-source.ts";

export interface TapPolicy {
  /** The scorers that may call a source a scanner. */
  readonly scorers: ReadonlySet<ScorerName>;
  readonly score: ScorePolicy;
  readonly sequential: SequentialPolicy;
  readonly sweep: SweepPolicy;
  readonly coordinated: CoordinatedPolicy;
  readonly wider: WiderPolicy;
  readonly breadth: BreadthPolicy;
  /** Our networks; undefined: probes of every host count. */
  readonly homes: AddressRanges | undefined;
  /** Sources that are never judged. */
  readonly ignored: AddressRanges;
  readonly isTolerated: (protocol: number, port: number) => boolean;
  readonly maxContacts: number;
  readonly maxSources: number;
  /** Answers that come later count as none. */
  readonly answerWaitMs: number;
  /** A source that has been quiet for so long starts afresh, and is found again. Absent: it is found once. */
  readonly refindAfterMs?: number;
}

/**
 * Weak contacts: ACKs without a connection, datagrams without an answer, SYNs of which the capture holds one direction
 * only. So many different ones are no accident (docs/reference/detection.md, "Breadth").
 */
export interface BreadthPolicy {
  readonly contacts: number;
  readonly windowMs: number;
  /** Hosts of ours that were pinged, whether they answered or not. */
  readonly pingedHosts: number;
  /** Hosts of ours that were asked for anything, where the capture does not hold their answers. */
  readonly unknownHosts: number;
}

export const DEFAULT_MAX_CONTACTS = 1_048_576;
export const DEFAULT_MAX_SOURCES = 262_144;
export const DEFAULT_ANSWER_WAIT_MS = 3_000;
/** The latest evidence about a source that is explained; read at once. */
export interface Step {
  readonly what: "opened" | "again" | "decided" | "found";
  readonly source: TapSource;
  readonly contact: Contact;
  readonly by?: ScorerName;
}

export interface TapListener {
  /** A source has been found scanning: for the first time, or for the first time by more than breadth. Read at once. */
  readonly found?: (source: TapSource, by: ScorerName, contact: Contact) => void;
  /** Each step of the evidence about a source. */
  readonly explain?: { readonly source: Prefix; readonly step: (step: Step) => void };
}

// What the engine says of one packet (engine.ts), and the walk acts on (walk.ts).
import { Probe } from "../detect/probe.ts";
import type { Verdict } from "../judge/verdict.ts";
import type { Spared } from "../record/dialect.ts";
import { Packet } from "../wire/packet.ts";

/** What a packet has come to. */
export const Outcome = {
  /** Nobody is told: it cannot be read, or its source is on the allow list or one of our own. */
  Nothing: 0,
  /** An answer of ours has left for a source whose block is the administrator's own command: it blocks nothing. */
  Through: 1,
  /** A probe of a source that has not been found scanning. */
  Watched: 2,
  /** A probe that has its source found scanning. */
  Found: 3,
  /** A probe of a source that had been found before. */
  Repeat: 4,
  /** A probe of a source on the allow list, or of this host itself: nothing is done, and 2.x says so. */
  Spared: 5,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** The result of one packet. One record is reused for all: it is valid until the engine is given the next packet. */
export class Walked {
  outcome: Outcome = Outcome.Nothing;
  readonly packet = new Packet();
  /** The probe of the outcomes Watched, Found and Repeat. */
  readonly probe = new Probe();
  /** The keyed one of the probe's source. */
  hash = 0;
  /**
   * It is for the proofs: a packet of a source that has been found scanning, among them a SYN to an open port that the kernel
   * has dropped.
   */
  isForProof = false;
  /** Why nothing is done, of the outcome Spared. */
  spared: Spared | undefined;
  verdict: Verdict | undefined;
  /** What was drawn for the verdict in a flood. */
  lot: number | undefined;
  /** About many sources, or about tolerated ports alone. */
  crowdVerdict: Verdict | undefined;
}

// One source on a tap or in a capture: the evidence that `replay` prints and the scorers' own states.
import { type Prefix, prefixOfWords } from "../../wire/address.ts";
import type { Packet } from "../../wire/packet.ts";
import { Kind } from "../kinds.ts";
import type { ToolEvidence } from "../tool/tool-evidence.ts";
import { type Contact, Outcome } from "./contact.ts";
import { isLinkQuestion } from "./contact-meaning.ts";
import type { DecoyGroup, DecoyState } from "./decoys.ts";
import { DistinctHosts, DistinctPorts } from "./distinct.ts";
import { isKernelSyn } from "./header-signature.ts";
import type { SequentialState } from "./sequential.ts";
import type { SweepState } from "./sweeps.ts";
import type { UnseenBurst } from "./unseen-burst.ts";

/** The scorers that have found a source scanning. */
export const Scorer = { Trigger: 0, Score: 1, Sequential: 2, Sweep: 3, Breadth: 4, Coordinated: 5, Tool: 6 } as const;
export type Scorer = (typeof Scorer)[keyof typeof Scorer];
export const scorerNames = ["trigger", "score", "sequential", "sweep", "breadth", "coordinated", "tool"] as const;
export type ScorerName = (typeof scorerNames)[number];

export class TapSource implements DecoyState {
  /** The words of its key, signed: what a look-up compares lies in the record itself. */
  readonly #w0: number;
  readonly #w1: number;
  readonly #w2: number;
  readonly #w3: number;
  readonly #bits: number;
  #source: Prefix | undefined;
  /** For the table: another source of the same hash. */
  next: TapSource | undefined;
  /** For the table: the place of the source. */
  slot = 0;
  /** Packets that begin or repeat a contact. */
  probes = 0;
  readonly firstMs: number;
  lastMs: number;
  /** Outcomes of contacts that are settled. */
  accepted = 0;
  refused = 0;
  unanswered = 0;
  unknown = 0;
  /** Accepted contacts whose handshake the source broke off. */
  halfOpen = 0;
  readonly ports = new DistinctPorts();
  readonly hosts = new DistinctHosts();
  /** A bit a kind. */
  kinds = 0;
  /** Contacts of plain SYNs whose header looks like that of an operating system, and those whose does not. */
  kernelSyns = 0;
  rawSyns = 0;
  /** The signature of the latest probe's header (header-signature.ts); 0: none. */
  signature = 0;
  tools: ToolEvidence | undefined;
  sequential: SequentialState | undefined;
  sweep: SweepState | undefined;
  /**
   * Distinct weak contacts within the window that began at weakMs. Times are NaN before they are known: were they 0, V8
   * would make all sources anew, one by one, when the first of them gets a time (4 us each).
   */
  weak: DistinctPorts | undefined;
  weakMs = Number.NaN;
  /** Hosts whose answer says nothing, or was not seen, within the hour that began at unsettledMs. */
  unsettledHosts: DistinctHosts | undefined;
  unsettledMs = Number.NaN;
  /** SYNs close together whose answers are not seen. */
  burst: UnseenBurst | undefined;
  /** The networks from which somebody has answered it (outbound.ts). */
  heardRealms = 0;
  shared = 0;
  group: DecoyGroup | undefined;
  /** A bit a Scorer. */
  foundBy = 0;
  /** After how many of its probes it was found first, 0: not yet; and when. */
  flaggedAfter = 0;
  flaggedMs = Number.NaN;

  constructor(w0: number, w1: number, w2: number, w3: number, bits: number, timeMs: number) {
    this.#w0 = w0 | 0;
    this.#w1 = w1 | 0;
    this.#w2 = w2 | 0;
    this.#w3 = w3 | 0;
    this.#bits = bits;
    this.firstMs = timeMs;
    this.lastMs = timeMs;
  }

  isOf(w0: number, w1: number, w2: number, w3: number, bits: number): boolean {
    const isSame = this.#w3 === (w3 | 0) && this.#w1 === (w1 | 0) && this.#w0 === (w0 | 0);
    return isSame && this.#w2 === (w2 | 0) && this.#bits === bits;
  }

  get source(): Prefix {
    this.#source ??= prefixOfWords(this.#w0, this.#w1, this.#w2, this.#w3, this.#bits);
    return this.#source;
  }

  has(kind: Kind): boolean {
    return (this.kinds & (1 << kind)) !== 0;
  }

  get isFlagged(): boolean {
    return this.foundBy !== 0;
  }

  /** A plain SYN: the operating system's own, or a tool's. */
  countSyn(packet: Packet): void {
    if (isKernelSyn(packet)) this.kernelSyns++;
    else this.rawSyns++;
  }

  /** A contact is settled. */
  tally(contact: Contact): void {
    if (!isLinkQuestion(contact) || contact.outcome !== Outcome.Accepted) this.kinds |= 1 << contact.kind;
    switch (contact.outcome) {
      case Outcome.Accepted:
        this.accepted++;
        if (contact.kind === Kind.Syn) this.halfOpen++;
        break;
      case Outcome.Refused:
        this.refused++;
        break;
      case Outcome.Unanswered:
        this.unanswered++;
        break;
      case Outcome.Unknown:
        this.unknown++;
        break;
      case Outcome.Pending:
        break;
    }
  }

  /** True the first time. */
  flag(by: Scorer, timeMs: number): boolean {
    const isFirst = this.foundBy === 0;
    this.foundBy |= 1 << by;
    if (isFirst) {
      this.flaggedAfter = Math.max(1, this.probes);
      this.flaggedMs = timeMs;
    }
    return isFirst;
  }

  /**
   * The kinds, with plain SYNs named by their origin: a connect() where the kernel sent them and completed what was
   * accepted, a SYN scan where a tool did; both, where a tool looks closer at what it has found (nmap -sV).
   */
  kindList(): Kind[] {
    const list: Kind[] = [];
    for (const kind of Object.values(Kind)) if (this.has(kind)) list.push(kind);
    if (!this.has(Kind.Syn)) return list;
    const isMixed = this.kernelSyns > 0 && this.rawSyns > 0;
    // nmap -O sends some SYNs with many options as well.
    if (isMixed && !this.has(Kind.OsDetection)) return [...new Set([...list, Kind.Connect])].sort((a, b) => a - b);
    // ZMap's SYNs look like a kernel's: the tools that fingerprints know send their own.
    const isKernels = this.rawSyns === 0 && this.halfOpen === 0 && (this.tools?.tools().length ?? 0) === 0;
    return isKernels ? [...new Set(list.map((kind) => (kind === Kind.Syn ? Kind.Connect : kind)))] : list;
  }

  scorers(): ScorerName[] {
    return scorerNames.filter((_, scorer) => (this.foundBy & (1 << scorer)) !== 0);
  }
}

// A finding: a source whose probes count as scanning under the policy in force. It is a claim about a source
// address; judge/ decides what is done about it.
import type { Prefix } from "../wire/address.ts";
import type { Kind } from "./kinds.ts";
import { type ScorerName, scorerNames } from "./tap/tap-source.ts";

/** Scorers of a host's own traffic that look beyond one source: see crowds.ts. */
export const crowdScorerNames = ["neighbours", "scattered", "tolerated", "single-shot"] as const;
export type CrowdScorerName = (typeof crowdScorerNames)[number];

/** The scorers that may make a finding; the places are numbers of enforce/block-rows.ts. */
export const finderNames: readonly (ScorerName | CrowdScorerName)[] = [...scorerNames, ...crowdScorerNames];

export interface Finding {
  readonly source: Prefix;
  /** The full address of the probe that decided, where `source` is its /64; absent: the source is one address. */
  readonly address?: Prefix;
  /** The fields of the probe that decided. */
  readonly kind: Kind;
  readonly protocol: number;
  readonly port: number;
  readonly tcpFlags: number;
  readonly hasIpOptions: boolean;
  /** Probes seen from the source since it was first tracked, and distinct (protocol, port) contacts that counted. */
  readonly probes: number;
  readonly contacts: number;
  readonly firstMs: number;
  readonly timeMs: number;
  /** Present: found by the slow memory of `score`. The contacts, or more, came since then. */
  readonly slowSinceMs?: number;
  /** Which scorer found it; on a host "trigger", "score" or one of the crowd's. */
  readonly policy: ScorerName | CrowdScorerName;
  /** Present: found is a network, or everywhere, of which so many sources have each tried a port; `contacts` are the ports. */
  readonly members?: number;
  /** The network lies on a link of ours: the kernel holds such sources by their link-layer address. */
  readonly isOnLink?: boolean;
  /** Present: nothing but tolerated ports was tried, of so many kinds. */
  readonly habits?: readonly string[];
  /**
   * Present: found on a mirror port, where a contact is a claim however it ended. How many hosts of ours were asked;
   * `contacts` are the distinct ports then.
   */
  readonly hosts?: number;
  /** The tool that its packets show, where that is beyond chance. */
  readonly tool?: string;
  /** Its name in the user's list of known scanners: text from outside, escaped where it is shown. */
  readonly known?: string;
  /** The counts of the silence test, where it proves the source. */
  readonly proof?: SilenceProof;
  /** Another proof of the source, in one clause. */
  readonly evidence?: string;
  /** Present: the probe that decided went to this host, behind this one (PROTECT). */
  readonly host?: Prefix;
}

/** How many of the answered and of the unanswered ports a source has repeated. */
export interface SilenceProof {
  readonly answeredPorts: number;
  readonly answeredRepeated: number;
  readonly silentPorts: number;
  readonly silentRepeated: number;
  /** log2 of the likelihood ratio. */
  readonly bits: number;
}

/** IPv6 networks wider than this belong to providers, whose customers have nothing to do with each other. */
const WIDEST_BLOCKED = 40;

/**
 * Many contacts of unknown outcome; sources that may be forged; neighbours that come so slowly that a soft block of them all
 * would be over before the next one comes: such findings are reported, and nothing is done about them.
 */
export function isWeak({ policy, isOnLink, slowSinceMs, source }: Finding): boolean {
  if (policy === "neighbours") return isOnLink === true || slowSinceMs !== undefined || source.bits < WIDEST_BLOCKED;
  return policy === "breadth" || policy === "scattered";
}

/** Never more than a soft block, whatever PROOF says, and never a command: others may be behind it. */
export function isSoftAtMost({ policy }: Pick<Finding, "policy">): boolean {
  return policy === "neighbours" || policy === "tolerated" || policy === "single-shot";
}

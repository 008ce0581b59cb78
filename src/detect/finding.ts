// A finding: a source whose probes count as scanning under the policy in force. It is a claim about a source
// address; what is done about it is for judge/ to say.
import type { Prefix } from "../wire/address.ts";
import type { Kind } from "./probe.ts";
import type { ScorerName } from "./tap/tap-source.ts";

export interface Finding {
  readonly source: Prefix;
  /** The full address of the probe that decided, where `source` is its /64; absent: the source is one address. */
  readonly address?: Prefix;
  /** Of the probe that decided. */
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
  /** Which scorer found it; on a host "trigger" or "score". */
  readonly policy: ScorerName;
  /**
   * Present: found on a mirror port, where a contact is a claim however it ended. How many hosts of ours were asked;
   * `contacts` are the distinct ports then.
   */
  readonly hosts?: number;
  /** The tool that its packets show, where that is beyond chance. */
  readonly tool?: string;
  /** Its name in the user's list of known scanners: text from outside, escaped where it is shown. */
  readonly known?: string;
  /** What the silence test has counted, where it proves the source. */
  readonly proof?: SilenceProof;
  /** What else proves the source, in one clause. */
  readonly evidence?: string;
}

/** Of the ports that were answered and those that were met with silence, how many a source has repeated. */
export interface SilenceProof {
  readonly answeredPorts: number;
  readonly answeredRepeated: number;
  readonly silentPorts: number;
  readonly silentRepeated: number;
  /** log2 of the likelihood ratio. */
  readonly bits: number;
}

/** Contacts of which nobody knows how they ended, though there are many: enough to tell of, not to act on. */
export function isWeak({ policy }: Pick<Finding, "policy">): boolean {
  return policy === "breadth";
}

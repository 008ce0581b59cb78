// Why a block was made. Most are findings: their numbers are kept, and printed when somebody asks (record/finding-text.ts).
import type { CrowdScorerName, Finding, SilenceProof } from "../detect/finding.ts";
import type { Kind } from "../detect/kinds.ts";
import type { ScorerName } from "../detect/tap/tap-source.ts";
import type { Prefix } from "../wire/address.ts";

export type Reason = string | FindingReason;

/** The fields of a finding that its text needs; named as in Finding. */
export interface FindingReason {
  readonly policy: ScorerName | CrowdScorerName;
  readonly kind: Kind;
  readonly protocol: number;
  readonly port: number;
  readonly probes: number;
  readonly contacts: number;
  /** How long it took: since the first probe, or, for a slow one, since when its ports count. */
  readonly spanMs: number;
  /** Found by the slow memory of `score`. */
  readonly isSlow: boolean;
  /** Present: found on a mirror port. */
  readonly hosts?: number;
  readonly tool?: string;
  readonly proof?: SilenceProof;
  /** Another proof of the source, in one clause. */
  readonly evidence?: string;
  /** The host behind this one that was asked last. */
  readonly host?: Prefix;
}

export function reasonOf(finding: Finding): FindingReason {
  const { policy, kind, protocol, port, probes, contacts, firstMs, timeMs, slowSinceMs } = finding;
  const { hosts, tool, proof, evidence, host } = finding;
  return {
    policy,
    kind,
    protocol,
    port,
    probes,
    contacts,
    spanMs: Math.max(0, timeMs - (slowSinceMs ?? firstMs)),
    isSlow: slowSinceMs !== undefined,
    ...(hosts !== undefined && { hosts }),
    // On a host the tool is no part of the reason.
    ...(hosts !== undefined && tool !== undefined && { tool }),
    ...(proof !== undefined && { proof }),
    ...(evidence !== undefined && { evidence }),
    ...(host !== undefined && { host }),
  };
}

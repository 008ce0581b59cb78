// The report of `portreeve replay` on a scanning source and on the whole capture: the JSON of design section 7, and more.
import { isoTime } from "../base/clock.ts";
import { type KindName, kinds } from "../detect/kinds.ts";
import { protocolName } from "../detect/probe.ts";
import type { CoordinatedFinding } from "../detect/tap/coordinated.ts";
import type { Shape } from "../detect/tap/sweeps.ts";
import type { ScorerName, TapSource } from "../detect/tap/tap-source.ts";
import { formatPrefix } from "../wire/address.ts";

/** Ranges of ports that are written out for each protocol. */
const MOST_RANGES = 8;

export interface ScannerReport {
  readonly source: string;
  readonly kinds: readonly KindName[];
  /** Distinct (protocol, port) pairs, and which: "" where only an estimate is left. */
  readonly ports: number;
  readonly portList: string;
  /** Distinct hosts; above 32 an estimate (4.6 % standard error). */
  readonly targets: number;
  readonly probes: number;
  readonly tool?: string;
  /** All of them, where several work behind one address. */
  readonly tools?: readonly string[];
  /** Probes that it had sent when it was first found scanning. */
  readonly flaggedAfter: number;
  readonly flagged: string;
  readonly flaggedBy: readonly ScorerName[];
  readonly shape?: Shape;
  readonly first: string;
  readonly last: string;
  /** How its contacts ended. */
  readonly accepted: number;
  readonly refused: number;
  readonly unanswered: number;
  readonly unknown: number;
  /** Sends the same probes as others of this group: decoys, of which one at most is real. */
  readonly decoyGroup?: number;
  /** How many sources the coordinated scan has that it belongs to. */
  readonly inStep?: number;
  /** The name in the user's list of known scanners. */
  readonly known?: string;
}

interface More {
  readonly shape: Shape | undefined;
  readonly known: string | undefined;
  readonly coordinated: CoordinatedFinding | undefined;
}

export function describeScanner(source: TapSource, { shape, known, coordinated }: More): ScannerReport {
  const tools = source.tools?.tools().map(({ tool }) => tool) ?? [];
  const [tool] = tools;
  return {
    source: formatPrefix(source.source),
    kinds: source.kindList().map((kind) => kinds[kind].name),
    ports: source.ports.count,
    portList: source.ports.text(MOST_RANGES),
    targets: source.hosts.count,
    probes: source.probes,
    ...(tool !== undefined && { tool }),
    ...(tools.length > 1 && { tools }),
    flaggedAfter: source.flaggedAfter,
    flagged: isoTime(source.flaggedMs),
    flaggedBy: source.scorers(),
    ...(shape !== undefined && { shape }),
    first: isoTime(source.firstMs),
    last: isoTime(source.lastMs),
    accepted: source.accepted,
    refused: source.refused,
    unanswered: source.unanswered,
    unknown: source.unknown,
    ...(source.group !== undefined && { decoyGroup: source.group.number }),
    ...(coordinated !== undefined && { inStep: coordinated.members.length }),
    ...(known !== undefined && { known }),
  };
}

/** A coordinated scan: one finding with its members. */
export interface CoordinatedReport {
  readonly members: readonly string[];
  /** The host whose ports, or the service whose hosts were shared out: "192.0.2.1", "tcp/22". */
  readonly target: string;
  readonly elements: number;
  readonly probes: number;
  readonly overlap: number;
  readonly coverage: number;
  readonly first: string;
  readonly found: string;
}

export function describeCoordinated(finding: CoordinatedFinding): CoordinatedReport {
  const { host, protocol, port, elements, probes, overlap, coverage } = finding;
  return {
    members: finding.members.map(formatPrefix),
    target: host === undefined ? `${protocolName(protocol)}/${port}` : formatPrefix(host),
    elements,
    probes,
    overlap: round(overlap),
    coverage: round(coverage),
    first: isoTime(finding.firstMs),
    found: isoTime(finding.timeMs),
  };
}

function round(share: number): number {
  return Math.round(share * 1000) / 1000;
}

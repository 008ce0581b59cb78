// What the detectors of a mirror port have found, as a finding for the judge, and in sentences for `portreeve why`.

import { type Clock, printTime } from "../base/clock.ts";
import type { Finding } from "../detect/finding.ts";
import { Kind, kinds } from "../detect/kinds.ts";
import { besideKey } from "../detect/source-key.ts";
import type { Contact } from "../detect/tap/contact.ts";
import type { ScorerName, TapSource } from "../detect/tap/tap-source.ts";
import { describeTool } from "../judge/source-names.ts";

/** The finding about a source found by `by` with `contact`; both are read at once. */
export function tapFinding(source: TapSource, by: ScorerName, contact: Contact): Finding {
  const { protocol, port } = contact;
  const [tool] = source.tools?.tools() ?? [];
  return {
    source: source.source,
    ...besideKey(source.source, contact),
    kind: kindOf(source, contact),
    protocol,
    port,
    tcpFlags: 0,
    hasIpOptions: false,
    probes: source.probes,
    contacts: source.ports.count,
    hosts: source.hosts.count,
    firstMs: source.firstMs,
    timeMs: source.lastMs,
    policy: by,
    ...(tool !== undefined && { tool: tool.tool }),
  };
}

/** Whether a SYN was a kernel's connect() is told by the source's others. */
function kindOf(source: TapSource, { kind }: Contact): Kind {
  if (kind !== Kind.Syn && kind !== Kind.Connect) return kind;
  const kinds = source.kindList();
  return kinds.includes(Kind.Syn) || !kinds.includes(Kind.Connect) ? Kind.Syn : Kind.Connect;
}

export function describeTapSource(source: TapSource, clock: Pick<Clock, "wallMs">): string[] {
  const { accepted, refused, unanswered, unknown } = source;
  const names = source.kindList().map((kind) => kinds[kind].name);
  const since = printTime(clock, source.firstMs);
  const sentences = [
    `The mirror port has shown this source ask ${source.ports.count} different ports of ${source.hosts.count} hosts (${names.join(", ")}) since ${since}.`,
    `Its contacts ended so: ${accepted} accepted, ${refused} refused, ${unanswered} unanswered, ${unknown} of unknown outcome.`,
  ];
  if (source.isFlagged) {
    const by = source.scorers().join(", ");
    sentences.push(
      `The source was found scanning after ${source.flaggedAfter} probes (${by}); traffic on a mirror port proves no source.`,
    );
  }
  return [...sentences, ...(source.tools?.tools() ?? []).map(describeTool)];
}

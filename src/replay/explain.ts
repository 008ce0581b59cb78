// `replay --explain SOURCE`: the evidence about one source, a line a step.
import { isoTime } from "../base/clock.ts";
import { kinds } from "../detect/kinds.ts";
import { protocolName } from "../detect/probe.ts";
import { type Contact, Outcome, outcomeNames } from "../detect/tap/contact.ts";
import type { Step } from "../detect/tap/tap-rules.ts";
import { formatWords } from "../wire/address.ts";
import { ARP_PROTOCOL } from "../wire/packet.ts";

export function explainStep({ what, source, contact, by }: Step): string {
  const time = isoTime(contact.timeMs);
  const where = `${targetOf(contact)} at ${formatWords(contact.host0, contact.host1, contact.host2, contact.host3)}`;
  switch (what) {
    case "opened":
      return `${time}  probe ${source.probes}  ${kinds[contact.kind].name}  ${where}${contact.isEvidence ? "  only a scan sends such a packet" : ""}`;
    case "again":
      return `${time}  probe ${source.probes}  ${kinds[contact.kind].name}  ${where}  once more`;
    case "decided":
      return `${time}  outcome  ${where}  ${outcomeText(contact)}${walkText(source)}`;
    case "found":
      return `${time}  FOUND SCANNING by ${by ?? "?"} after ${source.probes} probes`;
  }
}

function targetOf({ protocol, port }: Contact): string {
  const name = protocol === ARP_PROTOCOL ? "arp" : protocolName(protocol);
  return port === 0 ? name : `${name}/${port}`;
}

function outcomeText({ outcome }: Contact): string {
  switch (outcome) {
    case Outcome.Refused:
      return "refused: nobody serves it";
    case Outcome.Unanswered:
      return "no answer";
    case Outcome.Accepted:
      return "accepted";
    case Outcome.Unknown:
      return "unknown: nothing that was seen tells it";
    case Outcome.Pending:
      return outcomeNames[outcome];
  }
}

function walkText({ sequential, weak }: Step["source"]): string {
  const walk = sequential === undefined ? "" : `; sequential test at ${sequential.walk.toFixed(1)}`;
  return weak === undefined ? walk : `${walk}; ${weak.count} different weak contacts`;
}

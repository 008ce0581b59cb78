// What OUTGOING means, for `portreeve check` and the first lines of the log.
import type { Settings } from "./settings.ts";

/** None with "off". */
export function explainOutgoing({ outgoing, capture, firewall, tap }: Settings): string[] {
  if (outgoing === "off") return [];
  if (tap.homes.length > 0 || capture === "ring") {
    const where = tap.homes.length > 0 ? "a mirror port" : 'CAPTURE="ring"';
    return [`What this host itself sends is not watched: OUTGOING has no effect with ${where}.`];
  }
  const told = "A process or a container of this host that scans others is reported (OUTGOING)";
  if (outgoing === "watch") return [`${told}, and not limited.`];
  if (firewall === "none") return [`${told}, and not limited, because FIREWALL is "none".`];
  return [
    `${told}; new TCP connections of its user, or of the container, to destinations that were never reached are limited to five a second until two minutes after the scan.`,
  ];
}

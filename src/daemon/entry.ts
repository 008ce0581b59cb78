// A block as the control socket shows it.
import type { Block } from "../block/block.ts";
import type { BlockedEntry } from "../control/api.ts";
import { formatPrefix } from "../wire/address.ts";

export function entryOf(block: Block): BlockedEntry {
  const { source, sinceMs, untilMs, grade, soft, reason, backend, enforced, offences } = block;
  return {
    source: formatPrefix(source),
    since: new Date(sinceMs).toISOString(),
    until: untilMs === undefined ? null : new Date(untilMs).toISOString(),
    grade,
    soft,
    reason,
    backend,
    enforced,
    offences,
  };
}

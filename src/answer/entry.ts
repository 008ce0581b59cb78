// A block as the control socket shows it.

import { type Clock, printTime } from "../base/clock.ts";
import type { BlockedEntry } from "../control/api.ts";
import type { Block } from "../judge/block.ts";
import { describeReason } from "../record/finding-text.ts";
import { formatPrefix } from "../wire/address.ts";

export function entryOf(block: Block, clock: Pick<Clock, "wallMs">): BlockedEntry {
  const { source, sinceMs, untilMs, grade, soft, reason, backend, enforced, offences } = block;
  const { knownPairs, liveConnections } = block;
  return {
    source: formatPrefix(source),
    since: printTime(clock, sinceMs),
    until: untilMs === undefined ? null : printTime(clock, untilMs),
    grade,
    soft,
    reason: describeReason(reason),
    backend,
    enforced,
    offences,
    ...(knownPairs !== undefined && { knownPairs }),
    ...(liveConnections !== undefined && { liveConnections }),
  };
}

// The nft command that does what a block did, for people.

import type { Block } from "../judge/block.ts";
import { formatPrefix } from "../wire/address.ts";
import { TABLE } from "./ruleset-plan.ts";
import { placeOf } from "./set-key.ts";

/** The nft command that does the same, for the log: an administrator can read it, repeat it and undo it. */
export function equivalentCommand(block: Block, nowMs: number): string {
  const place = placeOf(block.source, block.soft, false);
  const { w0, w1, w2, w3 } = block.source;
  const element = place.kind === "plain" ? formatPrefix({ w0, w1, w2, w3, bits: 128 }) : formatPrefix(block.source);
  const time =
    block.untilMs === undefined ? "" : ` timeout ${Math.max(1, Math.round((block.untilMs - nowMs) / 1000))}s`;
  return `nft add element inet ${TABLE} ${place.set} { ${element}${time} }`;
}

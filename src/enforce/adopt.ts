// What the kernel's sets hold and nobody lists is listed with what the kernel knows of it: nothing is enforced in silence.

import { type Block, TABLE_BACKEND } from "../judge/block.ts";
import type { Grade } from "../judge/verdict.ts";
import type { Store } from "../record/store.ts";
import type { Held } from "../table/held-elements.ts";
import type { Prefix } from "../wire/address.ts";
import type { TableBackend } from "./backend.ts";
import type { BlockList } from "./block-list.ts";

/** What ends so soon is left to end. */
const ENDING_MS = 2_000;

export interface AdoptParts {
  readonly store: Pick<Store, "putBlock">;
  readonly firewall: Pick<TableBackend, "enforce" | "lift" | "rewriteNetworks">;
  readonly list: BlockList;
  readonly nowMs: number;
  readonly grade: Grade;
  readonly reason: string;
}

/** Elements of plain sets. Returns the sources that are listed now and were not, or otherwise. */
export function adoptHeld(held: Iterable<Held>, parts: AdoptParts): Prefix[] {
  const adopted: Prefix[] = [];
  for (const one of held) adopted.push(...adoptOne(one, parts));
  return adopted;
}

function adoptOne({ source, soft, expiresInMs }: Held, parts: AdoptParts): Prefix[] {
  const { list, store, firewall, nowMs } = parts;
  if (source === undefined || (expiresInMs !== undefined && expiresInMs <= ENDING_MS)) return [];
  const block = blockOf(source, expiresInMs === undefined ? undefined : nowMs + expiresInMs, soft, parts);
  const listed = list.get(source);
  // The full block counts, whichever of the two reports it.
  const isBeside = listed !== undefined && (soft || !listed.soft);
  if (isBeside || !list.put(block)) {
    if (listed?.soft !== soft) firewall.lift([block], nowMs);
    return [];
  }
  if (listed !== undefined) firewall.lift([listed], nowMs);
  store.putBlock(block);
  return [source];
}

/** Networks that their sets hold beside those that are listed. What cannot be listed is taken out of the kernel. */
export function adoptNetworks(
  networks: readonly Pick<Block, "source" | "untilMs">[],
  parts: AdoptParts,
): { readonly adopted: Prefix[]; readonly removed: Prefix[] } {
  const { firewall, list, store, nowMs } = parts;
  const adopted: Prefix[] = [];
  const removed: Prefix[] = [];
  if (networks.length === 0) return { adopted, removed };
  const blocks = networks.map(({ source, untilMs }) => blockOf(source, untilMs, false, parts));
  for (const { block, failure } of firewall.enforce(blocks, nowMs)) {
    if (failure === "" && list.put(block)) {
      store.putBlock(block);
      adopted.push(block.source);
    } else {
      removed.push(block.source);
      if (failure === "") firewall.lift([block], nowMs);
    }
  }
  // Single addresses have gone to their own set, and what was refused is to go.
  firewall.rewriteNetworks(nowMs);
  return { adopted, removed };
}

function blockOf(
  source: Prefix,
  untilMs: number | undefined,
  soft: boolean,
  { nowMs, grade, reason }: AdoptParts,
): Block {
  return {
    source,
    sinceMs: nowMs,
    untilMs,
    grade,
    soft,
    reason,
    offences: 1,
    backend: TABLE_BACKEND,
    enforced: true,
  };
}

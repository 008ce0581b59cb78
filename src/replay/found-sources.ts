// The sources that one of the two policies finds scanning, and the other facts about them: whether they are clients,
// whether the host spares them, and whether a block has cut their record short. Bounded.
import type { KnownClient } from "../control/api.ts";
import type { Finding } from "../detect/finding.ts";
import { possibleKeys } from "../detect/source-key.ts";
import { formatPrefix, type Prefix, parsePrefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";

export interface FoundSource {
  readonly source: Prefix;
  readonly present?: Finding;
  readonly proposed?: Finding;
  /** TCP ports to which it has finished a real connection lately; the first MAX_PORTS of them. */
  readonly clientOf: Set<number>;
  /** Why it would be left alone: the allow list, or the guard's reason. */
  spared?: string;
}

const MAX_FOUND = 262_144;
const MAX_BLOCKED = 262_144;
const MAX_PORTS = 16;

export class FoundSources {
  readonly #found = new Map<string, FoundSource>();
  /** Sources that were blocked while the record was made. */
  readonly #blocked = new Set<string>();
  /** Found, and not listed as there are too many. */
  further = 0;

  add(name: string, by: Pick<FoundSource, "present" | "proposed">): void {
    const before = this.#found.get(name);
    const source = (by.present ?? by.proposed)?.source;
    if (source === undefined) return;
    if (before === undefined && this.#found.size >= MAX_FOUND) this.further++;
    else this.#found.set(name, { source, clientOf: new Set(), ...before, ...by });
  }

  noteBlock(name: string): void {
    if (this.#blocked.size < MAX_BLOCKED) this.#blocked.add(name);
  }

  /** The record lacks its probes after that. */
  wasBlocked({ source }: FoundSource): boolean {
    return this.#blocked.has(formatPrefix(source));
  }

  /** One address; it counts for the /64 that it is part of as well. */
  noteClient({ source, port }: Pick<KnownClient, "source" | "port">): void {
    const address = parsePrefix(source);
    if (address === undefined || this.#found.size === 0) return;
    for (const key of possibleKeys(address)) {
      const ports = this.#found.get(formatPrefix(key))?.clientOf;
      if (ports !== undefined && ports.size < MAX_PORTS) ports.add(port);
    }
  }

  /**
   * `spared`: blocks by reason, the reason that counts first at the front. An address is spared; of a /64 only all of it, for a
   * scanner beside one is none the less blocked.
   */
  noteSpared(spared: readonly { readonly because: string; readonly blocks: readonly Prefix[] }[]): void {
    const reasons = spared.map(({ because, blocks }) => ({ because, ranges: new AddressRanges(blocks) }));
    for (const found of this.#found.values()) {
      const reason = reasons.find(({ ranges }) => ranges.containsPrefix(found.source));
      if (reason !== undefined) found.spared = reason.because;
    }
  }

  /** In the order in which they were found. */
  list(): readonly FoundSource[] {
    return [...this.#found.values()].sort((a, b) => timeOf(a) - timeOf(b));
  }
}

function timeOf({ present, proposed }: FoundSource): number {
  return Math.min(present?.timeMs ?? Number.POSITIVE_INFINITY, proposed?.timeMs ?? Number.POSITIVE_INFINITY);
}

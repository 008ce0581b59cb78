// What follows when another program has changed blocks in the kernel: one that is gone was unblocked by hand, several are
// put back, another end is put right, and what was added is listed.

import type { Block } from "../judge/block.ts";
import type { Recorder } from "../record/recorder.ts";
import type { Firewall } from "../table/firewall.ts";
import type { Held } from "../table/held-elements.ts";
import type { TableDrift } from "../table/kernel-sensor.ts";
import type { NetworkAudit } from "../table/network-blocks.ts";
import { formatPrefix, type Prefix, prefixContains } from "../wire/address.ts";
import type { Found } from "./block-audit.ts";
import type { Blocker } from "./blocker.ts";

/** Deletions noticed together that still count as an administrator's own hand. */
const BY_HAND_LIMIT = 1;
/** Among so many blocks what another program added is found by reading the sets whole (some 5 us each). */
const READ_WHOLE = 10_000;

const NO_FAULT: NetworkAudit = { gone: [], torn: [], foreign: [], untimely: false };

export interface DriftSettlerParts {
  readonly firewall: Pick<Firewall, "enforce" | "isNetwork" | "auditNetworks" | "rewriteNetworks"> & {
    readonly held: Pick<Firewall["held"], "read">;
  };
  readonly drift: Pick<TableDrift, "hasDrifted">;
  readonly blocker: Pick<Blocker, "list" | "lift" | "adopt">;
  readonly recorder: Pick<Recorder, "drift">;
  /** Takes a block off the list that the kernel will not hold. */
  readonly drop: (block: Block, failure: string) => void;
  /** Counts a repair. */
  readonly repaired: () => void;
  readonly nowMs: () => number;
}

export class DriftSettler {
  readonly #parts: DriftSettlerParts;

  constructor(parts: DriftSettlerParts) {
    this.#parts = parts;
  }

  /** `program`: the program that made the change, "" where that is not known. */
  settle(singles: Found, program: string): void {
    const who = program === "" ? "another program" : program;
    const { firewall, drift, nowMs } = this.#parts;
    // Then it is loaded again with every block (Reconciler.repair).
    if (drift.hasDrifted()) return;
    const { gone, torn, foreign, untimely } = singles.areNetworksRight ? NO_FAULT : firewall.auditNetworks(nowMs());
    // A network that is there in part was not removed on purpose.
    const isWhole = torn.length === 0;
    const missing = isWhole ? [...singles.missing, ...this.#listedOf(gone)] : singles.missing;
    if (missing.length > 0) this.#settleMissing(missing, who);
    if (singles.untimely.length > 0) this.#settleUntimely(singles.untimely, who);
    if (!isWhole || untimely) this.#settleTorn([...gone, ...torn], who);
    this.#settleAdded(foreign, who);
  }

  #listedOf(networks: readonly Prefix[]): Block[] {
    return networks.map((source) => this.#parts.blocker.list.get(source)).filter((block) => block !== undefined);
  }

  /** What lies in a network that is missing as well went with it. */
  #settleMissing(missing: readonly Block[], who: string): void {
    const { firewall, blocker, recorder, repaired, drop, nowMs } = this.#parts;
    const networks = missing.filter((block) => firewall.isNetwork(block));
    const isInner = (one: Block) => networks.some((other) => other !== one && prefixContains(other.source, one.source));
    let outermost = 0;
    for (const block of missing) if (outermost <= BY_HAND_LIMIT && !isInner(block)) outermost++;
    if (outermost <= BY_HAND_LIMIT) {
      for (const { source } of missing) {
        recorder.drift(`${formatPrefix(source)} was removed from the kernel by ${who}, which is taken as an unblock`);
      }
      blocker.lift(missing, "removed elsewhere");
      return;
    }
    const failed = firewall.enforce(missing, nowMs()).filter(({ failure }) => failure !== "");
    repaired();
    recorder.drift(
      `${who} removed ${missing.length} blocks from the kernel: ${missing.length - failed.length} restored`,
    );
    for (const { block, failure } of failed) drop(block, failure);
  }

  #settleUntimely(blocks: readonly Block[], who: string): void {
    const { firewall, recorder, repaired, drop, nowMs } = this.#parts;
    const failed = firewall.enforce(blocks, nowMs()).filter(({ failure }) => failure !== "");
    repaired();
    recorder.drift(
      `${who} gave ${named(blocks.map(({ source }) => source))} another end in the kernel: the end in the list is put back`,
    );
    for (const { block, failure } of failed) drop(block, failure);
  }

  /** Parts of networks are gone, or end at another time. */
  #settleTorn(sources: readonly Prefix[], who: string): void {
    const { firewall, recorder, repaired, drop, nowMs } = this.#parts;
    const blocks = this.#listedOf(sources);
    const failed = firewall.enforce(blocks, nowMs()).filter(({ failure }) => failure !== "");
    const failure = blocks.length === 0 ? firewall.rewriteNetworks(nowMs()) : "";
    repaired();
    recorder.drift(
      failure === ""
        ? `${who} changed parts of blocked networks in the kernel: they are put back`
        : `${who} changed parts of blocked networks in the kernel, and they cannot be put back: ${failure}`,
    );
    for (const { block, failure: reason } of failed) drop(block, reason);
  }

  /** An element that was added to our sets by hand is meant as a block: it is listed, so that it can be seen and lifted. */
  #settleAdded(networks: readonly Pick<Block, "source" | "untilMs">[], who: string): void {
    const { firewall, blocker, recorder, repaired } = this.#parts;
    const isListed = ({ source, soft }: Held) => source !== undefined && blocker.list.get(source)?.soft === soft;
    const added = blocker.list.size <= READ_WHOLE ? firewall.held.read().filter((held) => !isListed(held)) : [];
    if (networks.length === 0 && added.length === 0) return;
    const { adopted, removed } = blocker.adopt(added, networks, `added to the kernel's set by ${who}`);
    if (adopted.length > 0)
      recorder.drift(`${who} added ${named(adopted)} to the blocks in the kernel: they are listed now`);
    if (removed.length > 0) {
      repaired();
      recorder.drift(
        `${who} added ${named(removed)} to the blocks in the kernel: they are taken out, as they cannot be listed`,
      );
    }
  }
}

/** The first of them by name. */
function named(sources: readonly Prefix[]): string {
  const [first] = sources;
  if (first === undefined) return "nothing";
  return sources.length === 1 ? formatPrefix(first) : `${formatPrefix(first)} and ${sources.length - 1} more`;
}

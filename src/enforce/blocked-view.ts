// BLOCKED_FILE: PortSentry's list of who is blocked, kept in step with ours for the programs that read it.

import type { Clock } from "../base/clock.ts";
import type { Block } from "../judge/block.ts";
import { type BlockedFile, MAX_WRITTEN } from "../record/blocked-file.ts";
import { formatPrefix } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { BlockList } from "./block-list.ts";

/** The file is replaced whole: not more often than this. */
const WRITE_EVERY_MS = 5_000;
/** The shortest time between two writes where the list is long. */
const LONG_EVERY_MS = 60_000;
const LONG = 10_000;

export interface BlockedViewParts {
  readonly list: BlockList;
  /** One for each protocol that is watched, each with its mode's suffix; without it: both in one. */
  readonly files: readonly {
    readonly protocol: number | undefined;
    readonly file: Pick<BlockedFile, "write" | "add" | "form">;
  }[];
  readonly clock: Clock;
}

export class BlockedView {
  readonly #parts: BlockedViewParts;
  #written = -1;
  #writtenMs = 0;
  #hasBegun = false;

  constructor(parts: BlockedViewParts) {
    this.#parts = parts;
  }

  /** When the list holds what was restored: until then the files are those of the run before. */
  async begin(): Promise<void> {
    const { list, files } = this.#parts;
    const records = files.map(({ file }) => file).filter(({ form }) => form === "records");
    if (records.length > 0)
      list.onFull = (source) => {
        for (const file of records) file.add(source);
      };
    this.#hasBegun = true;
    await this.tick(true);
  }

  /** Once a second, and with `now` at stop. Resolves when the files are written; never rejects. */
  async tick(now = false): Promise<void> {
    const { list, files, clock } = this.#parts;
    const { nowMs } = clock;
    if (files.length === 0 || !this.#hasBegun || list.changes === this.#written) return;
    const everyMs = list.size > LONG ? LONG_EVERY_MS : WRITE_EVERY_MS;
    if (!now && Math.abs(nowMs() - this.#writtenMs) < everyMs) return;
    this.#written = list.changes;
    this.#writtenMs = nowMs();
    const blocks = list.newestFull(MAX_WRITTEN);
    const older = Math.max(0, list.size - list.softCount - MAX_WRITTEN);
    function* entriesOf(protocol: number | undefined) {
      for (const block of blocks)
        if (protocol === undefined || protocolOf(block) === protocol) yield entryOf(block, clock);
    }
    await Promise.all(files.map(({ protocol, file }) => file.write(entriesOf(protocol), older)));
  }
}

function protocolOf(block: Block): number {
  return block.trigger?.protocol === IpProtocol.Udp ? IpProtocol.Udp : IpProtocol.Tcp;
}

/** BLOCKED_FILE has the wall clock's time. */
function entryOf(block: Block, clock: Clock) {
  return {
    source: block.source,
    timeMs: clock.wallMs(block.sinceMs),
    sourceText: formatPrefix(block.source),
    protocol: protocolOf(block),
    port: block.trigger?.port ?? 0,
  };
}

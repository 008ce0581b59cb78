// Looks which blocks of the administrator's own have lost their rule: by the kernel's own list where there is one, else by
// asking for some of them in turn. Never for more than a fiftieth of the time.

import type { Block } from "../judge/block.ts";
import type { CommandBackend } from "./backends/command-backend.ts";

/** Rules asked for in one look where nothing lists them all: each is a process. */
const CHECKS_PER_LOOK = 1;
/** After another program removed rules: more at once, to find what it removed. */
const CHECKS_AFTER_CHANGE = 32;
/** How many blocks that the list does not name are asked for. More wait for the next look. */
const SUSPECTS_PER_LOOK = 256;
/** After a look it rests so much longer than it took, so that long lists cost little; but what vanished is missed soon. */
const REST_FACTOR = 50;
const MAX_REST_MS = 2_500;

export class RuleLook {
  readonly #backends: readonly CommandBackend[];
  /** Where the next look begins in the list. */
  #cursor = 0;
  #isLooking = false;
  #restUntilMs = 0;

  constructor(backends: readonly CommandBackend[]) {
    this.#backends = backends;
  }

  /** Calls `onGone` with the blocks whose rule is gone, if any. `afterChange`: another program has just removed rules. */
  async look(
    blocks: readonly Block[],
    afterChange: boolean,
    onGone: (blocks: readonly Block[]) => void | Promise<void>,
  ): Promise<void> {
    if (this.#isLooking || blocks.length === 0) return;
    const startMs = performance.now();
    if (!afterChange && startMs < this.#restUntilMs) return;
    this.#isLooking = true;
    try {
      const gone: Block[] = [];
      for (const { block, backend } of await this.#suspects(blocks, afterChange)) {
        if ((await backend.stands(block)) === false) gone.push(block);
      }
      const endMs = performance.now();
      this.#restUntilMs = endMs + Math.min(MAX_REST_MS, REST_FACTOR * (endMs - startMs));
      if (gone.length > 0) await onGone(gone);
    } finally {
      this.#isLooking = false;
    }
  }

  /** The blocks to ask for one by one: those that a backend's own list does not name, or some, each time others. */
  async #suspects(blocks: readonly Block[], afterChange: boolean): Promise<readonly Suspect[]> {
    const unlisted: Suspect[] = [];
    const untold = new Set<CommandBackend>();
    for (const backend of this.#backends) {
      const its = blocks.filter(({ backend: name }) => name === backend.name);
      const suspects = its.length === 0 ? [] : await backend.suspects?.(its);
      if (suspects === undefined) untold.add(backend);
      // The newest first: what an administrator has just seen is what he removes.
      else unlisted.push(...suspects.slice(-SUSPECTS_PER_LOOK).map((block) => ({ block, backend })));
    }
    const others = blocks.flatMap((block) =>
      [...untold].filter(({ name }) => name === block.backend).map((backend) => ({ block, backend })),
    );
    return [...unlisted, ...this.#inTurn(others, afterChange)];
  }

  #inTurn(blocks: readonly Suspect[], afterChange: boolean): readonly Suspect[] {
    if (blocks.length === 0) return [];
    const count = Math.min(blocks.length, afterChange ? CHECKS_AFTER_CHANGE : CHECKS_PER_LOOK);
    const from = afterChange ? blocks.length - count : this.#cursor % blocks.length;
    if (!afterChange) this.#cursor = (from + count) % blocks.length;
    return Array.from({ length: count }, (_, index) => blocks[(from + index) % blocks.length]).filter(
      (block) => block !== undefined,
    );
  }
}

/** A block whose rule is to be asked for. */
interface Suspect {
  readonly block: Block;
  readonly backend: CommandBackend;
}

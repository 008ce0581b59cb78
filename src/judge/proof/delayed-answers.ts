// Sends each answer of the silence test after a random time, so that it does not tell how busy the daemon was: a SYN to a
// closed port costs it an event and a log line, one to an open port hardly anything, and the answer to another source came
// later by a millisecond (docs/security/attacks-afresh-default.md, finding 5).
import type { AnsweredSyn, ResetSender } from "../../kernel/tcp-reset.ts";

/** An answer waits for a time drawn evenly from 0 to this. A scanner takes it for a slow line: it waits longer by itself. */
export const MAX_DELAY_MS = 80;
/** Answers that wait. The limits of the prover let some 120 of them wait at a time. */
const MAX_WAITING = 512;

export interface DelayParts {
  readonly sender: Pick<ResetSender, "answer" | "sent" | "refused">;
  /** 0 <= x < 1; not to be guessed. */
  readonly random: () => number;
  readonly later: (task: () => void, delayMs: number) => void;
}

export class DelayedAnswers {
  readonly #parts: DelayParts;
  #waiting = 0;
  #isClosed = false;
  /** Answers that were not sent because too many waited. */
  #refused = 0;

  constructor(parts: DelayParts) {
    this.#parts = parts;
  }

  get sent(): number {
    return this.#parts.sender.sent;
  }

  get refused(): number {
    return this.#parts.sender.refused + this.#refused;
  }

  /** Copies what it needs: `syn` may be a reused record. */
  answer(syn: AnsweredSyn): void {
    if (this.#waiting >= MAX_WAITING) {
      this.#refused++;
      return;
    }
    const { family, source0, source1, source2, source3, sourcePort, destinationPort, tcpSequence } = syn;
    const { destination0, destination1, destination2, destination3 } = syn;
    const copy: AnsweredSyn = {
      family,
      source0,
      source1,
      source2,
      source3,
      destination0,
      destination1,
      destination2,
      destination3,
      sourcePort,
      destinationPort,
      tcpSequence,
    };
    this.#waiting++;
    this.#parts.later(() => {
      this.#waiting--;
      if (!this.#isClosed) this.#parts.sender.answer(copy);
    }, this.#parts.random() * MAX_DELAY_MS);
  }

  /** Waiting answers are not sent any more. */
  close(): void {
    this.#isClosed = true;
  }
}

// One thing at a time for each source: what is asked twice is done once, anything else waits for what was asked before.
import { formatPrefix, type Prefix } from "../../wire/address.ts";
import { failed, type ResponseRequest, type ResponseResult, type ResponseStep } from "./response.ts";

/** The last thing asked for a source: what is like it joins it, anything else waits for it. */
interface Tail {
  readonly what: string;
  readonly results: Promise<readonly ResponseResult[]>;
}

const MAX_SOURCES = 65_536;

export class SourceTurns {
  /** How often too many sources were in the works already. */
  readonly counters = { responsesRefused: 0 };
  readonly #tails = new Map<string, Tail>();
  #closed = false;

  /** Carries out the steps one after the other, a failure does not stop the next. `what`: asked again meanwhile it is done once. */
  take(
    { source }: Pick<ResponseRequest, "source">,
    what: string,
    steps: readonly ResponseStep[],
    carryOut: (step: ResponseStep) => Promise<ResponseResult>,
  ): Promise<readonly ResponseResult[]> {
    const key = formatPrefix(source);
    const before = this.#tails.get(key);
    if (before?.what === what) return before.results;
    const refusal = this.#refusal(before !== undefined);
    if (refusal !== "") return Promise.resolve(steps.map((step) => failed(step, "", refusal)));
    const work = async (): Promise<readonly ResponseResult[]> => {
      await before?.results;
      const results: ResponseResult[] = [];
      for (const step of steps) {
        results.push(await carryOut(step).catch((error: unknown) => failed(step, "", String(error))));
      }
      return results;
    };
    const tail = { what, results: work() };
    this.#tails.set(key, tail);
    void tail.results.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    return tail.results;
  }

  #refusal(known: boolean): string {
    if (this.#closed) return "not done: the daemon is stopping";
    if (known || this.#tails.size < MAX_SOURCES) return "";
    this.counters.responsesRefused++;
    return `not done: responses to ${MAX_SOURCES} sources are in the works already`;
  }

  /** Resolves when what was asked for a source until now is done. */
  async last(source: Prefix): Promise<void> {
    await this.#tails.get(formatPrefix(source))?.results;
  }

  /** Refuses everything from now on. */
  close(): void {
    this.#closed = true;
  }

  /** Resolves when everything asked for has its answer. */
  async ended(): Promise<void> {
    await Promise.all([...this.#tails.values()].map(({ results }) => results));
  }
}

// iptables commands run one after the other, whichever KILL_ROUTE they are of: they would only wait for each other's lock.
import { setTimeout as delay } from "node:timers/promises";
import { type CommandResult, notRun } from "./command-result.ts";
import type { CommandRunner } from "./command-runner.ts";

/** iptables-legacy gives up at once when another program changes the rules: asked again so often, so much later. */
const LOCK_RETRIES = 10;
const LOCK_RETRY_MS = 100;
const LANE_LIMIT = 8192;

export class IptablesLane {
  readonly #runner: Pick<CommandRunner, "run">;
  #last: Promise<unknown> = Promise.resolve();
  #inLane = 0;

  constructor(runner: Pick<CommandRunner, "run">) {
    this.#runner = runner;
  }

  run(argv: readonly string[], outputBytes?: number): Promise<CommandResult> {
    if (this.#inLane >= LANE_LIMIT) {
      return Promise.resolve(notRun(`not run: ${LANE_LIMIT} commands wait already`));
    }
    this.#inLane++;
    const run = this.#last.then(() => this.#runPatiently(argv, outputBytes));
    this.#last = run.finally(() => {
      this.#inLane--;
    });
    return run;
  }

  async #runPatiently(argv: readonly string[], outputBytes: number | undefined): Promise<CommandResult> {
    for (let count = 0; ; count++) {
      const result = await this.#runner.run(argv, outputBytes);
      if (result.exitCode !== 4 || !result.output.includes("xtables lock") || count >= LOCK_RETRIES) return result;
      await delay(LOCK_RETRY_MS);
    }
  }
}

// Whether the administrator's commands work: `status` names one that has failed, until it works again.

import { plural } from "../base/plural.ts";
import type { Troubles } from "../base/troubles.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import type { ResponseResult, ResponseStep } from "./commands/response.ts";

const keyOf: Readonly<Record<ResponseStep, string>> = {
  route: "KILL_ROUTE",
  "hosts-deny": "KILL_HOSTS_DENY",
  run: "KILL_RUN_CMD",
};

export class CommandHealth {
  readonly counters = { commandsFailed: 0 };
  readonly #troubles: Troubles;
  /** Failures since the last success. */
  readonly #inARow: Record<ResponseStep, number> = { route: 0, "hosts-deny": 0, run: 0 };

  constructor(troubles: Troubles) {
    this.#troubles = troubles;
  }

  /** A command of other settings has to be found out anew. */
  forget(): void {
    for (const step of ["route", "hosts-deny", "run"] as const) this.#works(step);
  }

  note(source: Prefix, results: readonly ResponseResult[]): void {
    for (const result of results) {
      if (result.ok && result.detail === "") this.#works(result.step);
      else if (result.isNotFor !== true && !result.ok) this.#fails(source, result);
    }
  }

  #works(step: ResponseStep): void {
    if (this.#inARow[step] === 0) return;
    this.#inARow[step] = 0;
    this.#troubles.clear(topicOf(step));
  }

  #fails(source: Prefix, { step, detail, text }: ResponseResult): void {
    this.counters.commandsFailed++;
    const count = ++this.#inARow[step];
    const times = plural(count, "source");
    const message = `${keyOf[step]} has failed for ${times} in a row, the last ${formatPrefix(source)}: ${detail}: ${text}`;
    this.#troubles.set(topicOf(step), message);
  }
}

function topicOf(step: ResponseStep): string {
  return `${keyOf[step]} fails`;
}

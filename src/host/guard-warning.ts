// Makes the warning about an address that this host depends on and that is proven to scan.
import type { Verdict } from "../judge/verdict.ts";
import { formatPrefix } from "../wire/address.ts";
import { describeGuard } from "./guard.ts";

/** A spared source is found again with each scan: the warning comes once in this time for each source. */
const AGAIN_MS = 60_000;
/** Sources whose warning is remembered; the oldest goes, and would be warned of again. */
const MAX_SOURCES = 1_024;

/** The latest warning about each source. */
export class GuardWarnings {
  readonly #saidMs = new Map<string, number>();

  /** "" when there is nothing to say, or it has been said a moment ago. */
  next(verdict: Verdict, blocks: boolean, nowMs: number): string {
    const text = guardWarning(verdict, blocks);
    if (text === "" || Math.abs(nowMs - (this.#saidMs.get(text) ?? Number.NEGATIVE_INFINITY)) < AGAIN_MS) return "";
    this.#saidMs.delete(text);
    const [oldest] = this.#saidMs.keys();
    if (this.#saidMs.size >= MAX_SOURCES && oldest !== undefined) this.#saidMs.delete(oldest);
    this.#saidMs.set(text, nowMs);
    return text;
  }
}

/** "" when there is nothing to say. */
export function guardWarning(verdict: Verdict, blocks: boolean): string {
  if ((verdict.action !== "spare" && verdict.action !== "block") || verdict.guard === undefined) return "";
  const { source, address = source } = verdict.finding;
  const who = `${formatPrefix(address)}, ${describeGuard(verdict.guard)},`;
  if (verdict.action === "block") {
    return blocks
      ? `${who} is proven to scan this host, and is blocked: "portreeve unblock" if this host cannot do without it`
      : `${who} is proven to scan this host, and is not blocked: no command (KILL_ROUTE and the like) is run about it`;
  }
  if (verdict.proven === undefined) return "";
  const remedy = verdict.guard === "ssh" ? ' (GUARD_SSH="0" would block it)' : "";
  return `${who} is proven to scan this host, and is not blocked${remedy}`;
}

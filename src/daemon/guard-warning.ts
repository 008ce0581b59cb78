// What is said aloud when somebody whom this host depends on is proven to scan.
import type { Verdict } from "../judge/verdict.ts";
import { formatPrefix } from "../wire/address.ts";
import { describeGuard } from "./guard.ts";

/** "" when there is nothing to say. */
export function guardWarning(verdict: Verdict, blocks: boolean): string {
  if ((verdict.action !== "spare" && verdict.action !== "block") || verdict.guard === undefined) return "";
  const who = `${formatPrefix(verdict.finding.source)}, ${describeGuard(verdict.guard)},`;
  if (verdict.action === "block") {
    return blocks
      ? `${who} is proven to scan this host, and is blocked: "portreeve unblock" if this host cannot do without it`
      : `${who} is proven to scan this host, and is not blocked: no command (KILL_ROUTE and the like) is run about it`;
  }
  if (verdict.proven === undefined) return "";
  const remedy = verdict.guard === "ssh" ? ' (GUARD_SSH="0" would block it)' : "";
  return `${who} is proven to scan this host, and is not blocked${remedy}`;
}

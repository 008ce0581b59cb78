// What commands of the administrator's did for a block, as a text that the block keeps: the settings may change while it
// stands, and it is undone by the inverse of what made it.
import { isOptionalText, parseJson } from "../../base/checks.ts";
import { recognizeList } from "../../command/command-list.ts";
import type { Block } from "../../judge/block.ts";
import type { ResponseSettings, ResponseStep } from "./response.ts";

export type MadeBy = Pick<ResponseSettings, "killRoute" | "unkillRoute" | "hostsDeny" | "hostsDenyFile">;

/** "" when none of the steps leaves anything behind. */
export function formatMadeBy(settings: MadeBy, steps: readonly ResponseStep[]): string {
  const route = steps.includes("route") ? [settings.killRoute, settings.unkillRoute] : [undefined, undefined];
  const deny = steps.includes("hosts-deny") ? [settings.hostsDeny, settings.hostsDenyFile] : [undefined, undefined];
  const [killRoute, unkillRoute, hostsDeny, hostsDenyFile] = [...route, ...deny];
  if (killRoute === undefined && hostsDeny === undefined) return "";
  return JSON.stringify([killRoute, unkillRoute, hostsDeny, hostsDenyFile].map((text) => text ?? null));
}

/** undefined for a text that is none of ours: the store may have been tampered with. */
export function parseMadeBy(text: string): MadeBy | undefined {
  const parsed = parseJson(text);
  if (!Array.isArray(parsed) || parsed.length !== 4) return undefined;
  const [killRoute, unkillRoute, hostsDeny, hostsDenyFile] = parsed.map((part: unknown) => part ?? undefined);
  if (!isOptionalText(killRoute) || !isOptionalText(unkillRoute)) return undefined;
  if (!isOptionalText(hostsDeny) || !isOptionalText(hostsDenyFile)) return undefined;
  return { killRoute, unkillRoute, hostsDeny, hostsDenyFile: hostsDenyFile ?? "" };
}

/** What `before` left that `after` does not stand for; "" for nothing. */
export function leftOver(before: string | undefined, after: string | undefined): string {
  if (before === undefined || before === "" || before === after) return "";
  const [old, now] = [parseMadeBy(before), parseMadeBy(after ?? "")];
  if (old === undefined) return "";
  const steps: ResponseStep[] = [];
  if (old.killRoute !== now?.killRoute) steps.push("route");
  if (old.hostsDeny !== now?.hostsDeny || old.hostsDenyFile !== now?.hostsDenyFile) steps.push("hosts-deny");
  return formatMadeBy(old, steps);
}

/** What is left to undo once a route has shown that it blocks nothing: not a command whose inverse nobody knows. */
export function withoutIdleRoute(madeBy: string | undefined, unkillRoute: string | undefined): string | undefined {
  const made = madeBy === undefined ? undefined : parseMadeBy(madeBy);
  if (made?.killRoute === undefined || (made.unkillRoute ?? unkillRoute) !== undefined) return madeBy;
  return "unknown" in recognizeList(made.killRoute) ? formatMadeBy(made, ["hosts-deny"]) : madeBy;
}

/** Whether a block may have left anything that its end has to undo. Blocks of older versions do not say what. */
export function hasResponses({ soft, grade, afterTrial, madeBy }: Omit<Block, "enforced">): boolean {
  if (madeBy !== undefined) return madeBy !== "";
  return !soft && grade !== "manual" && afterTrial === undefined;
}

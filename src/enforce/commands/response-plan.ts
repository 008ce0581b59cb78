// What the settings, or a block's own record of what made it, say is to be done: the steps, and what each of them needs.

import { parseTemplate, type Template } from "../../command/template.ts";
import type { HostsDeny } from "./hosts-deny.ts";
import type { Runners } from "./known-part.ts";
import { formatMadeBy, type MadeBy } from "./made-by.ts";
import type { ResponseSettings, ResponseStep } from "./response.ts";
import { RouteCommand } from "./route-command.ts";

export interface ResponsePlan {
  readonly steps: readonly ResponseStep[];
  /** What a block that all steps work for is made by. */
  readonly made: MadeBy;
  readonly route: RouteCommand | undefined;
  readonly run: Template | undefined;
  readonly hostsDeny: string | undefined;
  readonly file: HostsDeny;
}

export function planOf(settings: ResponseSettings, runners: Runners, file: HostsDeny): ResponsePlan {
  const { killRoute = "", unkillRoute = "", hostsDeny = "", runCommand = "", runCommandFirst, takesIpv6 } = settings;
  const order: readonly ResponseStep[] = runCommandFirst
    ? ["run", "hosts-deny", "route"]
    : ["hosts-deny", "route", "run"];
  const isSet = {
    run: runCommand.trim() !== "",
    "hosts-deny": hostsDeny.trim() !== "",
    route: killRoute.trim() !== "",
  };
  return {
    steps: order.filter((step) => isSet[step]),
    made: settings,
    route: isSet.route ? new RouteCommand(killRoute, unkillRoute.trim() || undefined, runners, takesIpv6) : undefined,
    run: isSet.run ? parseTemplate(runCommand) : undefined,
    hostsDeny: isSet["hosts-deny"] ? hostsDeny : undefined,
    file,
  };
}

/** What undoes a block that `made` has made, under these settings: an UNKILL_ROUTE that was set since counts. */
export function undoSettings(made: MadeBy, settings: ResponseSettings): ResponseSettings {
  const isSame = made.killRoute === settings.killRoute;
  const unkillRoute = (isSame ? settings.unkillRoute : undefined) ?? made.unkillRoute;
  const none = { runCommand: undefined, runCommandFirst: false, takesIpv6: settings.takesIpv6 };
  return { ...made, ...none, unkillRoute, hostsDenyFile: made.hostsDenyFile || settings.hostsDenyFile };
}

/** The record of what these steps of a plan have done. */
export function madeBySteps(plan: ResponsePlan, steps: readonly ResponseStep[]): string {
  return formatMadeBy(
    plan.made,
    steps.filter((step) => plan.steps.includes(step)),
  );
}

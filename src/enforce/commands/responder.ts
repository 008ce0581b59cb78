// What the administrator told us to do about a source: KILL_RUN_CMD, a line in hosts.deny, KILL_ROUTE; in PortSentry's
// order, undone on request, and read back where the command is known. One thing at a time for each source. Knows what
// the settings say, not what was done before: the block list remembers that.
import { whyNot } from "./command-result.ts";
import type { CommandRunner } from "./command-runner.ts";
import { denyLine, denyPattern } from "./deny-lines.ts";
import { HostsDeny } from "./hosts-deny.ts";
import {
  failed,
  type ResponseRequest,
  type ResponseResult,
  type ResponseSettings,
  type ResponseStep,
} from "./response.ts";
import { RouteCommand } from "./route-command.ts";
import { SourceTurns } from "./source-turns.ts";
import { fill, parseTemplate, type Template, type TemplateValues } from "./template.ts";

export interface ResponderParts {
  readonly settings: ResponseSettings;
  readonly runner: Pick<CommandRunner, "run" | "close">;
  /** The file that a path stands for; tests give one with their own bounds. */
  readonly openHostsDeny?: (path: string) => HostsDeny;
}

interface Plan {
  readonly steps: readonly ResponseStep[];
  readonly route: RouteCommand | undefined;
  readonly run: Template | undefined;
  readonly hostsDeny: string | undefined;
  readonly file: HostsDeny;
}

export class Responder {
  readonly #runner: ResponderParts["runner"];
  readonly #openHostsDeny: (path: string) => HostsDeny;
  readonly #turns = new SourceTurns();
  #plan: Plan;

  constructor({ settings, runner, openHostsDeny = (path) => new HostsDeny(path) }: ResponderParts) {
    this.#runner = runner;
    this.#openHostsDeny = openHostsDeny;
    this.#plan = planOf(settings, runner, openHostsDeny(settings.hostsDenyFile));
  }

  /** For what is asked from now on. */
  setSettings(settings: ResponseSettings): void {
    const same = settings.hostsDenyFile === this.#plan.file.path;
    // One writer for each file: its lock is between processes.
    const file = same ? this.#plan.file : this.#openHostsDeny(settings.hostsDenyFile);
    this.#plan = planOf(settings, this.#runner, file);
  }

  get counters(): Readonly<Record<string, number>> {
    return { ...this.#turns.counters, hostsDenyRefused: this.#plan.file.refused };
  }

  /** What respond() does, in its order. */
  steps(): readonly ResponseStep[] {
    return this.#plan.steps;
  }

  /**
   * Does the steps, or those of them in `only`, one after the other; a failure does not stop the next. Asked again for
   * the same source meanwhile, it answers with the same results.
   */
  respond(request: ResponseRequest, only?: readonly ResponseStep[]): Promise<readonly ResponseResult[]> {
    const plan = this.#plan;
    const steps = plan.steps.filter((step) => only === undefined || only.includes(step));
    return this.#turns.take(request, `respond ${steps.join(" ")}`, steps, (step) => this.#do(plan, step, request));
  }

  /** Undoes KILL_ROUTE and takes the line from hosts.deny. What is not there any more is undone. */
  undo(request: ResponseRequest): Promise<readonly ResponseResult[]> {
    const plan = this.#plan;
    const steps = plan.steps.filter((step) => step !== "run").reverse();
    return this.#turns.take(request, "undo", steps, (step) => this.#undo(plan, step, request));
  }

  /**
   * Whether the block still stands: the route if it is of a known form, else the line; undefined: cannot be told.
   * `lineOnly`: KILL_ROUTE has failed, and the line alone is the block.
   */
  async isStillThere(request: ResponseRequest, lineOnly = false): Promise<boolean | undefined> {
    await this.#turns.last(request.source);
    const { route, hostsDeny, file } = this.#plan;
    const values = valuesOf(request);
    if (route !== undefined && !lineOnly) return route.isThere(values);
    if (hostsDeny === undefined) return undefined;
    return file.has(denyPattern(hostsDeny, values) ?? denyLine(hostsDeny, values));
  }

  /**
   * Picks those of these sources whose block may be gone, by few processes; undefined: each has to be asked for
   * (isStillThere).
   */
  async suspects<T extends ResponseRequest>(requests: readonly T[]): Promise<readonly T[] | undefined> {
    const { route } = this.#plan;
    const unlisted = await route?.unlisted(requests.map((request) => ({ ...valuesOf(request), request })));
    return unlisted?.map(({ request }) => request);
  }

  /** Ends what runs and waits until everything asked for has its answer. */
  async close(): Promise<void> {
    this.#turns.close();
    await this.#runner.close();
    await this.#turns.ended();
  }

  async #do(plan: Plan, step: ResponseStep, request: ResponseRequest): Promise<ResponseResult> {
    const values = valuesOf(request);
    switch (step) {
      case "route":
        return plan.route === undefined ? failed(step, "", NOT_SET) : { step, ...(await plan.route.block(values)) };
      case "hosts-deny": {
        if (plan.hostsDeny === undefined) return failed(step, "", NOT_SET);
        const text = denyLine(plan.hostsDeny, values);
        if (!plan.hostsDeny.includes("$TARGET$")) return failed(step, text, "KILL_HOSTS_DENY has no $TARGET$");
        const detail = await plan.file.add(text);
        return { step, ok: detail === "", text, detail };
      }
      case "run": {
        if (plan.run === undefined) return failed(step, "", NOT_SET);
        const { argv, text } = fill(plan.run, values);
        const result = await this.#runner.run(argv);
        return { step, ok: result.ok, text, detail: whyNot(result) };
      }
    }
  }

  async #undo(plan: Plan, step: ResponseStep, request: ResponseRequest): Promise<ResponseResult> {
    const values = valuesOf(request);
    if (step === "route" && plan.route !== undefined) return { step, ...(await plan.route.unblock(values)) };
    if (step !== "hosts-deny" || plan.hostsDeny === undefined) return failed(step, "", NOT_SET);
    const text = denyLine(plan.hostsDeny, values);
    if (!plan.hostsDeny.includes("$TARGET$")) return { step, ok: true, text, detail: "nothing to undo" };
    const detail = await plan.file.remove(denyPattern(plan.hostsDeny, values) ?? text);
    return { step, ok: detail === "", text, detail };
  }
}

const NOT_SET = "it is not set";

function planOf(settings: ResponseSettings, runner: ResponderParts["runner"], file: HostsDeny): Plan {
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
    route: isSet.route ? new RouteCommand(killRoute, unkillRoute.trim() || undefined, runner, takesIpv6) : undefined,
    run: isSet.run ? parseTemplate(runCommand) : undefined,
    hostsDeny: isSet["hosts-deny"] ? hostsDeny : undefined,
    file,
  };
}

function valuesOf({ source, port, modeName }: ResponseRequest): TemplateValues {
  return { target: source, port, modeName };
}

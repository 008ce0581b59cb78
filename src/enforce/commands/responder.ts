// What the administrator told us to do about a source: a line in hosts.deny, KILL_ROUTE; in PortSentry's order, undone on
// request, and read back where the command is known. One thing at a time for each source. KILL_RUN_CMD is apart: it leaves
// nothing to undo, and may take so long that no block waits for it. A block says what made it, and is undone by that.
import { fill, type TemplateValues } from "../../command/template.ts";
import { whyNot } from "./command-result.ts";
import type { CommandRunner } from "./command-runner.ts";
import { denyLine, denyPattern } from "./deny-lines.ts";
import { HostsDeny } from "./hosts-deny.ts";
import { IptablesLane } from "./iptables-lane.ts";
import type { Runners } from "./known-part.ts";
import { parseMadeBy } from "./made-by.ts";
import {
  failed,
  type ResponseRequest,
  type ResponseResult,
  type ResponseSettings,
  type ResponseStep,
} from "./response.ts";
import { madeBySteps, planOf, type ResponsePlan, undoSettings } from "./response-plan.ts";
import { SourceTurns } from "./source-turns.ts";

export interface ResponderParts {
  readonly settings: ResponseSettings;
  readonly runner: Pick<CommandRunner, "run" | "close">;
  /** For KILL_RUN_CMD, which is slow: no block waits for its turn. Absent: the same. */
  readonly slowRunner?: Pick<CommandRunner, "run" | "close" | "setTimeLimit">;
  /** The file that a path stands for; tests give one with their own bounds. */
  readonly openHostsDeny?: (path: string) => HostsDeny;
}

/** What a response came to, and what a block that it makes is made by ("" when nothing worked). */
export interface Response {
  readonly results: readonly ResponseResult[];
  readonly madeBy: string;
}

/** Plans of earlier settings that are kept, and files of hosts.deny: there are as many as somebody changed the settings. */
const MAX_KEPT = 64;
const blockSteps: readonly ResponseStep[] = ["hosts-deny", "route"];

export class Responder {
  readonly #parts: ResponderParts;
  readonly #runners: Runners;
  readonly #files = new Map<string, HostsDeny>();
  readonly #turns = new SourceTurns();
  readonly #runTurns = new SourceTurns();
  readonly #earlier = new Map<string, ResponsePlan>();
  #settings: ResponseSettings;
  #plan: ResponsePlan;
  #madeBy: string;
  /** Grows with each change of the settings: what is in the works for older ones is not joined. */
  #changes = 0;

  constructor(parts: ResponderParts) {
    this.#parts = parts;
    this.#runners = { runner: parts.runner, lane: new IptablesLane(parts.runner) };
    this.#settings = parts.settings;
    this.#plan = this.#planOf(parts.settings);
    this.#madeBy = madeBySteps(this.#plan, blockSteps);
    this.#limitRun(parts.settings);
  }

  /** For what is asked from now on. */
  setSettings(settings: ResponseSettings): void {
    this.#settings = settings;
    this.#changes++;
    this.#earlier.clear();
    this.#plan = this.#planOf(settings);
    this.#madeBy = madeBySteps(this.#plan, blockSteps);
    this.#limitRun(settings);
  }

  #limitRun({ runCommandLimitMs }: ResponseSettings): void {
    if (runCommandLimitMs !== undefined) this.#parts.slowRunner?.setTimeLimit(runCommandLimitMs);
  }

  get counters(): Readonly<Record<string, number>> {
    const { responsesRefused } = this.#turns.counters;
    return {
      responsesRefused: responsesRefused + this.#runTurns.counters.responsesRefused,
      hostsDenyRefused: this.#plan.file.refused,
    };
  }

  /** What is done for a source, in its order. */
  steps(): readonly ResponseStep[] {
    return this.#plan.steps;
  }

  /** What a block is made by for which every step of these settings works. */
  get madeBy(): string {
    return this.#madeBy;
  }

  /**
   * Does the steps that block, one after the other; a failure does not stop the next. Asked again for the same source
   * meanwhile, it answers with the same results.
   */
  async respond(request: ResponseRequest): Promise<Response> {
    const plan = this.#plan;
    const steps = plan.steps.filter((step) => step !== "run");
    const results = await this.#turns.take(request, `respond ${this.#changes}`, steps, (step) =>
      this.#do(plan, step, request),
    );
    const worked = results.filter(({ ok }) => ok).map(({ step }) => step);
    return { results, madeBy: madeBySteps(plan, worked) };
  }

  /** Runs KILL_RUN_CMD. Asked again for the same source meanwhile, it answers with the same result. */
  run(request: ResponseRequest): Promise<readonly ResponseResult[]> {
    const plan = this.#plan;
    const steps = plan.steps.filter((step) => step === "run");
    return this.#runTurns.take(request, `run ${this.#changes}`, steps, (step) => this.#do(plan, step, request));
  }

  /** Undoes what made a block. What is not there any more is undone. */
  undo(request: ResponseRequest): Promise<readonly ResponseResult[]> {
    const plan = this.#planFor(request);
    const steps = plan.steps.filter((step) => step !== "run").reverse();
    return this.#turns.take(request, `undo ${request.madeBy ?? ""}`, steps, (step) => this.#undo(plan, step, request));
  }

  /**
   * Whether the block still stands: the route if it is of a known form, else the line; undefined: cannot be told.
   * `lineOnly`: KILL_ROUTE has failed, and the line alone is the block.
   */
  async isStillThere(request: ResponseRequest, lineOnly = false): Promise<boolean | undefined> {
    await this.#turns.last(request.source);
    const { route, hostsDeny, file } = this.#planFor(request);
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
    const suspects: T[] = [];
    for (const [plan, members] of this.#byPlan(requests)) {
      const unlisted = await plan.route?.unlisted(members.map((request) => ({ ...valuesOf(request), request })));
      if (unlisted === undefined) return undefined;
      suspects.push(...unlisted.map(({ request }) => request));
    }
    return suspects;
  }

  /** Ends what runs and waits until everything asked for has its answer. */
  async close(): Promise<void> {
    const { runner, slowRunner } = this.#parts;
    this.#turns.close();
    this.#runTurns.close();
    await Promise.all([runner.close(), slowRunner?.close()]);
    await Promise.all([this.#turns.ended(), this.#runTurns.ended()]);
  }

  #byPlan<T extends ResponseRequest>(requests: readonly T[]): ReadonlyMap<ResponsePlan, T[]> {
    const groups = new Map<ResponsePlan, T[]>();
    for (const request of requests) {
      const plan = this.#planFor(request);
      const group = groups.get(plan);
      if (group === undefined) groups.set(plan, [request]);
      else group.push(request);
    }
    return groups;
  }

  #planFor({ madeBy }: ResponseRequest): ResponsePlan {
    if (madeBy === undefined || madeBy === this.#madeBy) return this.#plan;
    const known = this.#earlier.get(madeBy);
    if (known !== undefined) return known;
    const made = parseMadeBy(madeBy);
    if (made === undefined) return this.#plan;
    const plan = this.#planOf(undoSettings(made, this.#settings));
    keepBounded(this.#earlier, madeBy, plan);
    return plan;
  }

  #planOf(settings: ResponseSettings): ResponsePlan {
    return planOf(settings, this.#runners, this.#fileAt(settings.hostsDenyFile));
  }

  /** One writer for each file: its lock is between processes. */
  #fileAt(path: string): HostsDeny {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    const file = this.#parts.openHostsDeny?.(path) ?? new HostsDeny(path);
    keepBounded(this.#files, path, file);
    return file;
  }

  async #do(plan: ResponsePlan, step: ResponseStep, request: ResponseRequest): Promise<ResponseResult> {
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
        const result = await (this.#parts.slowRunner ?? this.#parts.runner).run(argv);
        return { step, ok: result.ok, text, detail: whyNot(result) };
      }
    }
  }

  async #undo(plan: ResponsePlan, step: ResponseStep, request: ResponseRequest): Promise<ResponseResult> {
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

/** What was kept first goes first. */
function keepBounded<V>(map: Map<string, V>, key: string, value: V): void {
  if (map.size >= MAX_KEPT) {
    const [oldest] = map.keys();
    if (oldest !== undefined) map.delete(oldest);
  }
  map.set(key, value);
}

function valuesOf({ source, port, modeName }: ResponseRequest): TemplateValues {
  return { target: source, port, modeName };
}

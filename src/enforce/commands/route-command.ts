// KILL_ROUTE at work: blocks a source by it, undoes that by UNKILL_ROUTE or by the inverse of a known command, and reads
// back whether the block stands. The exit code decides, and for a known command that failed the state it left.
import { setTimeout as delay } from "node:timers/promises";
import { formatPrefix, isIpv4 } from "../../wire/address.ts";
import { type CommandResult, notRun, whyNot } from "./command-result.ts";
import type { CommandRunner } from "./command-runner.ts";
import { blockCommand, printArgv, recognizeCommand } from "./known-commands.ts";
import { type KnownCommand, listedSources } from "./known-forms.ts";
import { fill, parseTemplate, replaceTokens, type Template, type TemplateValues } from "./template.ts";

export interface RouteOutcome {
  readonly ok: boolean;
  readonly text: string;
  readonly detail: string;
}

/** A rule that was added more than once is taken away so often at most. */
const MAX_REMOVALS = 16;
/** iptables-legacy gives up at once when another program changes the rules: asked again so often, so much later. */
const LOCK_RETRIES = 10;
const LOCK_RETRY_MS = 100;
const LANE_LIMIT = 8192;
/** Some 20,000 rules; what is cut off is asked for one by one. */
const LIST_BYTES = 1 << 20;

export class RouteCommand {
  readonly #kill: Template;
  readonly #unkill: Template | undefined;
  readonly #known: KnownCommand | undefined;
  readonly #runner: Pick<CommandRunner, "run">;
  /** Commands of which no IPv6 form is known are run for IPv6 sources as they stand. */
  readonly #takesIpv6: boolean;
  /** iptables commands run one after the other: they would only wait for each other's lock. */
  #lane: Promise<unknown> = Promise.resolve();
  #inLane = 0;

  constructor(
    killRoute: string,
    unkillRoute: string | undefined,
    runner: Pick<CommandRunner, "run">,
    takesIpv6 = false,
  ) {
    this.#takesIpv6 = takesIpv6;
    this.#kill = parseTemplate(killRoute);
    this.#unkill = unkillRoute === undefined ? undefined : parseTemplate(unkillRoute);
    this.#known = recognizeCommand(this.#kill);
    this.#runner = runner;
  }

  async block(values: TemplateValues): Promise<RouteOutcome> {
    const command = blockCommand(this.#kill, this.#known, values, this.#takesIpv6);
    if (typeof command === "string") return failed(replaceTokens(this.#kill.text, values), command);
    if (!this.#kill.text.includes("$TARGET$")) return failed(this.#kill.text, "not run: KILL_ROUTE has no $TARGET$");
    const result = await this.#run(command.argv);
    if (result.ok) return { ok: true, text: command.text, detail: "" };
    const there = result.exitCode !== undefined && (await this.isThere(values)) === true;
    return { ok: there, text: command.text, detail: there ? "it was there already" : whyNot(result) };
  }

  async unblock(values: TemplateValues): Promise<RouteOutcome> {
    const forms = this.#known?.forms(values);
    const six = !isIpv4(values.target);
    // What is not run for a source needs no undoing.
    if (typeof forms === "string" || (six && !this.#takesIpv6 && forms === undefined)) {
      return {
        ok: true,
        text: "",
        detail: `nothing to undo: KILL_ROUTE is not run for ${formatPrefix(values.target)}`,
      };
    }
    // UNKILL_ROUTE is written for IPv4; for IPv6 the form of KILL_ROUTE that was run is known, and so is its inverse.
    if (this.#unkill !== undefined && !(six && forms !== undefined)) {
      const { argv, text } = fill(this.#unkill, values);
      const result = await this.#run(argv);
      return { ok: result.ok, text, detail: whyNot(result) };
    }
    if (forms === undefined) {
      return failed("", "UNKILL_ROUTE is not set, and what undoes this KILL_ROUTE is not known: undo it by hand");
    }
    return this.#removeAll(forms.unblock, values);
  }

  /** undefined: cannot be told. */
  async isThere(values: TemplateValues): Promise<boolean | undefined> {
    const forms = this.#known?.forms(values);
    if (forms === undefined || typeof forms === "string") return undefined;
    const result = await this.#run(forms.readBack);
    return result.error === "" ? this.#known?.isThere(result) : undefined;
  }

  /**
   * Picks those of these sources that the kernel does not list, and whose block may be gone: one process for each family.
   * undefined: there is nothing that lists them.
   */
  async unlisted<T extends TemplateValues>(all: readonly T[]): Promise<T[] | undefined> {
    const groups = new Map<string, { readonly list: readonly string[]; readonly members: T[] }>();
    for (const values of all) {
      const forms = this.#known?.forms(values);
      if (forms === undefined) return undefined;
      // Never run for it, so that nothing of it can be gone.
      if (typeof forms === "string") continue;
      if (forms.list === undefined) return undefined;
      const key = forms.list.join("\0");
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { list: forms.list, members: [values] });
      else group.members.push(values);
    }
    const unlisted: T[] = [];
    for (const { list, members } of groups.values()) {
      const { output } = await this.#run(list, LIST_BYTES);
      const listed = listedSources(output);
      unlisted.push(...members.filter(({ target }) => !listed.has(formatPrefix(target))));
    }
    return unlisted;
  }

  /** The same rule may be there twice: from an earlier run, or by hand. */
  async #removeAll(argv: readonly string[], values: TemplateValues): Promise<RouteOutcome> {
    const text = printArgv(argv);
    for (let count = 0; count < MAX_REMOVALS; count++) {
      const result = await this.#run(argv);
      const there = await this.isThere(values);
      if (there === false) return { ok: true, text, detail: result.ok ? "" : "it was gone already" };
      if (!result.ok) return failed(text, whyNot(result));
      if (there === undefined) return { ok: true, text, detail: "" };
    }
    return failed(text, `it is still there after ${MAX_REMOVALS} removals`);
  }

  #run(argv: readonly string[], outputBytes?: number): Promise<CommandResult> {
    if (this.#known?.kind !== "iptables") return this.#runner.run(argv, outputBytes);
    if (this.#inLane >= LANE_LIMIT) {
      return Promise.resolve(notRun(`not run: ${LANE_LIMIT} commands wait already`));
    }
    this.#inLane++;
    const run = this.#lane.then(() => this.#runPatiently(argv, outputBytes));
    this.#lane = run.finally(() => {
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

function failed(text: string, detail: string): RouteOutcome {
  return { ok: false, text, detail };
}

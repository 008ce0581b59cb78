// KILL_ROUTE at work: blocks a source by it, undoes that by UNKILL_ROUTE or by the inverse of a known command, and reads
// back whether the block stands. Of a list of commands ("A && B") each part is done, read back and undone by itself. What
// decides is the state that a known command left, and the exit code where nothing else is known.
import { type ListPart, recognizeList, shuttingParts } from "../../command/command-list.ts";
import { blockCommand } from "../../command/known-commands.ts";
import { type CommandForms, type KnownCommand, listedSources } from "../../command/known-forms.ts";
import { fill, parseTemplate, replaceTokens, type Template, type TemplateValues } from "../../command/template.ts";
import { formatPrefix, isIpv4 } from "../../wire/address.ts";
import { type CommandResult, whyNot } from "./command-result.ts";
import { formsFor, isPartThere, type Runners, removeAll, runIn } from "./known-part.ts";
import { failed, notFor, type RouteOutcome } from "./route-outcome.ts";

/** Some 20,000 rules; what is cut off is asked for one by one. */
const LIST_BYTES = 1 << 20;

export class RouteCommand {
  readonly #kill: Template;
  readonly #unkill: Template | undefined;
  /** undefined: KILL_ROUTE is of no known form. */
  readonly #parts: readonly ListPart[] | undefined;
  readonly #runners: Runners;
  /** Commands of which no IPv6 form is known are run for IPv6 sources as they stand. */
  readonly #takesIpv6: boolean;

  constructor(killRoute: string, unkillRoute: string | undefined, runners: Runners, takesIpv6 = false) {
    const list = recognizeList(killRoute);
    this.#takesIpv6 = takesIpv6;
    this.#kill = parseTemplate(killRoute);
    this.#unkill = unkillRoute === undefined ? undefined : parseTemplate(unkillRoute);
    this.#parts = "unknown" in list ? undefined : list;
    this.#runners = runners;
  }

  async block(values: TemplateValues): Promise<RouteOutcome> {
    const text = replaceTokens(this.#kill.text, values);
    if (!this.#kill.text.includes("$TARGET$")) return failed(text, "not run: KILL_ROUTE has no $TARGET$");
    if (this.#parts === undefined) return this.#blockUnknown(values);
    const [first, ...more] = this.#parts;
    if (first !== undefined && more.length === 0) return this.#blockByOne(first, values);
    return this.#blockByList(this.#parts, values);
  }

  async unblock(values: TemplateValues): Promise<RouteOutcome> {
    const six = !isIpv4(values.target);
    const fitting = this.#fitting(values);
    // What is not run for a source needs no undoing.
    if (fitting?.length === 0 || (six && !this.#takesIpv6 && fitting === undefined)) {
      return {
        ok: true,
        text: "",
        detail: `nothing to undo: KILL_ROUTE is not run for ${formatPrefix(values.target)}`,
      };
    }
    // UNKILL_ROUTE is written for IPv4; for IPv6 the form of KILL_ROUTE that was run is known, and so is its inverse.
    if (this.#unkill !== undefined && !(six && fitting !== undefined)) return this.#unblockByOwn(this.#unkill, values);
    if (fitting === undefined) {
      const why = "UNKILL_ROUTE is not set, and what undoes this KILL_ROUTE is not known; undo by hand what it did";
      return failed(replaceTokens(this.#kill.text, values), why);
    }
    const outcomes: RouteOutcome[] = [];
    for (const known of [...fitting].reverse()) outcomes.push(await this.#removePart(known, values));
    return joined(outcomes);
  }

  /** Whether all of it that shuts a source out is there. undefined: cannot be told. */
  async isThere(values: TemplateValues): Promise<boolean | undefined> {
    let there: boolean | undefined;
    for (const group of this.#groups(values)) {
      const one = await this.#isGroupThere(group, values);
      if (one !== true) return one;
      there = true;
    }
    return there;
  }

  /**
   * Picks those of these sources that the kernel does not list, and whose block may be gone: one process for each family.
   * undefined: there is nothing that lists them.
   */
  async unlisted<T extends TemplateValues>(all: readonly T[]): Promise<T[] | undefined> {
    const lists = new Map<string, { readonly known: KnownCommand; readonly argv: readonly string[]; members: T[] }>();
    for (const values of all) {
      const fitting = this.#shutting(values);
      if (fitting === undefined) return undefined;
      // None: never run for it, so that nothing of it can be gone.
      for (const { known, forms } of fitting) {
        if (forms.list === undefined) return undefined;
        const key = forms.list.join("\0");
        const group = lists.get(key) ?? { known, argv: forms.list, members: [] };
        group.members.push(values);
        lists.set(key, group);
      }
    }
    const unlisted = new Set<T>();
    for (const { known, argv, members } of lists.values()) {
      const { output } = await runIn(this.#runners, known, argv, LIST_BYTES);
      const listed = listedSources(output);
      for (const values of members) if (!listed.has(formatPrefix(values.target))) unlisted.add(values);
    }
    return [...unlisted];
  }

  /** The exit code is all that is known of it; UNKILL_ROUTE takes back what one that failed may have done. */
  async #blockUnknown(values: TemplateValues): Promise<RouteOutcome> {
    const command = blockCommand(this.#kill, undefined, values, this.#takesIpv6);
    if (typeof command === "string") return notFor(replaceTokens(this.#kill.text, values), command);
    const result = await this.#runners.runner.run(command.argv);
    if (result.ok) return { ok: true, text: command.text, detail: "" };
    if (this.#unkill === undefined || result.error.startsWith("cannot run"))
      return failed(command.text, whyNot(result));
    await this.#runners.runner.run(fill(this.#unkill, values).argv);
    return failed(command.text, `${whyNot(result)}; UNKILL_ROUTE has been run`);
  }

  async #blockByOne({ template, known }: ListPart, values: TemplateValues): Promise<RouteOutcome> {
    const command = blockCommand(template, known, values);
    if (typeof command === "string") return notFor(replaceTokens(this.#kill.text, values), command);
    const result = await this.#run(known, command.argv);
    if (result.ok) return { ok: true, text: command.text, detail: "" };
    if (result.exitCode === undefined && !result.timedOut) return failed(command.text, whyNot(result));
    const there = (await this.isThere(values)) === true;
    return { ok: there, text: command.text, detail: there ? "it was there already" : whyNot(result) };
  }

  /** As sh would: what follows "&&" only after a success, what follows "||" only after a failure. */
  async #blockByList(parts: readonly ListPart[], values: TemplateValues): Promise<RouteOutcome> {
    const text = replaceTokens(this.#kill.text, values);
    if (this.#fitting(values)?.length === 0) return notFor(text, this.#whyNone(values));
    let isOk = true;
    let failure = "";
    for (const { joint, template, known } of parts) {
      if ((joint === "&&" && !isOk) || (joint === "||" && isOk)) continue;
      const why = await this.#runPart(template, known, values);
      isOk = why === "";
      if (failure === "" && why !== "" && known !== undefined)
        failure = `${why}: ${replaceTokens(template.text, values)}`;
    }
    if (failure === "" && isOk) return { ok: true, text, detail: "" };
    if ((await this.isThere(values)) === true) return { ok: true, text, detail: failure };
    const back = await this.unblock(values);
    const rest = back.ok
      ? "what the other parts did is taken back"
      : `what the other parts did stays (${back.detail}): ${back.text}`;
    return failed(text, `${failure}; ${rest}`);
  }

  /** Why a part failed, or "". One whose rule was there already has done its work. */
  async #runPart(template: Template, known: KnownCommand | undefined, values: TemplateValues): Promise<string> {
    const command = known === undefined ? fill(template, values) : blockCommand(template, known, values);
    if (typeof command === "string") return command;
    const result = await this.#run(known, command.argv);
    if (result.ok || known === undefined) return whyNot(result);
    return (await isPartThere(this.#runners, known, values)) === true ? "" : whyNot(result);
  }

  /** Where the form is known it is looked whether UNKILL_ROUTE has done it. */
  async #unblockByOwn(unkill: Template, values: TemplateValues): Promise<RouteOutcome> {
    const { argv, text } = fill(unkill, values);
    const outcome = await removeAll(
      argv,
      (words) => this.#run(this.#parts?.[0]?.known, words),
      () => this.#isAnyThere(values),
    );
    return { ...outcome, text };
  }

  #removePart(known: KnownCommand, values: TemplateValues): Promise<RouteOutcome> {
    const argv = formsFor(known, values)?.unblock ?? [];
    let isRefused = false;
    return removeAll(
      argv,
      async (words) => {
        const result = await this.#run(known, words);
        isRefused = known.isRefused?.(result) === true;
        return result;
      },
      // A rule that logs and that the program refuses was never made.
      async () => (isRefused && !known.shutsOut ? false : isPartThere(this.#runners, known, values)),
    );
  }

  /** The parts that are run for a source; undefined where KILL_ROUTE is of no known form. */
  #fitting(values: TemplateValues): readonly KnownCommand[] | undefined {
    return this.#parts?.flatMap(({ known }) => known ?? []).filter((known) => formsFor(known, values) !== undefined);
  }

  /** Those of them that shut it out. */
  #shutting(
    values: TemplateValues,
  ): readonly { readonly known: KnownCommand; readonly forms: CommandForms }[] | undefined {
    if (this.#parts === undefined) return undefined;
    return shuttingParts(this.#parts).flatMap((known) => {
      const forms = formsFor(known, values);
      return forms === undefined ? [] : [{ known, forms }];
    });
  }

  #whyNone(values: TemplateValues): string {
    const reasons = (this.#parts ?? []).flatMap(({ known }) => known?.forms(values) ?? []);
    return reasons.find((reason) => typeof reason === "string") ?? "not run";
  }

  /** What has to be there, each as alternatives: of "A || B" one is enough. */
  #groups(values: TemplateValues): readonly (readonly KnownCommand[])[] {
    const shutting = new Set(this.#shutting(values)?.map(({ known }) => known));
    const groups: KnownCommand[][] = [];
    for (const { joint, known } of this.#parts ?? []) {
      if (joint !== "||" || groups.length === 0) groups.push([]);
      if (known !== undefined && shutting.has(known)) groups.at(-1)?.push(known);
    }
    return groups.filter((group) => group.length > 0);
  }

  async #isGroupThere(group: readonly KnownCommand[], values: TemplateValues): Promise<boolean | undefined> {
    let there: boolean | undefined = false;
    for (const known of group) {
      const one = await isPartThere(this.#runners, known, values);
      if (one === true) return true;
      if (one === undefined) there = undefined;
    }
    return there;
  }

  async #isAnyThere(values: TemplateValues): Promise<boolean | undefined> {
    const all = this.#shutting(values)?.map(({ known }) => known) ?? [];
    return all.length === 0 ? undefined : this.#isGroupThere(all, values);
  }

  #run(known: KnownCommand | undefined, argv: readonly string[]): Promise<CommandResult> {
    return runIn(this.#runners, known, argv);
  }
}

/** What came of undoing several parts: one that failed is what counts. */
function joined(outcomes: readonly RouteOutcome[]): RouteOutcome {
  const text = outcomes.map((outcome) => outcome.text).join("; ");
  const failures = outcomes.filter(({ ok }) => !ok);
  if (failures.length > 0)
    return failed(failures.map((outcome) => outcome.text).join("; "), failures.map(({ detail }) => detail).join("; "));
  const isGone = outcomes.every(({ detail }) => detail !== "");
  return { ok: true, text, detail: isGone ? (outcomes[0]?.detail ?? "") : "" };
}

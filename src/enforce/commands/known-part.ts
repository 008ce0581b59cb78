// One command of a known form at work for one source: done, read back, and undone to the last copy.
import { printArgv } from "../../command/known-commands.ts";
import type { CommandForms, KnownCommand } from "../../command/known-forms.ts";
import type { TemplateValues } from "../../command/template.ts";
import { type CommandResult, whyNot } from "./command-result.ts";
import type { CommandRunner } from "./command-runner.ts";
import type { IptablesLane } from "./iptables-lane.ts";
import type { RouteOutcome } from "./route-outcome.ts";

/** A rule that was added more than once is taken away so often at most. */
const MAX_REMOVALS = 16;

export interface Runners {
  readonly runner: Pick<CommandRunner, "run">;
  readonly lane: IptablesLane;
}

/** Runs a command in its lane. */
export function runIn(
  { runner, lane }: Runners,
  known: Pick<KnownCommand, "kind"> | undefined,
  argv: readonly string[],
  outputBytes?: number,
): Promise<CommandResult> {
  return known?.kind === "iptables" ? lane.run(argv, outputBytes) : runner.run(argv, outputBytes);
}

/** The forms for a source; undefined where there are none for it. */
export function formsFor(known: KnownCommand, values: TemplateValues): CommandForms | undefined {
  const forms = known.forms(values);
  return typeof forms === "string" ? undefined : forms;
}

/** undefined: cannot be told. */
export async function isPartThere(
  runners: Runners,
  known: KnownCommand,
  values: TemplateValues,
): Promise<boolean | undefined> {
  const readBack = formsFor(known, values)?.readBack;
  if (readBack === undefined) return undefined;
  const result = await runIn(runners, known, readBack);
  return result.error === "" ? known.isThere(result) : undefined;
}

/**
 * Runs `argv` until nothing is there any more, as `isThere` tells: the same rule may be there twice, from an earlier run or by
 * hand.
 */
export async function removeAll(
  argv: readonly string[],
  run: (argv: readonly string[]) => Promise<CommandResult>,
  isThere: () => Promise<boolean | undefined>,
): Promise<RouteOutcome> {
  const text = printArgv(argv);
  for (let count = 0; count < MAX_REMOVALS; count++) {
    const result = await run(argv);
    const there = await isThere();
    if (there === false) return { ok: true, text, detail: result.ok ? "" : "it was gone already" };
    if (!result.ok) return { ok: false, text, detail: whyNot(result) };
    if (there === undefined) return { ok: true, text, detail: "" };
  }
  return { ok: false, text, detail: `it is still there after ${MAX_REMOVALS} removals` };
}

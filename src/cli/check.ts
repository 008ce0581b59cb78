// portreeve check: every problem of a configuration file at once, then in sentences what the file means.
import { readFileSync } from "node:fs";
import { explainSettings } from "../config/explain.ts";
import { loadSettings } from "../config/load.ts";
import { formatProblem } from "../config/problems.ts";
import { ExitCode } from "../control/errors.ts";
import { plural } from "./format.ts";
import type { ClientOptions } from "./options.ts";
import { paint, type Terminal, toJsonLine } from "./terminal.ts";

export async function check({ conf, json }: ClientOptions, terminal: Terminal): Promise<ExitCode> {
  const { settings, problems } = loadSettings(conf, readFileSync);
  const ok = settings !== undefined;
  if (json) {
    await terminal.write(toJsonLine({ file: conf, ok, problems }));
    return ok ? ExitCode.Ok : ExitCode.Configuration;
  }
  for (const problem of problems) {
    const colour = problem.severity === "error" ? "red" : "yellow";
    await terminal.write(`${paint(terminal, colour, formatProblem(problem))}\n`);
  }
  if (settings === undefined) {
    const errors = problems.filter(({ severity }) => severity === "error").length;
    await terminal.write(`${plural(errors, "error")}: the daemon would not start with this file\n`);
    return ExitCode.Configuration;
  }
  const lines = explainSettings(settings);
  await terminal.write(lines.map((line) => `${line}\n`).join(""));
  return ExitCode.Ok;
}

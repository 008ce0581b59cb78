// `portreeve run` and `portsentry`: reads the configuration, starts the daemon, waits for its end, says why it could not.

import { readFileSync, writeFileSync } from "node:fs";
import { messageOf } from "../base/errors.ts";
import { ExitCode } from "../base/exit-code.ts";
import { isProgram } from "../base/programs.ts";
import { StartError } from "../base/start-error.ts";
import { riskOfReading, riskOfWriting } from "../base/trust.ts";
import { loadSettings } from "../config/load.ts";
import { formatProblem } from "../config/problems.ts";
import { ringTrouble } from "../config/ring-trouble.ts";
import type { Settings } from "../config/settings.ts";
import { applyOverrides } from "../daemon/plan.ts";
import { Trial } from "../enforce/trial.ts";
import { groupId } from "../host/group-id.ts";
import { keepHeapSmall } from "../host/heap-growth.ts";
import { readConntrackUse } from "../host/host.ts";
import { KernelError } from "../kernel/errors.ts";
import { applyCapture, type CaptureChoice, chooseCapture, describeCapture } from "../sense/capture-choice.ts";
import type { RunOptions } from "./run-options.ts";
import { type Load, Running } from "./running.ts";
import { start } from "./start.ts";

/** Resolves with the exit code once the daemon has stopped. */
export async function runDaemon(options: RunOptions): Promise<number> {
  const complain = options.complain ?? ((text: string) => void process.stderr.write(`${text}\n`));
  const warnings: string[] = [];
  const trial = options.trialMs === undefined ? undefined : new Trial(options.trialMs, () => performance.now());
  let choice: CaptureChoice = { capture: "nflog", reason: "" };
  const loadOnTrial: Load = (given, tell) => {
    const file = load(given, tell);
    return file === undefined ? undefined : applyCapture(trial?.apply(file) ?? file, choice);
  };
  const asked = loadOnTrial(options, (line) => {
    warnings.push(line);
    complain(line);
  });
  if (asked === undefined) return ExitCode.Configuration;
  choice = chooseCapture(asked);
  const settings = applyCapture(asked, choice);
  const trouble = choice.capture === "ring" && asked.capture !== "ring" ? ringTrouble(settings) : undefined;
  if (trouble !== undefined) {
    warnings.push(trouble);
    complain(trouble);
  }
  nameProcess(options.title ?? "portsentry");
  const conntrackBefore = readConntrackUse();
  const heapMayGrow = keepHeapSmall();
  try {
    const started = start({ settings, log: options.log, trial, choice });
    try {
      return await new Running(started, options, loadOnTrial, trial).run({
        heapMayGrow,
        conntrackBefore,
        warnings,
        captureText: describeCapture(asked, choice),
      });
    } finally {
      started.close();
    }
  } catch (error) {
    complain(`portreeve: cannot start: ${messageOf(error)}`);
    return exitCodeOf(error);
  }
}

/** `ps` shows the title; pidof, pkill and `ps -C` look for PortSentry's name. */
function nameProcess(title: string): void {
  process.title = title;
  try {
    writeFileSync("/proc/self/comm", "portsentry");
  } catch {
    // Only a name.
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof StartError) return error.exitCode;
  if (error instanceof KernelError)
    return error.code === "EPERM" || error.code === "EACCES" ? ExitCode.NoPermission : ExitCode.Unavailable;
  // The control socket's own errors (taken by another daemon, not a socket) and whatever else the system refused.
  return ExitCode.Unavailable;
}

/** The settings that file and command line make, or undefined when there are errors; every problem is told. */
function load(options: RunOptions, tell: (line: string) => void): Settings | undefined {
  const fileExists = options.fileExists ?? isProgram;
  const { settings, problems } = loadSettings(options.confFile, (path) => readFileSync(path), {
    ...options,
    fileExists,
    files: { riskOfReading, riskOfWriting, hasGroup: (name) => groupId(name, readFileSync) !== undefined },
  });
  for (const problem of problems) tell(formatProblem(problem));
  return settings === undefined ? undefined : applyOverrides(settings, options);
}

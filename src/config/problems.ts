// A problem of a configuration file: where it stands, what is wrong, and the remedy. Collected in a bounded log, so
// that `check` can tell all of them at once; text that came out of a file is escaped before it goes into a message.

import { escapeText } from "../base/escape.ts";

export interface Problem {
  readonly file: string;
  /** From 1; 0 when no line can be named (the key or the file is missing). */
  readonly line: number;
  readonly key?: string;
  /** An error keeps the configuration from being used; a warning does not. */
  readonly severity: "error" | "warning";
  readonly message: string;
  /** The line does nothing, as in PortSentry, and the daemon starts all the same. */
  readonly passedOver?: true;
  /** Of a line as it was read: which PortSentry starts with such a line. In a file of that PortSentry's it is a warning. */
  readonly startsIn?: StartsIn;
}

export type StartsIn = "1.2" | "1.2 and 2.x";

export interface Report {
  readonly severity: "error" | "warning";
  readonly line: number;
  readonly key?: string | undefined;
  readonly message: string;
  readonly passedOver?: boolean | undefined;
  readonly startsIn?: StartsIn | undefined;
}

/** Collects the problems of one file; beyond MAX_PROBLEMS they are counted only. */
export interface ProblemLog {
  add(report: Report): void;
  hasErrors(): boolean;
  /** True when an error was reported for this key. */
  isBad(key: string): boolean;
  /** In the order of lines; problems without a line come last. */
  list(): Problem[];
}

export const MAX_PROBLEMS = 1000;

export function createProblemLog(file: string): ProblemLog {
  const kept: Problem[] = [];
  const badKeys = new Set<string>();
  let droppedErrors = 0;
  let droppedWarnings = 0;
  let errors = 0;

  function add({ severity, line, key, message, passedOver, startsIn }: Report): void {
    if (severity === "error") {
      errors++;
      if (key !== undefined) badKeys.add(key);
    }
    if (kept.length >= MAX_PROBLEMS) {
      if (severity === "error") droppedErrors++;
      else droppedWarnings++;
      return;
    }
    const named = key === undefined ? { file, line } : { file, line, key };
    const more = { ...(passedOver === true && { passedOver }), ...(startsIn !== undefined && { startsIn }) };
    kept.push({ ...named, severity, message, ...more });
  }

  function list(): Problem[] {
    const sorted = [...kept].sort((a, b) => (a.line || Number.MAX_SAFE_INTEGER) - (b.line || Number.MAX_SAFE_INTEGER));
    const dropped = droppedErrors + droppedWarnings;
    if (dropped === 0) return sorted;
    const message = `${dropped} more problems are not listed; put the first ones right and check again`;
    return [...sorted, { file, line: 0, severity: droppedErrors > 0 ? "error" : "warning", message }];
  }

  return { add, list, hasErrors: () => errors > 0, isBad: (key) => badKeys.has(key) };
}

/** "/etc/portsentry/portsentry.conf:12: error: ..." */
export function formatProblem(problem: Problem): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}` : problem.file;
  return `${escapeText(place, 4096)}: ${problem.severity}: ${problem.message}`;
}

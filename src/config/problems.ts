// A problem of a configuration file: where it stands, what is wrong, and the remedy. Collected in a bounded log, so
// that `check` can tell all of them at once; text that came out of a file is escaped before it goes into a message.

export interface Problem {
  readonly file: string;
  /** From 1; 0 when no line can be named (the key or the file is missing). */
  readonly line: number;
  readonly key?: string;
  /** An error keeps the configuration from being used; a warning does not. */
  readonly severity: "error" | "warning";
  readonly message: string;
  /** PortSentry passes over such a line in silence. In a file that only it can have written this is a warning. */
  readonly passedOver?: true;
}

export interface Report {
  readonly severity: "error" | "warning";
  readonly line: number;
  readonly key?: string | undefined;
  readonly message: string;
  readonly passedOver?: boolean | undefined;
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
const MAX_SHOWN_CHARACTERS = 80;

export function createProblemLog(file: string): ProblemLog {
  const kept: Problem[] = [];
  const badKeys = new Set<string>();
  let droppedErrors = 0;
  let droppedWarnings = 0;
  let errors = 0;

  function add({ severity, line, key, message, passedOver }: Report): void {
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
    kept.push({ ...named, severity, message, ...(passedOver === true ? { passedOver } : {}) });
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

/** Text from a file, fit for a terminal and a log: control and direction characters escaped, and cut when long. */
export function escapeText(text: string, maxCharacters = MAX_SHOWN_CHARACTERS): string {
  let out = "";
  let count = 0;
  for (const character of text) {
    if (count++ >= maxCharacters) return `${out}...`;
    const code = character.codePointAt(0) ?? 0;
    out += isUnsafe(code) ? `\\x{${code.toString(16)}}` : character === "\\" ? "\\\\" : character;
  }
  return out;
}

/** C0, DEL and C1 controls drive a terminal; the others hide or reorder what stands beside them. */
function isUnsafe(code: number): boolean {
  return (
    isControl(code) ||
    code === 0xad ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x206f) ||
    (code >= 0xd800 && code <= 0xdfff) ||
    (code >= 0xfff0 && code <= 0xfffb) ||
    code === 0xfeff ||
    code >= 0xe0000
  );
}

function isControl(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

/** True when the text holds a control character; a tab is one of them only if `tabs` says so. */
export function hasControl(text: string, tabs: "allowed" | "refused" = "refused"): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (isControl(code) && !(code === 9 && tabs === "allowed")) return true;
  }
  return false;
}

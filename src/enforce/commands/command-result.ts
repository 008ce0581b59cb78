// How a command ended, as a value, and as words for a log line.

export interface CommandResult {
  /** Ran to its end with exit code 0. */
  readonly ok: boolean;
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly timedOut: boolean;
  /** Why it did not run at all, or was ended by us; "" otherwise. */
  readonly error: string;
  /** The beginning of what it printed to both outputs, escaped; at most 4 KiB of it, or what run() was told. */
  readonly output: string;
}

export function notRun(error: string): CommandResult {
  return { ok: false, exitCode: undefined, signal: undefined, timedOut: false, error, output: "" };
}

export function resultOf(code: number | null, signal: NodeJS.Signals | null): CommandResult {
  return {
    ok: code === 0,
    exitCode: code ?? undefined,
    signal: signal ?? undefined,
    timedOut: false,
    error: "",
    output: "",
  };
}

/** Why a command did not do its work, for a log line; "" if it did. */
export function whyNot(result: CommandResult): string {
  if (result.ok) return "";
  if (result.error !== "") return result.error;
  const how = result.signal === undefined ? `exit code ${result.exitCode ?? "unknown"}` : `ended by ${result.signal}`;
  const said = result.output.split("\n").find((line) => line.trim() !== "");
  return said === undefined ? how : `${how}: ${said.trim().slice(0, 200)}`;
}

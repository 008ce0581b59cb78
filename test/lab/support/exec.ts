// Running programs by argument vector, never through a shell: to their end, or beside the test with their lines kept.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { waitFor } from "./wait.ts";

const RUN_MS = 120_000;
const STOP_MS = 5_000;
/** Lines kept of a running program; a flood of output must not eat the test's memory. */
const MAX_LINES = 200_000;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. `timeoutMs` ends it by SIGKILL and shows as code null. */
export async function run(argv: readonly string[], input = "", timeoutMs = RUN_MS): Promise<Outcome> {
  const child = start(argv);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on("data", (bytes: Buffer) => stdout.push(bytes));
  child.stderr?.on("data", (bytes: Buffer) => stderr.push(bytes));
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input);
  const timer = setTimeout(() => signalGroup(child, "SIGKILL"), timeoutMs);
  try {
    await once(child, "close");
  } finally {
    clearTimeout(timer);
  }
  return { code: child.exitCode, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}

/** Runs a program that has to succeed; answers with what it printed. */
export async function mustRun(argv: readonly string[], input = ""): Promise<string> {
  const outcome = await run(argv, input);
  if (outcome.code !== 0) {
    throw new Error(`${argv.join(" ")}: exit code ${outcome.code}\n${outcome.stderr}${outcome.stdout}`);
  }
  return outcome.stdout;
}

/** In a process group of its own: some tools fork (trafgen does), and all of them have to end. */
function start(argv: readonly string[]): ChildProcess {
  const [program = "", ...rest] = argv;
  return spawn(program, rest, { stdio: "pipe", detached: true });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // All of it had ended.
  }
}

/** A program that runs beside the test. Whoever starts it closes it (Lab does so for its own). */
export class Running {
  readonly argv: readonly string[];
  /** Standard output and standard error, in the order in which they came. */
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  #ended = false;

  constructor(argv: readonly string[]) {
    this.argv = argv;
    this.#child = start(argv);
    this.#child.on("error", (error) => this.lines.push(`cannot start: ${error.message}`));
    this.#child.on("close", () => {
      this.#ended = true;
    });
    this.#child.stdin?.on("error", () => undefined);
    this.#keepLines(this.#child.stdout);
    this.#keepLines(this.#child.stderr);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** The first line from number `from` on that matches; fails at once if the program ends without it. */
  async waitForLine(pattern: RegExp, from = 0, deadlineMs = 15_000): Promise<string> {
    const what = `${pattern} from ${this.argv.join(" ")}`;
    try {
      return await waitFor(
        what,
        () => {
          const ended = this.#ended;
          const line = this.lines.slice(from).find((each) => pattern.test(each));
          if (line === undefined && ended) throw new Error(`ended (code ${this.exitCode}) without ${what}`);
          return line;
        },
        deadlineMs,
      );
    } catch (error) {
      throw new Error(`${String(error)}\n--- its last lines ---\n${this.lines.slice(-30).join("\n")}`);
    }
  }

  async waitForEnd(deadlineMs = RUN_MS): Promise<number | null> {
    await waitFor(`end of ${this.argv.join(" ")}`, () => (this.#ended ? true : undefined), deadlineMs);
    return this.exitCode;
  }

  /** Asks it to end, insists after five seconds, and returns when it is gone. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    if (this.#ended) return this.exitCode;
    signalGroup(this.#child, signal);
    const insist = setTimeout(() => signalGroup(this.#child, "SIGKILL"), STOP_MS);
    try {
      return await this.waitForEnd(2 * STOP_MS);
    } finally {
      clearTimeout(insist);
    }
  }

  /** For the way out, when nothing can be awaited any more. */
  killNow(): void {
    if (!this.#ended) signalGroup(this.#child, "SIGKILL");
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  #keepLines(stream: NodeJS.ReadableStream | null): void {
    let rest = "";
    stream?.setEncoding("utf8");
    stream?.on("data", (text: string) => {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      if (this.lines.length < MAX_LINES) this.lines.push(...parts);
    });
    stream?.on("end", () => {
      if (rest !== "") this.lines.push(rest);
    });
  }
}

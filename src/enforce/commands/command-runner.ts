// Runs the administrator's commands: by argument vector, in a process group of their own, with a time limit, a bounded
// number at once and a bounded queue. Never throws: whatever goes wrong is in the result.
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { codeOf } from "../../base/errors.ts";
import { OutputHead } from "./command-output.ts";
import { type CommandResult, notRun, resultOf } from "./command-result.ts";

export interface RunnerOptions {
  readonly timeLimitMs?: number;
  readonly atOnce?: number;
  readonly queueLimit?: number;
}

interface Waiting {
  readonly argv: readonly string[];
  /** How much of what it prints is kept. */
  readonly outputBytes: number | undefined;
  readonly done: (result: CommandResult) => void;
}

/** How long the outputs are read on after the exit, if a child in the background holds them open. */
const DRAIN_MS = 100;
/** Outputs held open by such children that are still read (and thrown away), so that these do not meet SIGPIPE. */
const MAX_LINGERING = 64;
const environment = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };

export class CommandRunner {
  #timeLimitMs: number;
  readonly #atOnce: number;
  readonly #queueLimit: number;
  readonly #queue: Waiting[] = [];
  readonly #running = new Map<ChildProcess, (error: string) => void>();
  readonly #lingering = new Set<readonly Readable[]>();
  #closed = false;
  #wakeCloser: (() => void) | undefined;
  /** commandsRefused: how often the queue was full, and a command was not run. */
  readonly counters = { commandsStarted: 0, commandsRefused: 0, commandsTimedOut: 0 };

  constructor({ timeLimitMs = 10_000, atOnce = 8, queueLimit = 1024 }: RunnerOptions = {}) {
    this.#timeLimitMs = timeLimitMs;
    this.#atOnce = atOnce;
    this.#queueLimit = queueLimit;
  }

  /** For what is started from now on. */
  setTimeLimit(timeLimitMs: number): void {
    this.#timeLimitMs = timeLimitMs;
  }

  get running(): number {
    return this.#running.size;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** `outputBytes`: how much of the output is kept, where it is more than a message. */
  run(argv: readonly string[], outputBytes?: number): Promise<CommandResult> {
    if (this.#closed) return Promise.resolve(notRun("not run: the daemon is stopping"));
    if (this.#running.size >= this.#atOnce && this.#queue.length >= this.#queueLimit) {
      this.counters.commandsRefused++;
      return Promise.resolve(notRun(`not run: ${this.#queueLimit} commands wait already`));
    }
    return new Promise((done) => {
      this.#queue.push({ argv, outputBytes, done });
      this.#startNext();
    });
  }

  /** Runs nothing more, gives what runs `graceMs` to end, and ends the rest. */
  async close(graceMs = 1000): Promise<void> {
    this.#closed = true;
    for (const { done } of this.#queue.splice(0)) done(notRun("not run: the daemon is stopping"));
    if (this.#running.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.#wakeCloser = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const end of this.#running.values()) end("ended: the daemon is stopping");
    for (const outputs of this.#lingering) for (const output of outputs) output.destroy();
    this.#lingering.clear();
  }

  #startNext(): void {
    while (this.#running.size < this.#atOnce) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      this.#start(next);
    }
    if (this.#running.size === 0) this.#wakeCloser?.();
  }

  #start({ argv, outputBytes, done }: Waiting): void {
    const [program = "", ...rest] = argv;
    const output = new OutputHead(outputBytes);
    let child: ChildProcess;
    try {
      child = spawn(program, rest, { cwd: "/", detached: true, stdio: ["ignore", "pipe", "pipe"], env: environment });
    } catch (error) {
      done(notRun(`cannot run ${program}: ${codeOf(error)}`));
      return;
    }
    this.counters.commandsStarted++;
    const outputs = [child.stdout, child.stderr].filter((stream) => stream !== null);
    for (const stream of outputs) {
      stream.on("data", (bytes: Buffer) => output.add(bytes));
      stream.on("error", () => undefined);
    }
    this.#watch(child, outputs, (result) => done({ ...result, output: output.text() }));
  }

  #watch(child: ChildProcess, outputs: readonly Readable[], done: (result: CommandResult) => void): void {
    let drain: NodeJS.Timeout | undefined;
    const end = (error: string): void => {
      killGroup(child);
      done({ ...notRun(error), timedOut: error.startsWith("timed out") });
    };
    const limitMs = this.#timeLimitMs;
    const limit = setTimeout(() => {
      this.counters.commandsTimedOut++;
      end(`timed out after ${limitMs / 1000} s`);
    }, limitMs);
    const free = (): void => {
      clearTimeout(limit);
      if (this.#running.delete(child)) this.#startNext();
    };
    this.#running.set(child, end);
    child.on("error", (error) => {
      done(notRun(`cannot run ${child.spawnargs[0] ?? ""}: ${codeOf(error)}`));
      free();
    });
    child.on("exit", (code, signal) => {
      const result = resultOf(code, signal);
      drain = setTimeout(() => {
        done(result);
        this.#linger(child, outputs);
      }, DRAIN_MS);
      free();
    });
    child.on("close", (code, signal) => {
      clearTimeout(drain);
      done(resultOf(code, signal));
    });
  }

  /** A child in the background may print for as long as a command may run; then its output is closed. */
  #linger(child: ChildProcess, outputs: readonly Readable[]): void {
    const destroy = (): void => {
      this.#lingering.delete(outputs);
      for (const output of outputs) output.destroy();
    };
    if (this.#closed || this.#lingering.size >= MAX_LINGERING) {
      destroy();
      return;
    }
    this.#lingering.add(outputs);
    const limit = setTimeout(destroy, this.#timeLimitMs);
    limit.unref();
    child.on("close", () => {
      clearTimeout(limit);
      this.#lingering.delete(outputs);
    });
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // All of it had ended.
  }
}

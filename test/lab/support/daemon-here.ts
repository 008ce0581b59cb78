// The real daemon in this process's own network namespace, without a lab: for tests of what it does with the kernel's sets.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ControlClient } from "../../../src/control/client.ts";
import { type Outcome, portreeve } from "../../cli/run-command.ts";
import { requireOwnNamespace } from "./own-namespace.ts";
import { harsh } from "./settings.ts";
import { waitUntil } from "./wait.ts";

const PROGRAM = resolve(import.meta.dirname, "../../../../bin/portreeve");

export class DaemonHere {
  readonly stateDir: string;
  readonly client: ControlClient;
  readonly #folder: string;
  readonly #conf: string;
  #process: ChildProcess | undefined;
  #log = "";

  /** Throws outside enterOwnNamespace(): the daemon would block sources of the machine itself. */
  constructor() {
    requireOwnNamespace();
    this.#folder = mkdtempSync(join(tmpdir(), "portreeve-here-"));
    const inFolder = (name: string) => join(this.#folder, name);
    this.stateDir = inFolder("state");
    this.client = new ControlClient(inFolder("control.sock"));
    this.#conf = inFolder("portsentry.conf");
    mkdirSync(this.stateDir);
    writeFileSync(inFolder("ignore"), "");
    const settings = {
      ...harsh,
      CONTROL_SOCKET: inFolder("control.sock"),
      STATE_DIR: this.stateDir,
      IGNORE_FILE: inFolder("ignore"),
      HISTORY_FILE: inFolder("history"),
      BLOCKED_FILE: inFolder("blocked"),
    };
    writeFileSync(
      this.#conf,
      Object.entries(settings)
        .map(([key, value]) => `${key}="${value}"\n`)
        .join(""),
    );
  }

  /** What it has printed since its start, the last 20,000 characters. */
  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Until it listens. */
  async start(withinMs: number): Promise<void> {
    const started = spawn(process.execPath, [PROGRAM, "run", "-c", this.#conf], { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = started;
    this.#log = "";
    const add = (text: unknown) => {
      this.#log = `${this.#log}${String(text)}`.slice(-20_000);
    };
    started.stdout.on("data", add);
    started.stderr.on("data", add);
    await waitUntil("the daemon is active", () => this.#log.includes("is now active and listening"), withinMs);
  }

  /** A command of the command line, which asks this daemon. */
  portreeve(command: string, ...args: readonly string[]): Promise<Outcome> {
    return portreeve([command, "-c", this.#conf, ...args]);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#process;
    if (running === undefined || running.exitCode !== null) return;
    const ended = new Promise((done) => running.once("close", done));
    running.kill(signal);
    await ended;
  }

  async close(): Promise<void> {
    await this.end("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

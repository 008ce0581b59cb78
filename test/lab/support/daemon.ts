// Portreeve itself, run as a user runs it: a configuration file, the real program in the target's namespace, and its
// command line. What its --json prints is parsed strictly by the contract (design section 7).
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import {
  type BlockedSource,
  blockedSchema,
  eventSchema,
  type LabEvent,
  type Status,
  statusSchema,
} from "./contract.ts";
import { type Outcome, type Running, run } from "./exec.ts";
import type { Lab } from "./lab.ts";
import { harsh, type Settings } from "./settings.ts";
import type { Stage } from "./stage.ts";
import { waitFor } from "./wait.ts";

// build/test/lab/support -> the repository
const root = resolve(import.meta.dirname, "../../../..");
const PROGRAM = join(root, "bin/portreeve");
const ACTIVE = /is now active and listening/;

export class Daemon {
  /** Where its state, socket, history and configuration lie. */
  readonly folder: string;
  readonly file: string;
  readonly #lab: Lab;
  readonly #stage: Pick<Stage, "enter"> | undefined;
  #running: Running;

  private constructor(lab: Lab, folder: string, stage: Pick<Stage, "enter"> | undefined) {
    this.#lab = lab;
    this.#stage = stage;
    this.folder = folder;
    this.file = join(folder, "portsentry.conf");
    this.#running = this.#spawn();
  }

  /**
   * Starts it with `settings` over the lab's own paths, sparing `ignored`, and returns when it watches. With a stage, whose
   * /etc and /run it then sees, it may write into /etc/hosts.deny.
   */
  static async start(
    lab: Lab,
    settings: Settings = harsh,
    ignored: readonly string[] = [],
    stage?: Pick<Stage, "enter">,
  ): Promise<Daemon> {
    const folder = folderOf(lab);
    mkdirSync(stateOf(lab), { recursive: true });
    writeFileSync(join(folder, "portsentry.ignore"), `${ignored.join("\n")}\n`);
    writeConfiguration(join(folder, "portsentry.conf"), { ...pathsIn(folder), ...settings });
    const daemon = new Daemon(lab, folder, stage);
    await daemon.#running.waitForLine(ACTIVE);
    return daemon;
  }

  get lines(): readonly string[] {
    return this.#running.lines;
  }

  /** Of the daemon itself: what starts it becomes it. */
  get pid(): number {
    return this.#running.pid ?? 0;
  }

  get ended(): boolean {
    return this.#running.ended;
  }

  waitForLine(pattern: RegExp, from = 0): Promise<string> {
    return this.#running.waitForLine(pattern, from);
  }

  /** Rewrites the configuration file; SIGHUP is the caller's. */
  configure(settings: Settings): void {
    writeConfiguration(this.file, { ...pathsIn(this.folder), ...settings });
  }

  signal(signal: NodeJS.Signals): void {
    this.#running.signal(signal);
  }

  /** Its resident memory now (VmRSS). */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.#running.pid}/status`, "utf8");
    return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN);
  }

  /** SIGTERM; answers with its exit code. */
  stop(): Promise<number | null> {
    return this.#running.stop("SIGTERM");
  }

  /** SIGKILL: no chance to tidy up. */
  async kill(): Promise<void> {
    await this.#running.stop("SIGKILL");
  }

  /** Starts it again on the same files, after stop() or kill(), with `more` options of `run`. */
  async restart(more: readonly string[] = [], deadlineMs?: number): Promise<void> {
    this.#running = this.#spawn(more);
    await this.#running.waitForLine(ACTIVE, 0, deadlineMs);
  }

  /** The command line of a client command. */
  argvOf(args: readonly string[]): readonly string[] {
    const [command = "", ...rest] = args;
    return [process.execPath, PROGRAM, command, "-c", this.file, ...rest];
  }

  /** A client command with -c; fails the test only if the caller looks at the code. */
  cli(args: readonly string[]): Promise<Outcome> {
    return run(this.argvOf(args));
  }

  /** A daemon on the same files, to its end: for those that must refuse to start. */
  second(): Promise<Outcome> {
    return run(this.#lab.target.argv(this.#argv()), "", 20_000);
  }

  async status(): Promise<Status> {
    return statusSchema.parse(await this.#json(["status"]));
  }

  /** One of the counters of `status`; 0 for a name that it does not tell. */
  async counter(name: string): Promise<number> {
    return z.record(z.string(), z.number()).parse((await this.status()).counters)[name] ?? 0;
  }

  async blocked(): Promise<readonly BlockedSource[]> {
    return z.array(blockedSchema).parse(await this.#json(["blocked"]));
  }

  async events(): Promise<readonly LabEvent[]> {
    const { code, stdout, stderr } = await this.cli(["events", "--json", "--limit", "10000"]);
    if (code !== 0) throw new Error(`portreeve events: exit code ${code}\n${stderr}`);
    const lines = stdout.split("\n").filter((line) => line !== "");
    return lines.map((line) => eventSchema.parse(JSON.parse(line)));
  }

  async eventsOf(source: string): Promise<readonly LabEvent[]> {
    return (await this.events()).filter((event) => event.source === source);
  }

  /** The lines of the history file; none if there is no file yet. */
  history(): readonly string[] {
    try {
      return readFileSync(join(this.folder, "portsentry.history"), "utf8")
        .split("\n")
        .filter((line) => line !== "");
    } catch {
      return [];
    }
  }

  async waitForBlock(source: string): Promise<BlockedSource> {
    return await waitFor(`block of ${source}`, async () => (await this.blocked()).find((b) => b.source === source));
  }

  async unblock(target: string): Promise<void> {
    const { code, stderr } = await this.cli(["unblock", target]);
    if (code !== 0) throw new Error(`portreeve unblock ${target}: exit code ${code}\n${stderr}`);
  }

  async #json(args: readonly string[]): Promise<unknown> {
    const { code, stdout, stderr } = await this.cli([...args, "--json"]);
    if (code !== 0) throw new Error(`portreeve ${args.join(" ")} --json: exit code ${code}\n${stderr}`);
    return JSON.parse(stdout);
  }

  #argv(): readonly string[] {
    return [process.execPath, PROGRAM, "run", "-c", this.file, "--log", "stdout"];
  }

  #spawn(more: readonly string[] = []): Running {
    const argv = [...this.#argv(), ...more];
    return this.#lab.spawn(this.#lab.target, this.#stage === undefined ? argv : this.#stage.enter(argv));
  }
}

function folderOf(lab: Lab): string {
  return join(lab.folder, "portreeve");
}

/** STATE_DIR of the lab's daemon. */
export function stateOf(lab: Lab): string {
  return join(folderOf(lab), "state");
}

function pathsIn(folder: string): Settings {
  return {
    STATE_DIR: join(folder, "state"),
    CONTROL_SOCKET: join(folder, "control.sock"),
    HISTORY_FILE: join(folder, "portsentry.history"),
    IGNORE_FILE: join(folder, "portsentry.ignore"),
  };
}

function writeConfiguration(file: string, settings: Settings): void {
  const lines = Object.entries(settings).map(([key, value]) => `${key}="${value}"`);
  writeFileSync(file, `${lines.join("\n")}\n`);
}

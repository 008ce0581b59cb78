// `portsentry` as 2.x's users and its own system tests start it: in a folder with its configuration, by relative paths, with
// its output in files there. The folder is made anew for each run, at the same place; what the daemon keeps elsewhere stays.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Running } from "./exec.ts";
import type { Lab } from "./lab.ts";
import { Stage } from "./stage.ts";
import { waitUntil } from "./wait.ts";

const PROGRAM = resolve(import.meta.dirname, "../../../../bin/portsentry");
const ACTIVE = "Portsentry is now active and listening.\n";
const START_MS = 15_000;

/** "Scan from" and its fields up to the port, of one source. */
export function scanOf(source: string, protocol: "TCP" | "UDP", type: string, port = 11): string {
  return `Scan from: [${source}] (${source}) protocol: [${protocol}] port: [${port}] type: [${type}] `;
}

export class SecondHost {
  readonly folder: string;
  readonly stage: Stage;
  readonly #lab: Lab;
  #running: Running | undefined;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.folder = join(lab.folder, "second");
    this.stage = new Stage(join(lab.folder, "stage"));
    this.stage.write("etc/hosts.deny", "");
  }

  /** A new folder; "@" in the configuration stands for it. Ends the run before. Returns when the daemon is active. */
  async start(
    switches: string,
    configuration: readonly string[],
    files: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder);
    const lines = ['HISTORY_FILE="./portsentry.history"', 'BLOCKED_FILE="./portsentry.blocked"', ...configuration];
    this.#write("portsentry.conf", `${lines.join("\n")}\n`);
    for (const [name, text] of Object.entries(files)) this.#write(name, text);
    await this.again(switches);
  }

  /** Starts it in the folder as it is. */
  async again(switches: string): Promise<void> {
    await this.stop();
    // The shell makes it anew a moment later: the line of the run before must not be taken for this one's.
    rmSync(join(this.folder, "portsentry.stdout"), { force: true });
    const line = `cd ${this.folder} && exec ${PROGRAM} -c portsentry.conf ${switches} </dev/null >portsentry.stdout 2>portsentry.stderr`;
    const { target } = this.#lab;
    const running = this.#lab.spawn(target, this.stage.enter(["sh", "-c", line]));
    this.#running = running;
    await waitUntil(
      `portsentry ${switches} is active`,
      () => {
        if (running.ended) throw new Error(`it has ended: ${this.read("portsentry.stderr")}`);
        return this.log.includes(ACTIVE);
      },
      START_MS,
    );
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }

  get pid(): number {
    return this.#running?.pid ?? 0;
  }

  /** What it has printed. */
  get log(): string {
    return this.read("portsentry.stdout");
  }

  read(name: string): string {
    const path = join(this.folder, name);
    return existsSync(path) ? readFileSync(path, "latin1") : "";
  }

  remove(name: string): void {
    rmSync(join(this.folder, name));
  }

  /** How often a text stands in its output. */
  count(text: string): number {
    return this.log.split(text).length - 1;
  }

  /** Waits until the text stands in its output so often. */
  async printed(text: string, times = 1): Promise<void> {
    await this.#until(`${times} times "${text}" in the output`, () => this.count(text) === times);
  }

  async remembered(text: string): Promise<void> {
    await this.#until(`"${text}" in the history`, () => this.read("portsentry.history").includes(text));
  }

  /** Waits until a file holds just this text. */
  async holds(name: string, text: string): Promise<void> {
    await this.#until(`${name} holds ${JSON.stringify(text)}`, () => this.read(name) === text);
  }

  /** The records of BLOCKED_FILE, in hexadecimal. */
  get blocked(): string {
    return Buffer.from(this.read("portsentry.blocked"), "latin1").toString("hex");
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    try {
      await waitUntil(what, condition);
    } catch (error) {
      throw new Error(`${String(error)}\n--- its output ---\n${this.log}\n${this.read("portsentry.stderr")}`);
    }
  }

  #write(name: string, text: string): void {
    const path = join(this.folder, name);
    writeFileSync(path, text.replaceAll("@", this.folder));
    if (text.startsWith("#!")) chmodSync(path, 0o755);
  }
}

export const blocks = (reaction: 0 | 1 | 2): readonly string[] => [
  `BLOCK_TCP="${reaction}"`,
  `BLOCK_UDP="${reaction}"`,
];
/** It succeeds, and shuts nobody out. */
export const TRUE_ROUTE = 'KILL_ROUTE="true $TARGET$"';
export const HOSTS_DENY = 'KILL_HOSTS_DENY="ALL: $TARGET$"';

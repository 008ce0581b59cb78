// What the programs of a lab send to /dev/log, in its order. The socket is made in the target's namespace, where its
// queue can be made long without touching the machine's own settings.
import { join } from "node:path";
import { z } from "zod";
import type { Running } from "./exec.ts";
import type { Lab } from "./lab.ts";
import { waitFor } from "./wait.ts";

const PROGRAM = join(import.meta.dirname, "programs/log-socket.js");
/** A start says some fifty lines at once; a sender that does not wait must not lose one. */
const QUEUE = 2_000;

export class SyslogReader {
  readonly #running: Running;

  private constructor(running: Running) {
    this.#running = running;
  }

  /** Listens on `path` until the lab ends. */
  static async start(lab: Lab, path: string): Promise<SyslogReader> {
    await lab.target.set("net.unix.max_dgram_qlen", String(QUEUE));
    const running = lab.spawn(lab.target, [process.execPath, PROGRAM, path]);
    await running.waitForLine(/^ready$/);
    return new SyslogReader(running);
  }

  /** How many datagrams have come; to be given to since(). */
  get count(): number {
    return this.#running.lines.length;
  }

  /** The datagrams from number `from` on, whole. */
  since(from: number): readonly string[] {
    return this.#running.lines.slice(from).map((line) => z.string().parse(JSON.parse(line)));
  }

  /** The first datagram from number `from` on that matches. */
  async waitFor(pattern: RegExp, from: number, deadlineMs = 15_000): Promise<string> {
    try {
      const find = (): string | undefined => this.since(from).find((text) => pattern.test(text));
      return await waitFor(`${pattern} in syslog`, find, deadlineMs);
    } catch (error) {
      throw new Error(`${String(error)}\n--- syslog ---\n${this.since(from).join("\n")}`);
    }
  }
}

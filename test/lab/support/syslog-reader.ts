// What the programs of a Root say to syslog: a reader on its /dev/log.
import { join } from "node:path";
import { z } from "zod";
import type { Running } from "./exec.ts";
import type { Lab } from "./lab.ts";
import type { Root } from "./root.ts";
import { waitFor } from "./wait.ts";

const PROGRAM = join(import.meta.dirname, "programs/log-socket.js");
/** PortSentry's: facility daemon, severity notice, its ident; then the text. */
const LINE = /^<29>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d portsentry\[\d+\]: ([^]*)$/;

export class SyslogReader {
  readonly #running: Running;

  private constructor(running: Running) {
    this.#running = running;
  }

  static async open(lab: Lab, root: Root): Promise<SyslogReader> {
    const running = lab.spawn(lab.target, [process.execPath, PROGRAM, root.path("/dev/log")]);
    await running.waitForLine(/^ready$/);
    return new SyslogReader(running);
  }

  /** The number of lines so far: where a later look may begin. */
  get count(): number {
    return this.#running.lines.length;
  }

  /** PortSentry's lines, without priority, time and ident; a newline at the end belongs to the text. */
  texts(from = 0): readonly string[] {
    return this.#running.lines.slice(from).flatMap((line) => textOf(line) ?? []);
  }

  async waitFor(pattern: RegExp, from = 0): Promise<string> {
    return await this.#waitUntil(String(pattern), (text) => pattern.test(text), from);
  }

  /** The whole line, byte for byte; 1.2 ends some of its lines in a newline. */
  async waitForText(wanted: string, from = 0): Promise<string> {
    return await this.#waitUntil(wanted, (text) => text === wanted || text === `${wanted}\n`, from);
  }

  async #waitUntil(what: string, matches: (text: string) => boolean, from: number): Promise<string> {
    try {
      return await waitFor(what, () => this.texts(from).find(matches));
    } catch (error) {
      throw new Error(`${String(error)}\n--- syslog ---\n${this.texts(from).slice(-40).join("\n")}`);
    }
  }
}

function textOf(line: string): string | undefined {
  if (!line.startsWith('"')) return undefined;
  return LINE.exec(z.string().parse(JSON.parse(line)))?.[1];
}

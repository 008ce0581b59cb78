// PortSentry's lines in syslog: facility daemon, severity notice, ident portsentry[PID], and then the text.
import type { Lab } from "./lab.ts";
import type { Root } from "./root.ts";
import { SyslogReader } from "./syslog-reader.ts";
import { waitFor } from "./wait.ts";

const LINE = /^<29>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d portsentry\[\d+\]: ([\s\S]*)$/;

/** A scanner that has to prove itself takes some seconds. */
const DEADLINE_MS = 30_000;

export class PortsentryLog {
  readonly #reader: SyslogReader;
  /** Datagrams before the first one: "ready" is none of them. */
  readonly #first: number;

  private constructor(reader: SyslogReader) {
    this.#reader = reader;
    this.#first = reader.count;
  }

  /** From now on, of the programs inside `root`. */
  static async open(lab: Lab, root: Root): Promise<PortsentryLog> {
    return new PortsentryLog(await SyslogReader.start(lab, root.path("/dev/log")));
  }

  /** The number of datagrams so far: where a later look may begin. */
  get count(): number {
    return this.#reader.count;
  }

  /** The texts; a newline at the end of one is part of it, as 1.2 ends some of its lines so. */
  texts(from = this.#first): readonly string[] {
    return this.#reader.since(from).flatMap((line) => LINE.exec(line)?.[1] ?? []);
  }

  async waitFor(pattern: RegExp, from = this.#first): Promise<string> {
    return await this.#wait(String(pattern), (text) => pattern.test(text), from);
  }

  /** The whole line, byte for byte. */
  async waitForText(wanted: string, from = this.#first): Promise<string> {
    return await this.#wait(wanted, (text) => text === wanted || text === `${wanted}\n`, from);
  }

  async #wait(what: string, matches: (text: string) => boolean, from: number): Promise<string> {
    try {
      return await waitFor(what, () => this.texts(from).find(matches), DEADLINE_MS);
    } catch (error) {
      throw new Error(`${String(error)}\n--- syslog ---\n${this.texts(from).slice(-40).join("\n")}`);
    }
  }
}

// Probes of the target from the lab's scanner, one after the other, through one long-lived program: a probe costs no
// process. Each returns when it is out (or when the connection has ended), with what the port said.
import { join } from "node:path";
import { z } from "zod";
import { LINK, TARGET } from "./addresses.ts";
import type { Running } from "./exec.ts";
import type { Lab } from "./lab.ts";
import { frame } from "./raw.ts";

const PROGRAM = join(import.meta.dirname, "programs/prober.js");
const ANSWER_MS = 700;
const reply = z.object({ answer: z.string() });

export interface End {
  readonly from: string;
  readonly port: number;
}

export class Prober {
  readonly #running: Running;

  private constructor(running: Running) {
    this.#running = running;
  }

  /** It ends with the lab. */
  static async start(lab: Lab): Promise<Prober> {
    const running = lab.spawn(lab.scanner, [process.execPath, PROGRAM, LINK, String(ANSWER_MS)]);
    await running.waitForLine(/^ready$/);
    return new Prober(running);
  }

  /** A TCP connection, read until the other side ends it: what it said, "(ECONNREFUSED)", "(timeout)". */
  connect({ from, port }: End): Promise<string> {
    return this.#ask({ connect: { from, to: TARGET.ipv4, port } });
  }

  /** A datagram of so many bytes, and the first answer: what it said, or "(nothing)". */
  datagram({ from, port }: End, bytes: number): Promise<string> {
    return this.#ask({ datagram: { from, to: TARGET.ipv4, port }, bytes });
  }

  /** A whole IP packet. */
  packet(packet: Uint8Array): Promise<string> {
    return this.#ask({ frame: Buffer.from(frame(packet, TARGET.mac)).toString("hex") });
  }

  async #ask(order: unknown): Promise<string> {
    const from = this.#running.lines.length;
    this.#running.write(`${JSON.stringify(order)}\n`);
    return reply.parse(JSON.parse(await this.#running.waitForLine(/^\{/, from))).answer;
  }
}

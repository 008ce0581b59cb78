// What PortSentry 1.2 makes of a configuration: the program itself is started with it, for some milliseconds and probed
// once. Its commands are never run: /bin/sh is /bin/true there, and nothing outside the Stage can be written.
import { join } from "node:path";
import { z } from "zod";
import type { Mode } from "./contest.ts";
import type { Running } from "./exec.ts";
import type { Lab } from "./lab.ts";
import { fetchOldPortsentry } from "./old-portsentry.ts";
import { Stage } from "./stage.ts";
import { waitUntil } from "./wait.ts";

const PROGRAM = join(import.meta.dirname, "programs/old-config.js");
const HARDEN = `set -e
mount -o remount,bind,ro /
mount --bind "$(readlink -f /bin/true)" "$(readlink -f /bin/sh)"
exec "$@"`;
/** The address that the ignore file has. */
export const IGNORED = "127.0.0.9";
export const IGNORE_TEXT = `${IGNORED}\n`;
export const IGNORE_FILE = "/etc/portsentry/portsentry.ignore";

const answer = z.object({
  /** Without time and process id. */
  lines: z.array(z.string()),
  /** False: it neither started nor stopped in time. */
  isReady: z.boolean(),
  started: z.boolean(),
  /** The port that was probed, where one is watched. */
  port: z.number().optional(),
  /** It has spoken of the probe. */
  isAnswered: z.boolean(),
  /** Of the files asked for, those that have been written. */
  written: z.array(z.string()),
});
export type Shown = z.infer<typeof answer>;

export interface Order {
  readonly conf: Buffer;
  readonly mode: Mode;
  /** So many probes are sent from each source. */
  readonly trigger: number;
  /** Whether these have been written is asked. */
  readonly files: readonly string[];
}

const PER_ORDER_MS = 10_000;

export class OldConfigRunner {
  readonly #running: Running;

  private constructor(running: Running) {
    this.#running = running;
  }

  /** It ends with the lab. */
  static async start(lab: Lab): Promise<OldConfigRunner> {
    const { target } = lab;
    const stage = new Stage(join(lab.folder, "stage"));
    stage.clear();
    stage.write(IGNORE_FILE, IGNORE_TEXT);
    stage.write("/etc/hosts", "127.0.0.1 localhost\n");
    stage.write("/etc/nsswitch.conf", "hosts: files\n");
    stage.write("/etc/hosts.deny", "");
    // A listener's ports are free again at once, and no probe's own port is one of those that are watched.
    await target.set("net.ipv4.tcp_max_tw_buckets", "0");
    await target.set("net.ipv4.ip_local_port_range", "60000 60999");
    await target.mustRun(["ip", "link", "set", "lo", "up"]);
    const old = join(await fetchOldPortsentry(), "usr/sbin/portsentry");
    const program = ["sh", "-c", HARDEN, "sh", process.execPath, PROGRAM, old];
    const running = lab.spawn(target, stage.enter(program));
    await running.waitForLine(/^ready$/);
    return new OldConfigRunner(running);
  }

  /** All of them, one after the other. */
  async run(orders: readonly Order[]): Promise<readonly Shown[]> {
    const from = this.#running.lines.length;
    const answers = () => this.#running.lines.slice(from);
    this.#running.write(
      orders.map((order) => `${JSON.stringify({ ...order, conf: order.conf.toString("hex") })}\n`).join(""),
    );
    const isDone = () => answers().length >= orders.length || this.#running.ended;
    await waitUntil(`answers to ${orders.length} configurations`, isDone, PER_ORDER_MS * orders.length);
    if (this.#running.ended) throw new Error(`the runner has ended:\n${answers().slice(-20).join("\n")}`);
    return answers().map((line) => answer.parse(JSON.parse(line)));
  }
}

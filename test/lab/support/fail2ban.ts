// Debian's fail2ban inside a Root, as its package installs it: its own jail "portsentry" and filter, unchanged; only that
// jail is switched on.
import { copyFileSync } from "node:fs";
import { basename } from "node:path";
import type { Root } from "./root.ts";
import { waitUntil } from "./wait.ts";

/** With the watcher of files that it recommends, as apt-get installs it. */
export const FAIL2BAN = ["fail2ban", "python3-pyinotify"] as const;
const LOCAL = "/etc/fail2ban/jail.local";
/** Debian switches its sshd jail on, which asks for a log that this system need not have. */
const JAILS = "[sshd]\nenabled = false\n\n[portsentry]\nenabled = true\n";

export class Fail2ban {
  readonly #root: Root;

  private constructor(root: Root) {
    this.#root = root;
  }

  static async install(root: Root, packages: readonly string[]): Promise<Fail2ban> {
    for (const file of packages) copyFileSync(file, root.path(`/root/${basename(file)}`));
    const inside = packages.map((file) => `/root/${basename(file)}`);
    // Where the machine has it already there may be nothing to install.
    if (inside.length > 0) await root.mustRun(["dpkg", "-i", ...inside]);
    root.write(LOCAL, JAILS);
    return new Fail2ban(root);
  }

  async start(): Promise<void> {
    await this.#root.mustRun(["fail2ban-client", "start"]);
    await waitUntil("fail2ban's jail is there", async () => (await this.#status()) !== undefined);
  }

  async stop(): Promise<void> {
    await this.#root.mustRun(["fail2ban-client", "stop"]);
  }

  /** The addresses that its jail "portsentry" holds. */
  async banned(): Promise<readonly string[]> {
    const list = /Banned IP list:[ \t]*(.*)/.exec((await this.#status()) ?? "")?.[1] ?? "";
    return list.split(/\s+/).filter((address) => address !== "");
  }

  /** How many lines its filter has matched since it was started. */
  async found(): Promise<number> {
    return Number(/Total failed:\s+(\d+)/.exec((await this.#status()) ?? "")?.[1] ?? Number.NaN);
  }

  async #status(): Promise<string | undefined> {
    const { code, stdout } = await this.#root.run(["fail2ban-client", "status", "portsentry"]);
    return code === 0 ? stdout : undefined;
  }
}

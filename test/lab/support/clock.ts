// Real time servers and their clients: chrony, unpacked from Debian's package, not installed. "-x": no clock is touched.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun, type Running } from "./exec.ts";
import { fetchPackages } from "./fetch-packages.ts";
import type { Host, Lab } from "./lab.ts";
import type { Stage } from "./stage.ts";

export class Chrony {
  readonly #lab: Lab;
  readonly #folder: string;

  private constructor(lab: Lab, folder: string) {
    this.#lab = lab;
    this.#folder = folder;
  }

  static async fetch(lab: Lab): Promise<Chrony> {
    const folder = join(lab.folder, "chrony");
    for (const file of await fetchPackages(["chrony"])) await mustRun(["dpkg-deb", "-x", file, folder]);
    return new Chrony(lab, folder);
  }

  #argv(program: string, args: readonly string[]): readonly string[] {
    const machine = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
    const libraries = [join(this.#folder, "lib", machine), join(this.#folder, "usr/lib", machine)].join(":");
    return ["env", `LD_LIBRARY_PATH=${libraries}`, join(this.#folder, "usr", program), ...args];
  }

  #daemon(config: string): readonly string[] {
    return this.#argv("sbin/chronyd", ["-x", "-d", "-u", "root", "-f", config]);
  }

  /** A server on a host of the lab that answers everybody. */
  async serve(host: Host): Promise<void> {
    const config = join(this.#lab.folder, "chrony-server.conf");
    const pidFile = join(this.#lab.folder, "chrony-server.pid");
    writeFileSync(config, `local stratum 8\nallow all\ncmdport 0\nbindcmdaddress /\npidfile ${pidFile}\n`);
    await this.#lab.spawn(host, this.#daemon(config)).waitForLine(/chronyd version .* starting/);
  }

  /** A client in the target with the /etc/chrony/chrony.conf of a stage; returns when it has chosen its source. */
  async follow(stage: Stage): Promise<Running> {
    mkdirSync(stage.path("run/chrony"), { mode: 0o750 });
    const client = this.#lab.spawn(this.#lab.target, stage.enter(this.#daemon("/etc/chrony/chrony.conf")));
    await client.waitForLine(/Selected source/);
    return client;
  }

  /** Valid answers that the client has got from each of its sources. */
  async answers(stage: Stage): Promise<ReadonlyMap<string, number>> {
    const socket = stage.path("run/chrony/chronyd.sock");
    const text = await mustRun(this.#argv("bin/chronyc", ["-n", "-h", socket, "ntpdata"]));
    const sources = [...text.matchAll(/^Remote address\s*: (\S+).*?^Total valid RX\s*: (\d+)/gms)];
    return new Map(sources.map(([, address = "", count]) => [address, Number(count)]));
  }
}

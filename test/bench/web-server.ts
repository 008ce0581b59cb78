// A web server of Debian's (nginx) and the client that loads it (ab, curl), unpacked beside the host's files and never installed.
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unpackPackages } from "../lab/support/fetch-packages.ts";
import type { Host, Lab } from "../lab/support/lab.ts";
import { waitUntil } from "../lab/support/wait.ts";

const LIBRARIES = "usr/lib/x86_64-linux-gnu";
/** Longer than any measurement reads; it has no blocks on the disk. */
const BIG_FILE_BYTES = 64 * 1024 ** 3;
/** ab keeps a record of each. */
const MOST_REQUESTS = 500_000;
const CONCURRENT = 16;
/** The server on one core and the client, on whose core the kernel runs our rules, on the other. */
const [SERVERS_CORE, CLIENTS_CORE] = [0, 1];

export class WebTools {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  static async fetch(): Promise<WebTools> {
    return new WebTools(await unpackPackages(["nginx-light", "apache2-utils"]));
  }

  /** Serves on these ports until the lab ends: one small page, and one big file. */
  async serve(lab: Lab, host: Host, ports: readonly number[]): Promise<void> {
    const folder = join(lab.folder, "web");
    mkdirSync(join(folder, "temporary"), { recursive: true });
    writeFileSync(join(folder, "index.html"), "x".repeat(612));
    const big = openSync(join(folder, "big"), "w");
    ftruncateSync(big, BIG_FILE_BYTES);
    closeSync(big);
    const file = join(folder, "nginx.conf");
    writeFileSync(file, configuration(folder, ports));
    const nginx = ["taskset", "-c", String(SERVERS_CORE), join(this.#root, "usr/sbin/nginx")];
    const running = lab.spawn(host, [...nginx, "-e", join(folder, "error.log"), "-p", folder, "-c", file]);
    await waitUntil("nginx serves", async () => {
      if (running.ended) throw new Error(`nginx ended: ${running.lines.join("\n")}`);
      const listeners = await host.mustRun(["ss", "-Hltn"]);
      return ports.every((port) => listeners.includes(`:${port} `));
    });
  }

  /** Requests a second, each with a connection of its own unless `kept`. */
  async requests(host: Host, url: string, from: string, seconds: number, kept: boolean): Promise<number> {
    const ab = [...this.#client("usr/bin/ab"), "-q", "-d", "-r", "-B", from, "-c", String(CONCURRENT)];
    const howMany = ["-t", String(seconds), "-n", String(MOST_REQUESTS), ...(kept ? ["-k"] : [])];
    const text = await host.mustRun([...ab, ...howMany, url]);
    const value = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? Number.NaN);
    const failed = value(/^Failed requests:\s+(\d+)/m);
    if (failed !== 0) throw new Error(`ab: ${failed} failed requests\n${text}`);
    return value(/^Requests per second:\s+([\d.]+)/m);
  }

  /** Bytes a second over one connection. */
  async bytes(host: Host, url: string, from: string, seconds: number): Promise<number> {
    const curl = ["taskset", "-c", String(CLIENTS_CORE), "curl", "-s", "-o", "/dev/null", "-w", "%{speed_download}"];
    const { stdout } = await host.run([...curl, "--interface", from, "--max-time", String(seconds), url]);
    return Number(stdout);
  }

  #client(program: string): readonly string[] {
    const libraries = `LD_LIBRARY_PATH=${join(this.#root, LIBRARIES)}`;
    return ["taskset", "-c", String(CLIENTS_CORE), "env", libraries, join(this.#root, program)];
  }
}

function configuration(folder: string, ports: readonly number[]): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  keepalive_requests 100000000;
  ${temporary.map((name) => `${name}_temp_path ${folder}/temporary/${name};`).join("\n  ")}
  server {
    root ${folder};
    ${ports.map((port) => `listen ${port} backlog=4096;`).join("\n    ")}
  }
}
`;
}

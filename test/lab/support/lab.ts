// A little network in namespaces of its own, and everything that runs in it. close() leaves nothing behind, nor does
// a failed or interrupted test; what a killed run left is removed by the next one. The root namespace is never touched.
import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CONTAINER, furtherHost, INNER_LINK, LINK, NEIGHBOURS, SCANNER, TARGET } from "./addresses.ts";
import { mustRun, type Outcome, Running, run } from "./exec.ts";
import { folderPrefix, namePrefix, removeFolder, removeLeftOvers, removeNamespace } from "./leftovers.ts";
import { waitUntil } from "./wait.ts";

export interface LabShape {
  /** A third namespace behind the target, as container engines make them. */
  readonly inner?: boolean;
}

/** One network namespace. */
export class Host {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  argv(argv: readonly string[]): readonly string[] {
    return ["ip", "netns", "exec", this.name, ...argv];
  }

  run(argv: readonly string[], input = "", timeoutMs?: number): Promise<Outcome> {
    return run(this.argv(argv), input, timeoutMs);
  }

  mustRun(argv: readonly string[], input = ""): Promise<string> {
    return mustRun(this.argv(argv), input);
  }

  /** sysctl of this namespace. */
  async set(key: string, value: string): Promise<void> {
    await this.mustRun(["sysctl", "-qw", `${key}=${value}`]);
  }
}

export class Lab {
  readonly target: Host;
  readonly scanner: Host;
  readonly inner: Host;
  /** For files of this lab; removed at the end. */
  readonly folder: string;
  readonly #run: string;
  readonly #running: Running[] = [];
  readonly #further: Host[] = [];
  readonly #onExit = (): void => this.#removeNow();
  readonly #onSignal = (): void => process.exit(130);

  private constructor(run: string) {
    this.#run = run;
    this.target = new Host(`${run}-target`);
    this.scanner = new Host(`${run}-scanner`);
    this.inner = new Host(`${run}-inner`);
    this.folder = mkdtempSync(join(tmpdir(), folderPrefix(process.pid)));
    process.on("exit", this.#onExit);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, this.#onSignal);
  }

  static async open(shape: LabShape = {}): Promise<Lab> {
    if (process.getuid?.() !== 0) throw new Error("the lab makes network namespaces: run these tests as root");
    await removeLeftOvers();
    const lab = new Lab(`${namePrefix(process.pid)}${randomBytes(4).toString("hex")}`);
    try {
      await lab.#build(shape);
    } catch (error) {
      await lab.close();
      throw error;
    }
    return lab;
  }

  /**
   * One more host with a kernel of its own, in a network of its own behind the scanner, which routes (it is the target's
   * gateway anyway). `number`: 1..62.
   */
  async addHost(number: number): Promise<Host> {
    const { scanner } = this;
    const host = new Host(`${this.#run}-host${number}`);
    this.#further.push(host);
    await addNamespace(host);
    const { ipv4, ipv6, gateway4, gateway6 } = furtherHost(number);
    const [far, near] = [`host${number}`, LINK];
    await mustRun(["ip", "link", "add", far, "netns", scanner.name, "type", "veth", "peer", near, "netns", host.name]);
    await scanner.set("net.ipv4.ip_forward", "1");
    await scanner.set("net.ipv6.conf.all.forwarding", "1");
    await batch(scanner, [
      `addr add ${gateway4}/30 dev ${far}`,
      `addr add ${gateway6}/64 dev ${far} nodad`,
      `link set ${far} up`,
    ]);
    await batch(host, [
      "link set lo up",
      `addr add ${ipv4}/30 dev ${near}`,
      `addr add ${ipv6}/64 dev ${near} nodad`,
      `link set ${near} up`,
      `route add default via ${gateway4}`,
      `route add default via ${gateway6}`,
    ]);
    await waitUntil(
      "both ends of its link have a carrier",
      async () => (await hasCarrier(host)) && hasCarrier(scanner, far),
    );
    return host;
  }

  /** Starts a program in a namespace; it ends with the lab at the latest. */
  spawn(host: Host, argv: readonly string[]): Running {
    const running = new Running(host.argv(argv));
    this.#running.push(running);
    return running;
  }

  /** A small file system of its own below `folder`, for tests that fill a disk. */
  async mountTmpfs(folder: string, bytes: number): Promise<void> {
    await mustRun(["mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder]);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#running.map((running) => running.stop()));
    this.#removeNow();
    process.off("exit", this.#onExit);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, this.#onSignal);
  }

  async #build(shape: LabShape): Promise<void> {
    const { target, scanner, inner } = this;
    const link = ["link", "add", LINK, "address", TARGET.mac, "netns", target.name];
    await addNamespace(target);
    await addNamespace(scanner);
    await mustRun(["ip", ...link, "type", "veth", "peer", "name", LINK, "address", SCANNER.mac, "netns", scanner.name]);
    // ip_nonlocal_bind: IPv6 sources of a "local" prefix may be bound, as IPv4 allows anyway.
    await scanner.set("net.ipv6.ip_nonlocal_bind", "1");
    await batch(target, [
      "link set lo up",
      `addr add ${TARGET.ipv4}/24 broadcast + dev ${LINK}`,
      `addr add ${TARGET.ipv6}/64 dev ${LINK} nodad`,
      `link set ${LINK} up`,
      `route add default via ${SCANNER.ipv4}`,
      `route add default via ${SCANNER.ipv6}`,
    ]);
    await batch(scanner, [
      "link set lo up",
      `addr add ${SCANNER.ipv4}/24 broadcast + dev ${LINK}`,
      `addr add ${SCANNER.ipv6}/64 dev ${LINK} nodad`,
      ...NEIGHBOURS.flatMap(({ ipv4, ipv6 }) => [
        `addr add ${ipv4}/24 dev ${LINK}`,
        `addr add ${ipv6}/64 dev ${LINK} nodad`,
      ]),
      `link set ${LINK} up`,
      "route add local 203.0.113.0/24 dev lo",
      "route add local 2001:db8:b::/48 dev lo",
    ]);
    if (shape.inner === true) await this.#buildInner(inner);
    await waitUntil(
      "both ends of the link have a carrier",
      async () => (await hasCarrier(target)) && hasCarrier(scanner),
    );
  }

  async #buildInner(inner: Host): Promise<void> {
    const { target } = this;
    await addNamespace(inner);
    const peer = ["type", "veth", "peer", "name", LINK, "netns", inner.name];
    await mustRun(["ip", "link", "add", INNER_LINK, "netns", target.name, ...peer]);
    await target.set("net.ipv4.ip_forward", "1");
    await target.set("net.ipv6.conf.all.forwarding", "1");
    await batch(target, [
      `addr add ${CONTAINER.gateway4}/24 dev ${INNER_LINK}`,
      `addr add ${CONTAINER.gateway6}/64 dev ${INNER_LINK} nodad`,
      `link set ${INNER_LINK} up`,
    ]);
    await batch(inner, [
      "link set lo up",
      `addr add ${CONTAINER.ipv4}/24 dev ${LINK}`,
      `addr add ${CONTAINER.ipv6}/64 dev ${LINK} nodad`,
      `link set ${LINK} up`,
      `route add default via ${CONTAINER.gateway4}`,
      `route add default via ${CONTAINER.gateway6}`,
    ]);
  }

  #removeNow(): void {
    for (const running of this.#running.splice(0)) running.killNow();
    for (const host of [this.target, this.scanner, this.inner, ...this.#further]) removeNamespace(host.name);
    removeFolder(this.folder);
  }
}

/** Without duplicate address detection: with it IPv6 speaks two seconds after the link is up. */
async function addNamespace(host: Host): Promise<void> {
  await mustRun(["ip", "netns", "add", host.name]);
  await host.set("net.ipv6.conf.default.accept_dad", "0");
}

/** A veth end is up for IPv6 only some time after it was set up: the kernel tells of carriers in batches. */
async function hasCarrier(host: Host, link: string = LINK): Promise<boolean> {
  return (await host.mustRun(["ip", "link", "show", link])).includes("state UP");
}

/** One `ip` process for many commands. */
async function batch(host: Host, commands: readonly string[]): Promise<void> {
  await mustRun(["ip", "-n", host.name, "-batch", "-"], `${commands.join("\n")}\n`);
}

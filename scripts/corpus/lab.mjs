// Two network namespaces for the corpus: "home", which is scanned and visited, and "world", where everybody else lives.
// Documentation addresses only; close() removes what was made.
//
//   home ---- link0 ---- world      198.51.100.0/24 and 2001:db8:a::/64 are on the link
//
// home has .1 to .8 (and ::1 to ::8); world has .250 and ::fa there, and behind them all of 203.0.113.0/24 and
// 2001:db8:b::/48 (scanners), 192.0.2.0/24 and 2001:db8:c::/48 (everybody innocent).
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { root } from "../setup.mjs";

export const LINK = "link0";
export const HOMES = ["198.51.100.0/24", "2001:db8:a::/64"];
export const HOME = { ipv4: "198.51.100.1", ipv6: "2001:db8:a::1", mac: "02:00:00:00:00:01" };
export const WORLD = { ipv4: "198.51.100.250", ipv6: "2001:db8:a::fa", mac: "02:00:00:00:00:02" };
/** How many addresses home has, from HOME on. */
export const HOME_HOSTS = 8;
/** Home addresses up to here have no host, but their packets come over the link as those of a routed network do. */
const LAST_SILENT = 40;
const QUIET_MS = 500;
const MAX_OUTPUT_CHARACTERS = 20_000;
/** Compiled tests whose programs the corpus uses; as in scripts/deb.mjs. */
export const build = process.env.PORTREEVE_BUILD ?? join(root, "build");

export const homeHost = (number) => `198.51.100.${number}`;
export const scannerAddress = (number) => `203.0.113.${number}`;
export const scannerAddress6 = (number) => `2001:db8:b:${number.toString(16)}::1`;
export const innocentAddress = (number) => `192.0.2.${number}`;
export const innocentAddress6 = (number) => `2001:db8:c:${number.toString(16)}::1`;

export class CorpusLab {
  constructor() {
    this.home = `pr-${process.pid}-corpus-home`;
    this.world = `pr-${process.pid}-corpus-world`;
    this.zombie = `pr-${process.pid}-corpus-zombie`;
    this.folder = mkdtempSync(join(tmpdir(), `portreeve-lab-${process.pid}-`));
    this.running = new Set();
    process.once("exit", () => this.close());
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
  }

  open() {
    const { home, world } = this;
    for (const name of [home, world]) {
      ip(["netns", "add", name]);
      this.set(name, "net.ipv6.conf.default.accept_dad=0");
      this.set(name, "net.ipv6.conf.default.router_solicitations=0");
    }
    const far = ["peer", "name", LINK, "address", WORLD.mac, "netns", world];
    ip(["link", "add", LINK, "address", HOME.mac, "netns", home, "type", "veth", ...far]);
    this.set(world, "net.ipv6.ip_nonlocal_bind=1");
    // One packet on the wire a segment, as on a real one.
    ip(["-n", home, "link", "set", LINK, "gso_max_segs", "1"]);
    ip(["-n", world, "link", "set", LINK, "gso_max_segs", "1"]);
    // Answers to a scan come at the scan's pace, not at that of an ICMP limit; one capture has the default on purpose.
    this.set(home, "net.ipv4.icmp_ratelimit=0");
    this.set(home, "net.ipv6.icmp.ratelimit=0");
    this.set(home, "net.ipv4.icmp_msgs_per_sec=100000");
    for (let host = 1; host <= HOME_HOSTS; host++) {
      ip(["-n", home, "addr", "add", `198.51.100.${host}/24`, "dev", LINK]);
      ip(["-n", home, "addr", "add", `2001:db8:a::${host}/64`, "dev", LINK, "nodad"]);
    }
    ip(["-n", world, "addr", "add", `${WORLD.ipv4}/24`, "dev", LINK]);
    ip(["-n", world, "addr", "add", `${WORLD.ipv6}/64`, "dev", LINK, "nodad"]);
    for (const name of [home, world]) {
      ip(["-n", name, "link", "set", "lo", "up"]);
      ip(["-n", name, "link", "set", LINK, "up"]);
    }
    ip(["-n", home, "route", "add", "default", "via", WORLD.ipv4]);
    ip(["-n", home, "route", "add", "default", "via", WORLD.ipv6]);
    for (const net of ["203.0.113.0/24", "192.0.2.0/24", "2001:db8:b::/48", "2001:db8:c::/48"]) {
      ip(["-n", world, "route", "add", "local", net, "dev", "lo"]);
    }
    for (let host = 1; host <= LAST_SILENT; host++) {
      ip(["-n", world, "neigh", "add", homeHost(host), "lladdr", HOME.mac, "dev", LINK]);
      ip(["-n", world, "neigh", "add", `2001:db8:a::${host}`, "lladdr", HOME.mac, "dev", LINK]);
    }
    ip(["-n", home, "neigh", "add", WORLD.ipv4, "lladdr", WORLD.mac, "dev", LINK]);
    ip(["-n", home, "neigh", "add", WORLD.ipv6, "lladdr", WORLD.mac, "dev", LINK]);
  }

  set(name, setting) {
    must("ip", ["netns", "exec", name, "sysctl", "-qw", setting]);
  }

  /** Starts a program in a namespace; `ready` is awaited in its output. Ends with the lab at the latest. */
  async start(name, argv, ready) {
    const child = spawn("ip", ["netns", "exec", name, ...argv], { stdio: ["pipe", "pipe", "pipe"] });
    this.running.add(child);
    child.once("exit", () => this.running.delete(child));
    let output = "";
    await new Promise((resolve, reject) => {
      const look = (bytes) => {
        if (output.length < 100_000) output += bytes;
        if (ready === undefined || ready.test(output)) resolve();
      };
      child.stdout.on("data", look);
      child.stderr.on("data", look);
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`${argv.join(" ")}: ended with ${code}: ${output}`)));
      if (ready === undefined) resolve();
    });
    return child;
  }

  /** Runs a program in a namespace to its end; `codes` are the exit codes that are fine. What it printed. */
  async run(name, argv, { codes = [0], timeoutMs = 120_000 } = {}) {
    const child = spawn("ip", ["netns", "exec", name, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
    this.running.add(child);
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    let output = "";
    const keep = (bytes) => {
      output = (output + bytes).slice(-MAX_OUTPUT_CHARACTERS);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    await once(child, "close");
    clearTimeout(timer);
    this.running.delete(child);
    if (!codes.includes(child.exitCode))
      throw new Error(`${argv.join(" ")}: ended with ${child.exitCode}: ${output.slice(-2000)}`);
    return output;
  }

  /** Captures at home's end of the link while `work` runs, and until nothing comes any more. */
  async capture(file, work, { snapBytes = 2_048, filter = "" } = {}) {
    // The kernel's own neighbour and multicast chatter would make every run differ; the capture "link" is about it.
    const noise = "not (icmp6 and ip6[40] >= 133 and ip6[40] <= 136) and not (ip6 and ip6[6] == 0)";
    const wanted = filter === "" ? noise : filter;
    // Immediate mode gives every packet a slot of the snap length: with both at their defaults a burst does not fit.
    const argv = ["tcpdump", "-i", LINK, "-n", "-U", "--immediate-mode", "-B", "65536", "-Z", "root"];
    const tcpdump = await this.start(this.home, [...argv, "-s", String(snapBytes), "-w", file, wanted], /listening on/);
    await work();
    for (let before = -1; before !== statSync(file).size; ) {
      before = statSync(file).size;
      await wait(QUIET_MS);
    }
    tcpdump.kill("SIGINT");
    await once(tcpdump, "close");
  }

  async stop(child) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }

  close() {
    for (const child of this.running) child.kill("SIGKILL");
    for (const name of [this.home, this.world, this.zombie]) {
      const pids = spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" });
      if (pids.status !== 0) continue;
      for (const pid of pids.stdout.split("\n").map(Number)) {
        try {
          if (pid > 1) process.kill(pid, "SIGKILL");
        } catch {
          // It had ended by itself.
        }
      }
      spawnSync("ip", ["netns", "del", name]);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function must(program, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", cwd });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? stderr}`);
  return stdout;
}

export function ip(args) {
  must("ip", args);
}

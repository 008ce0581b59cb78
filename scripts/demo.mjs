#!/usr/bin/env node
// npm run demo: two network namespaces, nmap against a host with and without Portreeve, the two reports side by side, and
// what the daemon logged. Everything it makes (namespaces, files) is removed at the end. Traffic stays in the namespaces.
import { execFile, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { requireMachine } from "./machine.mjs";
import { build, ensureDebianPackages, ensureNpmPackages, fail, root } from "./setup.mjs";

const OPEN_PORTS = [22, 80, 111, 443, 1723, 2049, 3306, 5432, 5900, 8080];
const HOST = "198.51.100.1";

if (process.argv[2] === "serve") {
  let waiting = OPEN_PORTS.length;
  const opened = () => {
    waiting--;
    if (waiting === 0) process.stdout.write("ready\n");
  };
  for (const port of OPEN_PORTS) createServer((socket) => socket.end()).listen(port, HOST, opened);
} else {
  await requireMachine({ asRoot: true });
  ensureDebianPackages(["nftables", "nmap", "iproute2"]);
  ensureNpmPackages();
  build();
  process.exitCode = await demo();
}

async function demo() {
  const lab = openLab();
  process.on("SIGINT", () => {
    lab.close();
    process.exit(130);
  });
  try {
    await lab.start([process.execPath, import.meta.filename, "serve"], /ready/);
    say(`A host with ${OPEN_PORTS.length} services, scanned from another host: nmap -sS -T4 --top-ports 200`);
    say("... without Portreeve");
    const before = await lab.scan();
    say("... with Portreeve (BLOCK_TCP=1)");
    const daemon = await lab.start(
      [process.execPath, join(root, "bin/portreeve"), "run", "-c", lab.conf],
      /active and listening/,
    );
    const after = await lab.scan();
    printSideBySide(before, after);
    say("What the daemon logged:");
    print(
      daemon
        .lines()
        .filter((line) => line.startsWith("attackalert"))
        .slice(0, 6),
    );
    say("What it holds (portreeve blocked):");
    print(await lab.client(["blocked"]));
    say("and after portreeve unblock --all:");
    print([...(await lab.client(["unblock", "--all"])), ...(await lab.client(["blocked"]))]);
    return 0;
  } finally {
    lab.close();
  }
}

/** Two namespaces, a cable between them, and a folder; close() removes all of it. */
function openLab() {
  const target = `pr-demo-${process.pid}-host`;
  const scanner = `pr-demo-${process.pid}-scan`;
  const folder = mkdtempSync(join(tmpdir(), "portreeve-demo-"));
  const conf = join(folder, "portsentry.conf");
  const shipped = readFileSync(join(root, "conf/portsentry.conf"), "utf8");
  const changes = {
    BLOCK_TCP: "1",
    BLOCK_UDP: "1",
    STATE_DIR: join(folder, "state"),
    HISTORY_FILE: join(folder, "history"),
    IGNORE_FILE: join(root, "conf/portsentry.ignore"),
    CONTROL_SOCKET: join(folder, "control.sock"),
  };
  const text = Object.entries(changes).reduce(
    (file, [key, value]) => file.replace(new RegExp(`^#?${key}=.*$`, "m"), `${key}="${value}"`),
    shipped,
  );
  writeFileSync(conf, text);
  const children = [];
  const ip = (...args) => must("ip", args);
  for (const name of [target, scanner]) ip("netns", "add", name);
  ip("link", "add", "lab0", "netns", target, "type", "veth", "peer", "name", "lab0", "netns", scanner);
  ip("-n", target, "address", "add", `${HOST}/24`, "dev", "lab0");
  ip("-n", scanner, "address", "add", "198.51.100.2/24", "dev", "lab0");
  for (const name of [target, scanner]) for (const link of ["lo", "lab0"]) ip("-n", name, "link", "set", link, "up");
  return {
    conf,
    /** Starts a program on the host and waits until it has printed what `ready` matches. */
    start: (argv, ready) => startChild(["ip", "netns", "exec", target, ...argv], ready, children),
    async scan() {
      const nmap = ["nmap", "-sS", "-T4", "-n", "-Pn", "--top-ports", "200", "--max-retries", "0", HOST];
      const report = await output("ip", ["netns", "exec", scanner, ...nmap]);
      return report.split("\n").filter((line) => /^(\d+\/tcp|PORT|Not shown|All )/.test(line));
    },
    async client(args) {
      const argv = [process.execPath, join(root, "bin/portreeve"), ...args, "-c", conf];
      return (await output("ip", ["netns", "exec", target, ...argv])).trimEnd().split("\n");
    },
    close() {
      for (const child of children.splice(0)) child.kill("SIGKILL");
      for (const name of [target, scanner]) spawnSync("ip", ["netns", "delete", name]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function startChild(argv, ready, children) {
  const child = spawn(argv[0], argv.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  let text = "";
  return new Promise((resolve, reject) => {
    child.on("exit", (code) => reject(new Error(`${argv.slice(4).join(" ")} ended with ${code}: ${text}`)));
    child.stdout.on("data", (chunk) => {
      text += chunk;
      if (ready.test(text)) resolve({ lines: () => text.split("\n") });
    });
  });
}

/** What a command prints; not synchronous, so that the daemon's lines are read meanwhile. */
async function output(command, args) {
  return (await promisify(execFile)(command, args)).stdout;
}

function must(command, args) {
  const result = spawnSync(command, args, { encoding: "utf8" });
  if (result.status !== 0) fail(1, `${command} ${args.join(" ")}: ${result.stderr || result.error?.message}`);
}

function printSideBySide(left, right) {
  const width = 46;
  const row = (a, b) => process.stdout.write(`  ${a.slice(0, width).padEnd(width)} | ${b}\n`);
  process.stdout.write("\n");
  row("WITHOUT PORTREEVE", "WITH PORTREEVE");
  row("-".repeat(width), "-".repeat(width));
  for (let index = 0; index < Math.max(left.length, right.length); index++) row(left[index] ?? "", right[index] ?? "");
  const open = (lines) => lines.filter((line) => /^\d+\/tcp\s+open/.test(line)).length;
  process.stdout.write(`\n  open ports found: ${open(left)} of ${OPEN_PORTS.length} without, ${open(right)} with\n\n`);
}

function print(lines) {
  process.stdout.write(`${lines.map((line) => `  ${line}`).join("\n")}\n\n`);
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

// The entry point of `portsentry`: the process around portsentry-run.ts. The daemon is loaded only by the process that
// becomes it.
import { readFileSync, writeFileSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ExitCode } from "../base/exit-code.ts";
import { readVersion } from "../control/version.ts";
import type { Line } from "../record/lines.ts";
import { startInBackground, takeParent } from "./background.ts";
import { connect } from "./connect.ts";
import { runPortsentry, type World } from "./portsentry-run.ts";

/** The package's launcher says how it was called. Commands that this process runs need not know. */
const program = process.env.PORTREEVE_PROGRAM ?? process.argv[1] ?? "portsentry";
delete process.env.PORTREEVE_PROGRAM;
const parent = takeParent(process.env);
if (parent !== undefined) becomeDaemon();
// The reader of our lines may go away; the daemon guards the host all the same.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});
const { sayEarly } = await import("../record/early-log.ts");

const world: World = {
  write: (text) => writeTo(1, text),
  complain: (message) => writeTo(2, `portsentry: ${message}\n`),
  say: (lines: readonly Line[]) => sayEarly(lines),
  isRoot: process.geteuid?.() === 0,
  program,
  folder: process.cwd(),
  version: readVersion(),
  readFile: (path) => readFileSync(path),
  parent,
  loadDaemon: async () => (await import("../service/run.ts")).runDaemon,
  startInBackground: (args) =>
    startInBackground({ argv: [process.argv[1] ?? "", ...args], env: { ...process.env, PORTREEVE_PROGRAM: program } }),
  addMode: (conf, mode) => connect({ conf }).ask("addMode", { mode }),
  sleep: async (ms) => {
    await sleep(ms);
  },
};
try {
  process.exitCode = await runPortsentry(process.argv.slice(2), world);
} catch (error) {
  // The error was not expected: its stack helps to find the cause, and standard error may lead nowhere here.
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  world.complain(`internal error: ${text}`);
  parent?.complain(`internal error: ${text}`);
  process.exitCode = ExitCode.Software;
}

/** The parent has made the session, gone to "/" and closed the terminal (background.ts). */
function becomeDaemon(): void {
  process.umask(0o077);
  try {
    // pkill, pidof and killall look for this name; ps goes on showing the whole command line.
    writeFileSync("/proc/self/comm", "portsentry");
  } catch {
    // Only a name.
  }
}

function writeTo(fd: number, text: string): void {
  try {
    writeSync(fd, text);
  } catch {
    // Nobody reads it.
  }
}

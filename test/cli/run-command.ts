// Runs the built command line as a child process, as a user would, and catches what it prints.
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { makeFolder, type Served, serveFake } from "../control/fake-daemon.ts";
import { readableBuild } from "../support/readable-build.ts";

export const mainFile = join(import.meta.dirname, "../../src/cli/client.cjs");

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface StartOptions {
  /** Another file than mainFile. */
  readonly file?: string;
  readonly uid?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** The child as it runs, with its three streams on pipes. */
export function start(args: readonly string[], { file, uid, env }: StartOptions = {}): ChildProcess {
  const other = uid === undefined ? undefined : readableBuild({ uid, gid: uid });
  const program = file ?? other?.file("src/cli/client.cjs") ?? mainFile;
  return spawn(other?.node ?? process.execPath, [program, ...args], {
    cwd: "/",
    env: { PATH: process.env.PATH ?? "", TZ: "UTC", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
}

export async function finish(child: ChildProcess): Promise<Outcome> {
  let out = "";
  let err = "";
  child.stdout?.setEncoding("utf8").on("data", (piece: string) => {
    out += piece;
  });
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
    err += piece;
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, out, err };
}

export function portreeve(args: readonly string[], options?: StartOptions): Promise<Outcome> {
  return finish(start(args, options));
}

export interface Lab extends Served {
  /** A configuration file that names the fake daemon's socket. */
  readonly conf: string;
  /** Runs a command with -c conf. */
  ask(...args: string[]): Promise<Outcome>;
}

export async function makeLab(t: TestContext): Promise<Lab> {
  const served = await serveFake(t);
  const conf = join(served.folder, "portsentry.conf");
  writeFileSync(conf, `# a test\nCONTROL_SOCKET="${served.socket}"\n`);
  return { ...served, conf, ask: (command, ...args) => portreeve([command ?? "", "-c", conf, ...args]) };
}

/** A configuration file with this text, in a folder of its own. */
export function writeConf(t: TestContext, text: string): string {
  const file = join(makeFolder(t), "portsentry.conf");
  writeFileSync(file, text);
  return file;
}

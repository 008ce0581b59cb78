// Starting a program of ours in the background: the parent waits until the child is ready or has failed, so that an init
// script's exit code tells the truth. Node cannot fork: the child is a new process in a session of its own, in "/",
// without a terminal, that is told by its environment which descriptor its parent reads.
import { spawn } from "node:child_process";
import { closeSync, writeSync } from "node:fs";
import type { Readable } from "node:stream";

const READY_VARIABLE = "PORTREEVE_READY_FD";
/** The folder in which the parent was started: the child is in "/". */
const FOLDER_VARIABLE = "PORTREEVE_FOLDER";
const READY_FD = 3;
/** On the pipe: text is complaint, this byte says that the child is ready. */
const READY = "\0";
const MAX_COMPLAINT_CHARS = 65_536;
/** A child that is neither ready nor dead by then goes on without its parent. */
const PATIENCE_MS = 60_000;

export type BackgroundResult =
  | { readonly ready: true; readonly complaints: string }
  | { readonly ready: false; readonly complaints: string; readonly exitCode: number | undefined };

export interface BackgroundOptions {
  /** Runs under this Node: the file and its arguments. */
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly patienceMs?: number;
}

/** Resolves once the child is ready, has ended, or has used up all patience (exitCode undefined). */
export function startInBackground({ argv, env, patienceMs }: BackgroundOptions): Promise<BackgroundResult> {
  const child = spawn(process.execPath, [...process.execArgv, ...argv], {
    detached: true,
    cwd: "/",
    env: { ...env, [READY_VARIABLE]: String(READY_FD), [FOLDER_VARIABLE]: process.cwd() },
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  return new Promise((resolve) => {
    let complaints = "";
    const pipe = readableOf(child.stdio[READY_FD]);
    const settle = (result: BackgroundResult) => {
      clearTimeout(timer);
      pipe?.destroy();
      child.unref();
      resolve(result);
    };
    const late = `not active after ${(patienceMs ?? PATIENCE_MS) / 1000} s; the daemon goes on starting (pid ${child.pid})\n`;
    const timer = setTimeout(
      () => settle({ ready: false, complaints: complaints + late, exitCode: undefined }),
      patienceMs ?? PATIENCE_MS,
    );
    pipe?.setEncoding("utf8").on("data", (text: string) => {
      complaints = (complaints + text).slice(0, MAX_COMPLAINT_CHARS);
      if (text.includes(READY)) settle({ ready: true, complaints: complaints.replace(READY, "") });
    });
    // A pipe breaks when the child ends, and "close" reports that.
    pipe?.on("error", () => undefined);
    child.once("error", (error) => settle({ ready: false, complaints: `${error.message}\n`, exitCode: 1 }));
    // After "exit" the pipe may still hold the last complaint: "close" comes when it is read.
    child.once("close", (code, signal) => {
      const killed = signal === null ? "" : `ended by ${signal}\n`;
      settle({ ready: false, complaints: complaints + killed, exitCode: code ?? 1 });
    });
  });
}

function readableOf(stream: unknown): Readable | undefined {
  return isReadable(stream) ? stream : undefined;
}

function isReadable(stream: unknown): stream is Readable {
  return typeof stream === "object" && stream !== null && "setEncoding" in stream && "destroy" in stream;
}

/** The child's side. */
export interface Parent {
  /** The folder in which it was started. */
  readonly folder: string;
  ready(): void;
  complain(text: string): void;
}

/**
 * The parent that waits for this process, or undefined when it was started by a person or a service manager. Takes the
 * variables out of the environment, for the commands that this process will run.
 */
export function takeParent(env: NodeJS.ProcessEnv): Parent | undefined {
  const given = env[READY_VARIABLE];
  const folder = env[FOLDER_VARIABLE] ?? "/";
  delete env[READY_VARIABLE];
  delete env[FOLDER_VARIABLE];
  if (given !== String(READY_FD)) return undefined;
  let open = true;
  const tell = (text: string) => {
    if (!open) return;
    try {
      writeSync(READY_FD, text);
    } catch {
      // The parent was interrupted, or has lost patience: nobody reads the pipe.
      open = false;
    }
  };
  return {
    folder,
    ready() {
      tell(READY);
      if (open) closeSync(READY_FD);
      open = false;
    },
    complain: (text) => tell(text.endsWith("\n") ? text : `${text}\n`),
  };
}

// PortSentry 1.2 with one configuration after the other, each for some milliseconds: starts it, sends it the probes that it is to
// answer, prints what it said and kills it. It runs on a Stage, in a namespace with nothing but a loopback interface.
//   old-config.js PORTSENTRY    reads one order a line, prints "ready" and one answer a line, as JSON
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { z } from "zod";
import * as K from "../../../../src/kernel/constants.ts";
import { bindSocket, openSocket, receive, watchReadable } from "../../../../src/kernel/libc.ts";

const CONF = "/etc/portsentry/portsentry.conf";
const STATE = "/var/lib/portsentry";
const [, , program = ""] = process.argv;
const DEADLINE_MS = 4_000;
/** From the first of these nothing is to be heard: it is in the ignore file. */
const SOURCES = ["127.0.0.9", "127.0.0.1"] as const;
const ACTIVE = /now active and listening/;
const STOPPED = /adminalert: PortSentry is shutting down/;
const SCAN = /attackalert: .* from host: \S+\/127\.0\.0\.1 to (?:TCP|UDP) port: \d+$/;

const order = z.object({
  /** The file, as hexadecimal. */
  conf: z.string(),
  mode: z.string(),
  /** So many probes are a scan. */
  trigger: z.number(),
  /** Whether these files have been written is asked. */
  files: z.array(z.string()),
});
type Order = z.infer<typeof order>;

let heard: string[] = [];
let wake: () => void = () => undefined;
const buffer = Buffer.alloc(65_536);
const log = openSocket(K.AF_UNIX, K.SOCK_DGRAM, 0);
// struct sockaddr_un: u16 family, then the path.
bindSocket(log, Buffer.concat([Buffer.from([K.AF_UNIX, 0]), Buffer.from("/dev/log\0")]), "/dev/log");
watchReadable(log, hear, fail);

function hear(): void {
  for (let got = receive(log, buffer, K.MSG_DONTWAIT); got > 0; got = receive(log, buffer, K.MSG_DONTWAIT))
    heard.push(buffer.toString("latin1", 0, got).replace(/\n$/, ""));
  wake();
}

function fail(error: unknown): void {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
}

/** The first line that matches, or undefined when none comes in time. */
function waitForLine(matches: (line: string) => boolean): Promise<string | undefined> {
  return new Promise((resolve) => {
    const done = (line?: string) => {
      clearTimeout(timer);
      wake = () => undefined;
      resolve(line);
    };
    const look = () => {
      const line = heard.find(matches);
      if (line !== undefined) done(line);
    };
    const timer = setTimeout(done, DEADLINE_MS);
    wake = look;
    look();
  });
}

/** Runs the program until its first process has ended, which is at once. */
function start(mode: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [`-${mode}`], { cwd: "/", stdio: "ignore" });
    child.on("error", reject);
    child.on("exit", resolve);
  });
}

/** A port that is watched by what was said; undefined where there is none. */
function watchedPort(): number | undefined {
  const numbersOf = (pattern: RegExp) => heard.flatMap((line) => pattern.exec(line)?.[1] ?? []).map(Number);
  const below = numbersOf(/monitor first (-?\d+) ports/)[0];
  if (below === undefined)
    return numbersOf(/listen mode on \S+ port: (-?\d+)/).find((port) => port > 0 && port < 65_536);
  const excluded = new Set(numbersOf(/(?:exclude|Ignored TCP|Ignored UDP) port: (-?\d+)/));
  for (let port = 1; port < Math.min(below, 65_536); port++) if (!excluded.has(port)) return port;
  return undefined;
}

function probe(mode: string, from: string, port: number): Promise<void> {
  return new Promise((resolve) => {
    if (mode.endsWith("udp")) {
      const socket = createSocket("udp4");
      socket.on("error", () => undefined);
      socket.bind({ address: from }, () => socket.send("?", port, "127.0.0.1", () => socket.close(() => resolve())));
      return;
    }
    const socket = connect({ host: "127.0.0.1", port, localAddress: from });
    socket.on("error", () => undefined);
    socket.on("data", () => undefined);
    socket.on("connect", () => socket.end());
    socket.on("close", () => resolve());
  });
}

async function end(): Promise<void> {
  const pids = new Set(heard.flatMap((line) => /portsentry\[(\d+)\]/.exec(line)?.[1] ?? []).map(Number));
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      continue;
    }
    while (isAlive(pid)) await new Promise((resolve) => setImmediate(resolve));
  }
  hear();
}

/** An orphan that nobody has reaped yet has closed its sockets, too. */
function isAlive(pid: number): boolean {
  try {
    return !/ Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** 0 for what is not there. */
function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}

async function play({ conf, mode, trigger, files }: Order): Promise<unknown> {
  for (const name of readdirSync(STATE)) rmSync(`${STATE}/${name}`, { recursive: true, force: true });
  writeFileSync(CONF, Buffer.from(conf, "hex"));
  heard = [];
  await start(mode);
  const last = await waitForLine((line) => ACTIVE.test(line) || STOPPED.test(line));
  const started = last !== undefined && ACTIVE.test(last);
  const port = started ? watchedPort() : undefined;
  let isAnswered = false;
  if (port !== undefined) {
    for (const from of SOURCES) for (let count = 0; count < trigger; count++) await probe(mode, from, port);
    // When it speaks of the next one, it is ready with the one before.
    await probe(mode, SOURCES[1], port);
    isAnswered =
      (await waitForLine((line) => SCAN.test(line) && heard.filter((each) => SCAN.test(each)).length > 1)) !==
      undefined;
  }
  const written = files.filter((file) => sizeOf(file) > 0);
  const isReady = last !== undefined;
  await end();
  return {
    lines: heard.map((line) => line.replace(/^<\d+>.*? portsentry\[\d+\]: /, "")),
    isReady,
    started,
    port,
    isAnswered,
    written,
  };
}

process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await play(order.parse(JSON.parse(line))))}\n`);
}
process.exit(0);

// Honest traffic in the lab: services on the target, and clients that use them. Each starts one of programs/.
import { join } from "node:path";
import { z } from "zod";
import { LINK } from "./addresses.ts";
import { type Running, run } from "./exec.ts";
import type { Host, Lab } from "./lab.ts";

const programs = join(import.meta.dirname, "programs");

/** The command line of one of programs/; true is a flag without a value. */
export function program(name: string, options: Readonly<Record<string, string | number | true | undefined>>): string[] {
  const argv = [process.execPath, join(programs, `${name}.js`)];
  for (const [key, value] of Object.entries(options)) {
    if (value === true) argv.push(`--${key}`);
    else if (value !== undefined) argv.push(`--${key}`, String(value));
  }
  return argv;
}

export interface Service {
  readonly tcp?: readonly number[];
  readonly udp?: readonly number[];
  /** See programs/listen.ts. */
  readonly mode?: "answer" | "close" | "echo" | "hold";
  /** All of both families when absent. */
  readonly address?: string;
}

/** Serves ports on both families; returns when all are bound. */
export async function serve(lab: Lab, host: Host, service: Service): Promise<Running> {
  const { tcp, udp, mode, address } = service;
  const running = lab.spawn(host, program("listen", { tcp: tcp?.join(","), udp: udp?.join(","), mode, address }));
  await running.waitForLine(/^ready$/);
  return running;
}

export const visitsSchema = z.object({
  opened: z.number(),
  failed: z.number(),
  errors: z.record(z.string(), z.number()),
});
export type Visits = z.infer<typeof visitsSchema>;

export interface Visit {
  readonly to: string;
  readonly port: number;
  readonly from?: string;
  readonly count?: number;
  readonly lanes?: number;
  /** Milliseconds until a connection counts as failed. */
  readonly timeout?: number;
  /** The server closes first. */
  readonly patient?: true;
}

/** Opens connections and says how they went. */
export async function visit(host: Host, how: Visit): Promise<Visits> {
  return visitsSchema.parse(JSON.parse(await host.mustRun(program("connect", { ...how }))));
}

const reconnectingSchema = z.object({ connected: z.number(), refusals: z.number() });

/** Clients that come back at once; `state()` is what they last said. */
export function reconnect(lab: Lab, host: Host, how: { to: string; port: number; from: string; every: number }) {
  const running = lab.spawn(host, program("reconnect", how));
  const state = () => reconnectingSchema.parse(JSON.parse(running.lines.at(-1) ?? '{"connected":0,"refusals":0}'));
  return { running, state };
}

/** A host whose IP-ID counts all its packets; see programs/zombie.ts. */
export async function startZombie(lab: Lab, host: Host, how: { mac: string; address: string }): Promise<void> {
  const running = lab.spawn(host, program("zombie", { dev: LINK, ...how }));
  await running.waitForLine(/^ready$/);
}

const blindSchema = z.object({ sent: z.number(), sources: z.number(), answered: z.number() });

/** Many sources forged by a pattern, to the end; see programs/blind.ts. Longer than other programs may take. */
export async function forgeBlindly(host: Host, how: Readonly<Record<string, string | number>>) {
  const { code, stdout, stderr } = await run(host.argv(program("blind", how)), "", 900_000);
  if (code !== 0) throw new Error(`blind.js: code ${code}\n${stderr}`);
  return blindSchema.parse(JSON.parse(stdout));
}

const ASK = `
const [to, from, port] = process.argv.slice(1);
const socket = require("node:dgram").createSocket(to.includes(":") ? "udp6" : "udp4");
const end = (text) => { console.log(text); process.exit(0); };
socket.on("message", () => end("answered"));
socket.bind(0, from, () => socket.send("query", Number(port), to));
setTimeout(end, 1500, "silence");`;

/** One query from a port of its own, as a resolver asks; true when it was answered within a second and a half. */
export async function askByDatagram(host: Host, query: { to: string; from: string; port: number }): Promise<boolean> {
  const { to, from, port } = query;
  return (await host.mustRun([process.execPath, "-e", ASK, to, from, String(port)])).includes("answered");
}

const askingSchema = z.object({ asked: z.number(), answered: z.number(), failed: z.number() });

/** Asks a DNS server again and again until the lab ends; `state()` is what it last said. */
export function keepAsking(lab: Lab, host: Host, how: { server: string; every: number }) {
  const running = lab.spawn(host, program("ask", how));
  const last = () => running.lines.findLast((line) => line.startsWith("{")) ?? '{"asked":0,"answered":0,"failed":0}';
  return { running, state: () => askingSchema.parse(JSON.parse(last())) };
}

export interface Talk {
  readonly to: string;
  readonly port: number;
  readonly from?: string;
  readonly udp?: true;
}

/** One conversation that lasts; returns when it is connected. */
export async function talk(lab: Lab, host: Host, how: Talk): Promise<Running> {
  const running = lab.spawn(host, program("talk", { ...how }));
  await running.waitForLine(/^connected/);
  return running;
}

/** Says a line and waits for the echo: the conversation is alive in both directions. */
export async function exchange(running: Running, text: string): Promise<void> {
  const from = running.lines.length;
  running.write(`${text}\n`);
  await running.waitForLine(new RegExp(`^${text}$`), from);
}

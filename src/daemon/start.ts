// Builds the daemon: takes the lock, opens store, log groups and table, restores the blocks. What fails is said with its
// remedy and undone; an order that leaves no gap: the log groups wait before a rule logs to them.

import { randomInt } from "node:crypto";
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../base/clock.ts";
import { createTroubles, type Troubles } from "../base/troubles.ts";
import { riskOfFolder } from "../base/trust.ts";
import type { PacketSource } from "../capture/packet-source.ts";
import type { Settings } from "../config/settings.ts";
import { readVersion } from "../control/version.ts";
import { BlockedView } from "../enforce/blocked-view.ts";
import { CommandRunner } from "../enforce/commands/command-runner.ts";
import { Responder } from "../enforce/commands/responder.ts";
import type { Restored } from "../enforce/restore.ts";
import type { Trial } from "../enforce/trial.ts";
import { type BootClock, openBootClock, uptimeMs } from "../host/boot-clock.ts";
import { listContainerNetworks, thisLinks } from "../host/container-networks.ts";
import { Guard } from "../host/guard.ts";
import { readHost } from "../host/host.ts";
import { listSessionSources, thisHost } from "../host/ssh-sessions.ts";
import { lookUp, readTimeServers } from "../host/time-servers.ts";
import { DelayedAnswers } from "../judge/proof/delayed-answers.ts";
import { Prover } from "../judge/proof/prover.ts";
import { lockFile } from "../kernel/libc.ts";
import { NatHooks } from "../kernel/nat-hooks.ts";
import type { NfTablesMonitor } from "../kernel/nf-tables-monitor.ts";
import { listDefaultGateways, openRouteMonitor } from "../kernel/routes.ts";
import { Syslog } from "../kernel/syslog.ts";
import { ResetSender } from "../kernel/tcp-reset.ts";
import { BlockedFile, blockedFilePath, importBlocked } from "../record/blocked-file.ts";
import { HistoryFile } from "../record/history.ts";
import { Journal, stdoutSink, syslogSink } from "../record/journal.ts";
import { openResolver } from "../record/resolver.ts";
import { openStore } from "../record/store.ts";
import type { CaptureChoice } from "../sense/capture-choice.ts";
import { Decoy } from "../sense/decoy.ts";
import type { KernelSensor } from "../table/kernel-sensor.ts";
import { Learned } from "../table/learned.ts";
import { IpProtocol } from "../wire/packet.ts";
import { Daemon } from "./daemon.ts";
import { openKernelSensor, openRing } from "./sensing.ts";

/** Why the daemon did not start, with the exit code of sysexits.h that says so. */
export class StartError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.name = "StartError";
    this.exitCode = exitCode;
  }
}

export interface Started {
  readonly daemon: Daemon;
  readonly clock: BootClock;
  readonly sensor: KernelSensor;
  readonly capture: PacketSource;
  /** Absent with the packet ring, which loads no table. */
  readonly monitor: NfTablesMonitor | undefined;
  readonly routes: ReturnType<typeof openRouteMonitor>;
  readonly restored: Restored;
  readonly view: BlockedView;
  readonly guard: Guard;
  /** Known pairs and lately open ports over restarts; absent on a mirror port. */
  readonly learned: Learned | undefined;
  /** Closes everything that start() opened; the kernel keeps the table. */
  close(): void;
}

export const EXIT_UNAVAILABLE = 69;

/** What is to be started, and how. */
export interface Wanted {
  readonly settings: Settings;
  readonly log: "stdout" | "syslog";
  readonly trial: Trial | undefined;
  readonly choice: CaptureChoice;
}

/** Throws StartError or KernelError. */
export function start(wanted: Wanted): Started {
  const opened: { close(): void | Promise<void> }[] = [];
  const keep = <T extends { close(): void | Promise<void> }>(resource: T): T => {
    opened.push(resource);
    return resource;
  };
  const close = () => {
    for (const resource of opened.splice(0).reverse()) void resource.close();
  };
  try {
    return { ...assemble(wanted, keep), close };
  } catch (error) {
    close();
    throw error;
  }
}

type Keep = <T extends { close(): void | Promise<void> }>(resource: T) => T;

function assemble({ settings, log, trial, choice }: Wanted, keep: Keep): Omit<Started, "close"> {
  takeLock(settings.stateDir, keep);
  // Troubles may come before the recorder that says them.
  const waiting: string[] = [];
  let say = (message: string): void => void waiting.push(message);
  const clock = openBootClock(join(settings.stateDir, "clock"), (message) => say(message));
  const { nowMs } = clock;
  const journal = openJournal(settings, { log, clock, keep });
  const troubles = createTroubles();
  const guard = openGuard();
  const host = guard.extend(readHost());
  const open = choice.capture === "ring" ? openRing : openKernelSensor;
  const sensing = open({ settings, host, clock, keep, say: (message) => say(message) });
  const { sensor, firewall, setUses, capture, monitor, tap } = sensing;
  const learned =
    sensing.learned &&
    new Learned({
      sets: sensing.learned,
      path: sensing.learnedFile,
      say: (message) => say(message),
      pause: () => setImmediate(),
    });
  const routes = keep(openRouteMonitor());
  let replaced = (): void => undefined;
  const listener = { ...troubleListener("store", troubles, (message) => say(message)), onReplaced: () => replaced() };
  const isFirstStart = !existsSync(join(settings.stateDir, "portreeve.db"));
  const store = keep(
    openStore(join(settings.stateDir, "portreeve.db"), nowMs, { maxEvents: settings.maxEvents }, listener),
  );
  const history = openHistory(settings, troubles, { say: (message) => say(message), keep });
  const hashSeed = { k0: randomInt(2 ** 32), k1: randomInt(2 ** 32) };
  const version = readVersion();
  const runner = keep(new CommandRunner());
  const responder = new Responder({ settings: settings.responses, runner });
  const prover = openProver(keep, nowMs, (message) => say(message));
  const decoy = keep(new Decoy({ nowMs, nat: keep(new NatHooks()), warn: (message) => say(message) }));
  const names = settings.resolveHost ? openResolver(nowMs) : undefined;
  const files = blockedFiles(settings, troubles, (message) => say(message));
  const daemon = new Daemon({
    version,
    settings,
    host,
    sensor,
    firewall,
    setUses,
    capture,
    store,
    journal,
    history,
    troubles,
    prover,
    responder,
    learned: sensing.learned,
    relearn: () => void learned?.load(),
    tap,
    decoy,
    trial,
    names,
    counted: { guard, runner, monitor, blockedFiles: files.map(({ file }) => file) },
    hashSeed,
    clock,
    uptimeMs,
  });
  say = (message) => daemon.recorder.warning(message);
  replaced = () => daemon.enforcement.storeAll();
  for (const message of waiting.splice(0)) say(message);
  daemon.inForce.load();
  daemon.relearn();
  daemon.enforcement.restoreOffences();
  const restored = daemon.enforcement.restoreBlocks();
  const view = new BlockedView({ list: daemon.blocker.list, files, clock });
  if (isFirstStart && settings.blockedFile !== undefined) importOld(daemon, settings.blockedFile);
  void view.tick(true);
  return { daemon, clock, sensor, capture, monitor, routes, restored, view, guard, learned };
}

function openGuard(): Guard {
  const host = thisHost();
  const links = thisLinks(listDefaultGateways);
  return new Guard({
    sessions: () => listSessionSources(host),
    containers: () => listContainerNetworks(links),
    timeServers: () => readTimeServers(),
    lookUp,
  });
}

function openProver(keep: Keep, nowMs: () => number, say: (message: string) => void): Prover | undefined {
  try {
    const sender = keep(new ResetSender());
    const later = (task: () => void, delayMs: number) => void setTimeout(task, delayMs).unref();
    const answers = keep(new DelayedAnswers({ sender, random: () => randomInt(2 ** 32) / 2 ** 32, later }));
    return keep(new Prover(answers, nowMs));
  } catch (error) {
    say(`the silence test cannot answer: ${messageOf(error)}; scanners stay softly blocked`);
    return undefined;
  }
}

/**
 * A folder that is empty and our own is as good as one that was not there: a fresh tmpfs is open to everybody. Not one that
 * others count on.
 */
function makePrivate(stateDir: string): void {
  if (everybodysFolders.has(resolve(stateDir))) return;
  const stat = lstatSync(stateDir, { throwIfNoEntry: false });
  const isOpenToOthers = stat?.isDirectory() === true && stat.uid === process.getuid?.() && (stat.mode & 0o022) !== 0;
  if (isOpenToOthers && readdirSync(stateDir).length === 0) chmodSync(stateDir, 0o700);
}

const everybodysFolders: ReadonlySet<string> = new Set(["/", "/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/var/lock"]);

function takeLock(stateDir: string, keep: Keep): void {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartError(`cannot make STATE_DIR ${stateDir}: ${messageOf(error)}`, 73);
  }
  makePrivate(stateDir);
  const risk = riskOfFolder(stateDir, true);
  if (risk !== "") {
    const remedy = `make it root's alone (chown root ${stateDir}; chmod 700 ${stateDir}), or name another STATE_DIR`;
    throw new StartError(`STATE_DIR: ${risk}, and so could decide which sources are blocked; ${remedy}`, 73);
  }
  const path = join(stateDir, "portreeve.lock");
  const lock = lockFile(path);
  if (lock === undefined) {
    throw new StartError(
      `another Portreeve is running on ${stateDir} (it holds ${path}); stop it first, or give this one its own STATE_DIR`,
      EXIT_UNAVAILABLE,
    );
  }
  keep(lock);
}

function openJournal(settings: Settings, context: { log: Wanted["log"]; clock: Clock; keep: Keep }): Journal {
  const { log, clock, keep } = context;
  const { nowMs, wallMs } = clock;
  const { logFormat: format, syslogIdent: ident } = settings;
  if (log === "stdout")
    return new Journal({
      sink: stdoutSink(
        (text) => void writeSync(1, text),
        (text) => void writeSync(2, text),
      ),
      format,
      nowMs,
      wallMs,
    });
  const syslog = keep(new Syslog({ ident, pid: process.pid, now: () => new Date() }));
  return new Journal({ sink: syslogSink(syslog), format, nowMs, wallMs });
}

function troubleListener(topic: string, troubles: Troubles, say: (message: string) => void) {
  return {
    onTrouble(message: string) {
      troubles.set(topic, message);
      say(message);
    },
    onRecovered(message: string) {
      troubles.clear(topic);
      say(message);
    },
  };
}

function openHistory(settings: Settings, troubles: Troubles, context: { say: (message: string) => void; keep: Keep }) {
  if (settings.historyFile === undefined) return undefined;
  return context.keep(new HistoryFile(settings.historyFile, troubleListener("history", troubles, context.say)));
}

function blockedFiles(settings: Settings, troubles: Troubles, say: (message: string) => void) {
  const { blockedFile: base, tcp, udp } = settings;
  if (base === undefined) return [];
  const open = (path: string) => new BlockedFile(path, troubleListener("blocked file", troubles, say));
  const watched = [
    { protocol: IpProtocol.Tcp, watch: tcp },
    { protocol: IpProtocol.Udp, watch: udp },
  ].filter(({ watch }) => watch.active);
  const paths = new Set(watched.map(({ watch }) => blockedFilePath(base, watch.modeName)));
  // 2.x has one file for both protocols.
  if (paths.size < watched.length) return [{ protocol: undefined, file: open(base) }];
  return watched.map(({ protocol, watch }) => ({ protocol, file: open(blockedFilePath(base, watch.modeName)) }));
}

/** Takes over whom a replaced PortSentry had blocked (docs/decisions/0006). */
function importOld(daemon: Daemon, base: string): void {
  const { blocks, troubles } = importBlocked(base);
  for (const trouble of troubles) daemon.recorder.warning(trouble);
  const { tcp, udp } = daemon.settings;
  const wanted = blocks.filter(({ protocol }) => {
    if (protocol === undefined) return tcp.block || udp.block;
    return protocol === IpProtocol.Udp ? udp.block : tcp.block;
  });
  if (wanted.length > 0) daemon.enforcement.importOld(wanted.map(({ source, protocol }) => ({ source, protocol })));
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// Builds the daemon: takes the lock, opens store, log groups and table, restores the blocks. What fails is said with its
// remedy and undone; an order that leaves no gap: the log groups wait before a rule logs to them.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { messageOf } from "../base/errors.ts";
import { createTroubles, type Troubles, troubleListener } from "../base/troubles.ts";
import type { PacketSource } from "../capture/packet-source.ts";
import type { Settings } from "../config/settings.ts";
import { readVersion } from "../control/version.ts";
import { Daemon } from "../daemon/daemon.ts";
import { knownBy } from "../daemon/plan.ts";
import { randomSeed } from "../detect/keyed-hash.ts";
import { blockedFiles, isListDeleted, readOldBlocks } from "../enforce/blocked-files.ts";
import { BlockedView } from "../enforce/blocked-view.ts";
import { CommandRunner } from "../enforce/commands/command-runner.ts";
import { Responder } from "../enforce/commands/responder.ts";
import { LeftRules } from "../enforce/left-rules.ts";
import type { Restored } from "../enforce/restore.ts";
import type { Trial } from "../enforce/trial.ts";
import { type BootClock, openBootClock, uptimeMs } from "../host/boot-clock.ts";
import type { Guard } from "../host/guard.ts";
import { readHost } from "../host/host.ts";
import { openGuard } from "../host/open-guard.ts";
import { lockStateFolder } from "../host/state-folder.ts";
import { openProver } from "../judge/proof/open-prover.ts";
import type { Prover } from "../judge/proof/prover.ts";
import { NatHooks } from "../kernel/nat-hooks.ts";
import type { NfTablesMonitor } from "../kernel/nf-tables-monitor.ts";
import { openRouteMonitor } from "../kernel/routes.ts";
import { HistoryFile } from "../record/history.ts";
import { openJournal } from "../record/open-journal.ts";
import { openResolver } from "../record/resolver.ts";
import { openStore } from "../record/sqlite-store.ts";
import type { CaptureChoice } from "../sense/capture-choice.ts";
import { Decoy } from "../sense/decoy.ts";
import { openKernelSensor, openRing, type Sensing } from "../sense/open-sensor.ts";
import { SilentWatch, type SilentWatchParts } from "../sense/silent-watch.ts";
import type { KernelSensor } from "../table/kernel-sensor.ts";
import { Learned } from "../table/learned.ts";
import type { RuleCounters } from "../table/rule-counters.ts";

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
  readonly troubles: Troubles;
  /** Known pairs and lately open ports over restarts; absent on a mirror port. */
  readonly learned: Learned | undefined;
  /** Rules that stay after their blocks, over restarts. */
  readonly leftRules: LeftRules;
  /** What the rules count; absent with the packet ring. */
  readonly ruleCounters: RuleCounters | undefined;
  /** Looks at contacts that protected hosts leave unanswered; absent with the packet ring. */
  readonly silent: SilentWatch | undefined;
  /** Closes everything that start() opened; the kernel keeps the table. */
  close(): void;
}

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
  const { isReadOnly } = keep(lockStateFolder(settings.stateDir, dirname(settings.controlSocket)));
  // Troubles may come before the recorder that says them.
  const waiting: string[] = [];
  let say = (message: string): void => void waiting.push(message);
  const clock = openBootClock(join(settings.stateDir, "clock"), (message) => say(message));
  const { nowMs } = clock;
  const journal = openJournal({ log, format: settings.logFormat, ident: settings.syslogIdent, clock }, keep);
  const troubles = createTroubles();
  const guard = openGuard();
  const host = guard.extend(readHost());
  const open = choice.capture === "ring" ? openRing : openKernelSensor;
  const sensing = open({ settings, host, clock, keep, say: (message) => say(message) });
  const { sensor, firewall, setUses, capture, monitor, tap, outgoing } = sensing;
  const learned =
    sensing.learned &&
    new Learned({
      ...sensing.learned,
      say: (message) => say(message),
      pause: () => setImmediate(),
    });
  const routes = keep(openRouteMonitor());
  let replaced = (): void => undefined;
  const listener = { ...troubleListener("store", troubles, (message) => say(message)), onReplaced: () => replaced() };
  // Where nothing is kept each start looks like the first.
  const isFirstStart = !isReadOnly && !existsSync(join(settings.stateDir, "portreeve.db"));
  const store = keep(
    openStore(join(settings.stateDir, "portreeve.db"), nowMs, { maxEvents: settings.maxEvents }, listener),
  );
  const { historyFile } = settings;
  const historyTrouble = troubleListener("history", troubles, (message) => say(message));
  const history = historyFile === undefined ? undefined : keep(new HistoryFile(historyFile, historyTrouble));
  const hashSeed = randomSeed();
  const version = readVersion();
  const runner = keep(new CommandRunner());
  const slowRunner = keep(new CommandRunner());
  const responder = new Responder({ settings: settings.responses, runner, slowRunner });
  const prover = openProverOr(keep, nowMs, (message) => say(message));
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
    learned: sensing.learned?.sets,
    relearn: (own) => void learned?.load(own),
    tap,
    outgoing,
    decoy,
    trial,
    names,
    counted: { guard, runners: [runner, slowRunner], monitor, blockedFiles: files.map(({ file }) => file) },
    hashSeed,
    clock,
    uptimeMs,
  });
  say = (message) => daemon.recorder.warning(message);
  replaced = () => daemon.enforcement.stored.storeAll();
  for (const message of waiting.splice(0)) say(message);
  const leftRules = new LeftRules({
    stateDir: settings.stateDir,
    rules: daemon.blocker.rules,
    ...troubleListener("file of rules that stay", troubles, (message) => say(message)),
  });
  leftRules.load();
  daemon.countToo(leftRules);
  if (sensing.ruleCounters !== undefined) daemon.countToo(sensing.ruleCounters);
  daemon.inForce.load();
  daemon.recall.everything();
  daemon.enforcement.stored.restoreOffences();
  const mustForget = !isFirstStart && isListDeleted(settings);
  const restore = () => daemon.enforcement.stored.restoreBlocks(daemon.inForce.enforces);
  const stored = sensing.unheard?.(restore) ?? restore();
  const restored = mustForget ? daemon.enforcement.forgetBlocks(stored) : stored;
  daemon.enforcement.liftAllExempt();
  const view = new BlockedView({ list: daemon.blocker.list, files, clock });
  const old = isFirstStart ? readOldBlocks(settings, daemon.recorder) : [];
  if (old.length > 0) daemon.enforcement.importOld(old);
  const { ruleCounters } = sensing;
  const silent = ruleCounters && openSilentWatch(daemon, sensing, { nowMs: clock.nowMs, troubles, keep });
  return {
    ...{ daemon, clock, sensor, capture, monitor, routes, restored, view, guard, troubles, learned, leftRules },
    ...{ ruleCounters, silent },
  };
}

function openSilentWatch(
  daemon: Daemon,
  { learned }: Pick<Sensing, "learned">,
  { nowMs, troubles, keep }: Pick<SilentWatchParts, "nowMs" | "troubles"> & { readonly keep: Keep },
): SilentWatch {
  const { inForce, walk } = daemon;
  const watch = keep(
    new SilentWatch({
      ...{ settings: () => daemon.settings, near: () => inForce.near, nowMs, troubles },
      isClient: knownBy(learned?.sets).isClient,
      found: (finding, words) => walk.tapFinding(finding, words),
    }),
  );
  daemon.countToo(watch);
  // The kernel tells of the ends of those connections alone that begin while somebody listens.
  watch.tick();
  return watch;
}

function openProverOr(keep: Keep, nowMs: () => number, say: (message: string) => void): Prover | undefined {
  try {
    return openProver(keep, nowMs);
  } catch (error) {
    say(`the silence test cannot answer: ${messageOf(error)}; scanners stay softly blocked`);
    return undefined;
  }
}

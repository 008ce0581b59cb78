// A started daemon between start and stop: timers, notifications, signals, reload.
import { readFileSync } from "node:fs";
import { AllowList } from "../answer/allow-list.ts";
import { createApi } from "../answer/api.ts";
import { confirmTrial, tickTrial } from "../answer/trial-steps.ts";
import { messageOf } from "../base/errors.ts";
import { ExitCode } from "../base/exit-code.ts";
import { explainSettings } from "../config/explain.ts";
import { secondLines } from "../config/second-lines.ts";
import type { Settings } from "../config/settings.ts";
import type { DaemonApi } from "../control/endpoints.ts";
import { type ControlServer, serveControl } from "../control/server.ts";
import type { Trial } from "../enforce/trial.ts";
import { groupId } from "../host/group-id.ts";
import type { readConntrackUse } from "../host/host.ts";
import type { NfTablesMonitor } from "../kernel/nf-tables-monitor.ts";
import { peerUid } from "../kernel/peer-credentials.ts";
import { drainRouteChanges } from "../kernel/routes.ts";
import { openSystemdNotifier, type SystemdNotifier } from "../kernel/sd-notify.ts";
import { ConnectMode } from "../sense/connect-mode.ts";
import { OneWayWatch } from "../table/one-way.ts";
import { IpProtocol } from "../wire/packet.ts";
import { HostWatch } from "./host-watch.ts";
import { Loops } from "./loops.ts";
import { addMode, modeNotices } from "./modes.ts";
import { startNotices } from "./notices.ts";
import type { RunOptions } from "./run-options.ts";
import type { Started } from "./start.ts";

const TICK_MS = 1_000;
/** How often it is asked whether the administrator's own rules, and the ignore files, are as they were. */
const LOOK_MS = 2_000;
/** How often it is asked whether answers of protected hosts come through here. */
const ONE_WAY_MS = 60_000;
/** How often known pairs and lately open ports are saved. */
const SAVE_MS = 600_000;

export type Load = (options: RunOptions, tell: (line: string) => void) => Settings | undefined;

/** What was found before anything was started. */
interface Before {
  readonly conntrackBefore: ReturnType<typeof readConntrackUse>;
  /** Called once the daemon listens, and the list of the blocked is restored and written. */
  readonly heapMayGrow: () => void;
  /** About the configuration, each with its line. */
  readonly warnings: readonly string[];
  /** What is said of the choice between kernel sensor and packet ring; "" for nothing. */
  readonly captureText: string;
}

export class Running {
  readonly #started: Started;
  readonly #load: Load;
  readonly #trial: Trial | undefined;
  readonly #connectMode: ConnectMode;
  readonly #loops: Loops;
  readonly #hostWatch: HostWatch;
  readonly #allowList: AllowList;
  #options: RunOptions;
  #control: ControlServer | undefined;

  constructor(started: Started, options: RunOptions, load: Load, trial?: Trial) {
    this.#started = started;
    this.#trial = trial;
    this.#options = options;
    this.#load = load;
    const { daemon, guard, sensor, troubles } = started;
    const { inForce, recorder } = daemon;
    const loops = new Loops((message) => recorder.warning(message));
    const connectMode = new ConnectMode({
      settings: () => daemon.settings,
      ...{ sink: daemon.walk, recorder, nowMs: started.clock.nowMs },
      listened: (ports) => inForce.apply({ listened: ports }),
    });
    daemon.countToo(connectMode);
    this.#allowList = new AllowList(daemon, started.troubles);
    this.#connectMode = connectMode;
    this.#loops = loops;
    this.#hostWatch = new HostWatch({
      ...{ inForce, guard, recorder, loops, troubles, served: sensor.served, nowMs: started.clock.nowMs },
      isRing: daemon.capture === "ring",
      isOurs: (protocol, port) =>
        (protocol === IpProtocol.Tcp && daemon.isDecoys(port)) || connectMode.isOurs(protocol, port),
    });
  }

  async run({ conntrackBefore, heapMayGrow, warnings, captureText }: Before): Promise<number> {
    const { daemon, restored } = this.#started;
    const notifier = openSystemdNotifier(process.env);
    daemon.recorder.starting();
    // Nobody reads a daemon's standard error.
    if (this.#options.log === "syslog") for (const warning of warnings) daemon.recorder.warning(warning);
    if (captureText !== "") daemon.recorder.notice(captureText);
    const { log, daemonReady } = this.#options;
    for (const line of secondLines(daemon.settings, { log, isDaemon: daemonReady !== undefined }))
      daemon.recorder.notice(line);
    if (this.#options.terse !== true) {
      for (const line of explainSettings(daemon.settings)) daemon.recorder.notice(line);
      for (const line of startNotices({ daemon, restored, conntrackBefore })) daemon.recorder.notice(line);
    }
    for (const line of this.#trial?.startLines(daemon.settings) ?? []) daemon.recorder.notice(line);
    this.#control = await serveControl({
      path: daemon.settings.controlSocket,
      mode: 0o660,
      ...this.#readers(),
      peerUid,
      api: this.#api(),
      report: (error) => daemon.recorder.warning(`control socket: ${error.message}`),
    });
    daemon.countToo(this.#control);
    const stopped = this.#untilSignal(notifier);
    try {
      this.#hostWatch.lookAtAll();
      daemon.recorder.modes(modeNotices(daemon.settings));
      await this.#connectMode.start();
      this.#startLoops(notifier);
      const restoring = this.#restore().catch((error: unknown) =>
        daemon.recorder.warning(`restoring rules: ${messageOf(error)}`),
      );
      // Commands may take long; without any the list of the blocked is as it is to be before a line says so.
      if (restored.delegated.length === 0) await restoring;
      heapMayGrow();
      daemon.recorder.listening();
      notifier.notify("READY=1\nSTATUS=active and listening");
      this.#options.daemonReady?.();
      return await stopped;
    } finally {
      await this.#stop(notifier);
    }
  }

  #api(): DaemonApi {
    const { daemon } = this.#started;
    return {
      ...createApi(daemon),
      allow: (request) => this.#allowList.allow(request),
      disallow: (request) => this.#allowList.disallow(request),
      confirm: () => confirmTrial(this.#trial, daemon),
      addMode: ({ mode }) =>
        addMode(mode, daemon.settings, (options) => {
          const before = daemon.settings;
          const refusal = this.#reconfigure({ ...this.#options, ...options }, "mode added");
          // What 1.2's second daemon would have said.
          if (refusal === "") {
            daemon.recorder.modes(modeNotices(daemon.settings, before));
            daemon.recorder.listening();
          }
          return refusal;
        }),
    };
  }

  /** CONTROL_GROUP. A group that is not there keeps nobody from being defended. */
  #readers(): { readonly group?: number } {
    const { controlGroup } = this.#started.daemon.settings;
    const group = controlGroup === "" ? undefined : groupId(controlGroup, readFileSync);
    return group === undefined ? {} : { group };
  }

  /** The blocks that commands make, the files that list who is blocked, then what is over. */
  async #restore(): Promise<void> {
    const { daemon, clock, restored, view } = this.#started;
    const { commands } = daemon.blocker;
    try {
      await commands.restore(restored.delegated, clock.bootMs);
    } finally {
      await view.begin();
    }
    await commands.undoEnded(restored.ended);
  }

  /** Whether both directions of what protected hosts say come through here. */
  #watchOneWay(): void {
    const { daemon, troubles, ruleCounters } = this.#started;
    if (ruleCounters === undefined) return;
    const warn = (message: string) => daemon.recorder.warning(message);
    const watch = new OneWayWatch({ read: () => ruleCounters.counters, troubles, warn });
    this.#loops.every(ONE_WAY_MS, "PROTECT", () => {
      if (daemon.settings.protect.length > 0) watch.look();
    });
  }

  #startLoops(notifier: SystemdNotifier): void {
    const { daemon, clock, capture, monitor, routes, view, learned, leftRules, silent } = this.#started;
    daemon.watchDecoy();
    capture.start(daemon.walk, (error) => daemon.recorder.warning(`capture: ${messageOf(error)}`));
    const readTable = () => monitor && this.#readTable(monitor);
    if (monitor !== undefined) this.#loops.watch(monitor.socket.fd, "nf_tables notifications", readTable);
    this.#loops.watch(routes.fd, "route notifications", () => {
      // Otherwise what changed does not matter: the host is looked at afresh once the changes have settled.
      if (drainRouteChanges(routes)) daemon.enforcement.lookAtDelegated(true);
      this.#hostWatch.lookSoon();
    });
    this.#watchOneWay();
    this.#loops.every(TICK_MS, "tick", () => {
      clock.tick();
      // First, as the tick finds the same changes without knowing whose they are.
      readTable();
      if (this.#trial !== undefined) tickTrial(this.#trial, daemon);
      silent?.tick();
      daemon.tick();
      daemon.flush();
      void view.tick();
      void leftRules.save();
    });
    this.#loops.every(LOOK_MS, "look", () => {
      daemon.enforcement.lookAtDelegated(false);
      this.#allowList.poll();
    });
    this.#loops.every(SAVE_MS, "known pairs", () => void learned?.save());
    this.#hostWatch.start();
    this.#allowList.watch();
    if (notifier.watchdogIntervalMs !== undefined) {
      this.#loops.every(notifier.watchdogIntervalMs, "watchdog", () => notifier.notify("WATCHDOG=1"));
    }
  }

  #readTable(monitor: NfTablesMonitor): void {
    const { enforcement } = this.#started.daemon;
    monitor.read(
      (change) => enforcement.reconciler?.onForeignChange(change),
      () => enforcement.lookAtDelegated(true),
    );
  }

  /** The exit code: 0 for SIGTERM and SIGINT. SIGHUP reloads. */
  #untilSignal(notifier: SystemdNotifier): Promise<number> {
    return new Promise((resolve) => {
      const onStop = () => resolve(0);
      const onReload = () => {
        notifier.notify(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
        this.#reconfigure(this.#options, "reload");
        notifier.notify("READY=1");
      };
      const onCrash = (error: unknown) => {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        process.stderr.write(`portreeve: internal error: ${text}\n`);
        this.#started.daemon.recorder.warning(`internal error: ${text}`);
        resolve(ExitCode.Software);
      };
      process.on("SIGTERM", onStop).on("SIGINT", onStop).on("SIGHUP", onReload);
      process.on("uncaughtException", onCrash).on("unhandledRejection", onCrash);
      this.#loops.onClose(() => {
        process.off("SIGTERM", onStop).off("SIGINT", onStop).off("SIGHUP", onReload);
        process.off("uncaughtException", onCrash).off("unhandledRejection", onCrash);
      });
    });
  }

  /** Reads the file again; "" when the new settings are in force, else why the running ones stay. */
  #reconfigure(options: RunOptions, why: string): string {
    const { daemon } = this.#started;
    const settings = this.#load(options, (line) => daemon.recorder.notice(line));
    let refusal = settings === undefined ? `${options.confFile} has errors` : "";
    if (settings !== undefined) {
      try {
        daemon.inForce.apply({ settings });
        this.#options = options;
        this.#connectMode.update();
        this.#allowList.watch();
      } catch (error) {
        refusal = messageOf(error);
      }
    }
    if (refusal === "") daemon.recorder.notice(`${why}: ${options.confFile} is in force`);
    else daemon.recorder.warning(`${why}: ${refusal}: the running settings stay`);
    return refusal;
  }

  async #stop(notifier: SystemdNotifier): Promise<void> {
    const { daemon, sensor, learned, leftRules } = this.#started;
    notifier.notify("STOPPING=1");
    this.#loops.close();
    this.#hostWatch.close();
    this.#allowList.close();
    await this.#connectMode.close();
    await this.#control?.close();
    await daemon.enforcement.delegate.close();
    // A service that was started a moment ago is remembered too.
    this.#loops.guarded("host", () => this.#hostWatch.look())();
    await Promise.all([learned?.save(), leftRules.save()]);
    this.#started.clock.save();
    try {
      sensor.rest?.(daemon.inForce.plan());
    } catch (error) {
      daemon.recorder.warning(messageOf(error));
    }
    await this.#started.view.tick(true);
    daemon.close();
    daemon.recorder.stopping();
    daemon.flush();
    notifier.close();
  }
}

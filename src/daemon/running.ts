// A started daemon between start and stop: timers, notifications, signals, reload.
import { messageOf } from "../base/errors.ts";
import { ExitCode } from "../base/exit-code.ts";
import { explainSettings } from "../config/explain.ts";
import { IgnoreWatch } from "../config/ignore-watch.ts";
import type { Settings } from "../config/settings.ts";
import type { DaemonApi } from "../control/endpoints.ts";
import { type ControlServer, serveControl } from "../control/server.ts";
import type { Trial } from "../enforce/trial.ts";
import { type readConntrackUse, readHost } from "../host/host.ts";
import { describeUnread, readVirtualServices } from "../host/ipvs.ts";
import { watchReadable } from "../kernel/libc.ts";
import type { NfTablesMonitor } from "../kernel/nf-tables-monitor.ts";
import { drainRouteChanges } from "../kernel/routes.ts";
import { openSystemdNotifier, type SystemdNotifier } from "../kernel/sd-notify.ts";
import { listServedPorts } from "../kernel/sock-diag.ts";
import { ConnectMode } from "../sense/connect-mode.ts";
import { IpProtocol } from "../wire/packet.ts";
import { createApi } from "./api.ts";
import { addMode, modeNotices } from "./modes.ts";
import { startNotices } from "./notices.ts";
import type { RunOptions } from "./run-options.ts";
import type { Started } from "./start.ts";
import { confirmTrial, tickTrial } from "./trial-steps.ts";

const TICK_MS = 1_000;
/** How often it is asked whether the administrator's own rules, and the ignore files, are as they were. */
const LOOK_MS = 2_000;
/** How often listeners, resolvers and addresses are looked at where no notification tells of a change. */
const HOST_MS = 30_000;
/** How often SSH sessions are looked at. */
const SESSIONS_MS = 5_000;
/** How often known pairs and lately open ports are saved. */
const SAVE_MS = 600_000;
/** How often the names of time servers are looked up. */
const NAMES_MS = 3_600_000;
/** Changes of routes and addresses come in bursts. */
const HOST_SETTLE_MS = 200;

export type Load = (options: RunOptions, tell: (line: string) => void) => Settings | undefined;

/** What was found before anything was started. */
interface Before {
  readonly conntrackBefore: ReturnType<typeof readConntrackUse>;
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
  readonly #closers: (() => void)[] = [];
  #options: RunOptions;
  #control: ControlServer | undefined;
  #hostTimer: NodeJS.Timeout | undefined;
  #hostText = "";
  #servicesText = "";
  #isStopping = false;
  #ignoreWatch: IgnoreWatch | undefined;

  constructor(started: Started, options: RunOptions, load: Load, trial?: Trial) {
    this.#started = started;
    this.#trial = trial;
    this.#options = options;
    this.#load = load;
    const { daemon } = started;
    this.#connectMode = new ConnectMode({
      settings: () => daemon.settings,
      ...{ sink: daemon.walk, recorder: daemon.recorder, nowMs: started.clock.nowMs },
      listened: (ports) => daemon.inForce.apply({ listened: ports }),
    });
    daemon.countToo(this.#connectMode);
  }

  async run({ conntrackBefore, warnings, captureText }: Before): Promise<number> {
    const { daemon, restored } = this.#started;
    const notifier = openSystemdNotifier(process.env);
    daemon.recorder.starting();
    // Nobody reads a daemon's standard error.
    if (this.#options.log === "syslog") for (const warning of warnings) daemon.recorder.warning(warning);
    if (captureText !== "") daemon.recorder.notice(captureText);
    if (this.#options.terse !== true) {
      for (const line of explainSettings(daemon.settings)) daemon.recorder.notice(line);
      for (const line of startNotices({ daemon, restored, conntrackBefore })) daemon.recorder.notice(line);
    }
    for (const line of this.#trial?.startLines(daemon.settings) ?? []) daemon.recorder.notice(line);
    this.#control = await serveControl({
      path: daemon.settings.controlSocket,
      mode: 0o660,
      api: this.#api(),
      report: (error) => daemon.recorder.warning(`control socket: ${error.message}`),
    });
    daemon.countToo(this.#control);
    const stopped = this.#untilSignal(notifier);
    try {
      this.#started.guard.lookAtSessions();
      this.#lookAtHost();
      this.#lookAtVirtualServices();
      daemon.recorder.modes(modeNotices(daemon.settings));
      await this.#connectMode.start();
      this.#startLoops(notifier);
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

  /** Runs a task of the loops; what it throws is said and ends nothing. */
  #guard(what: string, task: () => void): () => void {
    return () => {
      try {
        task();
      } catch (error) {
        this.#started.daemon.recorder.warning(`${what}: ${messageOf(error)}`);
      }
    };
  }

  #every(milliseconds: number, what: string, task: () => void): void {
    const timer = setInterval(this.#guard(what, task), milliseconds);
    this.#closers.push(() => clearInterval(timer));
  }

  #watch(fd: number, what: string, task: () => void): void {
    const { recorder } = this.#started.daemon;
    const handle = watchReadable(fd, task, (error) => recorder.warning(`${what}: ${messageOf(error)}`));
    this.#closers.push(() => handle.close());
  }

  #startLoops(notifier: SystemdNotifier): void {
    const { daemon, clock, capture, monitor, routes, restored, view } = this.#started;
    void daemon.blocker.commands
      .restore(restored.delegated, clock.bootMs)
      .then(() => daemon.blocker.commands.undoEnded(restored.ended))
      .catch((error: unknown) => daemon.recorder.warning(`restoring rules: ${messageOf(error)}`));
    daemon.watchDecoy();
    capture.start(daemon.walk, (error) => daemon.recorder.warning(`capture: ${messageOf(error)}`));
    if (monitor !== undefined) this.#watchTable(monitor);
    this.#watch(routes.fd, "route notifications", () => {
      // Otherwise what changed does not matter: the host is looked at afresh once the changes have settled.
      if (drainRouteChanges(routes)) daemon.enforcement.lookAtDelegated(true);
      this.#hostTimer ??= setTimeout(
        this.#guard("host", () => this.#lookAtHost()),
        HOST_SETTLE_MS,
      );
    });
    this.#every(TICK_MS, "tick", () => {
      clock.tick();
      if (this.#trial !== undefined) tickTrial(this.#trial, daemon);
      daemon.tick();
      daemon.flush();
      void view.tick();
    });
    this.#every(LOOK_MS, "look", () => {
      daemon.enforcement.lookAtDelegated(false);
      this.#ignoreWatch?.poll();
    });
    this.#every(HOST_MS, "host", () => this.#lookAtHost());
    this.#startGuard();
    this.#watchIgnoreFile();
    if (notifier.watchdogIntervalMs !== undefined) {
      this.#every(notifier.watchdogIntervalMs, "watchdog", () => notifier.notify("WATCHDOG=1"));
    }
  }

  #watchTable(monitor: NfTablesMonitor): void {
    const { daemon } = this.#started;
    this.#watch(monitor.socket.fd, "nf_tables notifications", () => {
      monitor.read(
        (change) => daemon.enforcement.reconciler?.onForeignChange(change),
        () => daemon.enforcement.lookAtDelegated(true),
      );
    });
  }

  #startGuard(): void {
    const { guard, learned, daemon } = this.#started;
    const followNames = () =>
      void guard
        .lookUpNames()
        .then((isNew) => isNew && !this.#isStopping && this.#lookAtHost())
        .catch((error: unknown) => daemon.recorder.warning(`time servers: ${messageOf(error)}`));
    this.#every(SESSIONS_MS, "SSH sessions", () => {
      if (guard.lookAtSessions()) this.#lookAtHost();
    });
    this.#every(LOOK_MS, "IPVS", () => this.#lookAtVirtualServices());
    this.#every(SAVE_MS, "known pairs", () => void learned?.save());
    this.#every(NAMES_MS, "time servers", followNames);
    // At boot the network may come later than we do.
    this.#every(HOST_MS, "time servers", () => guard.hasUnknownNames() && followNames());
    followNames();
  }

  /** Their ports have no socket, so the sensor would take them for closed ones. */
  #lookAtVirtualServices(): void {
    const { daemon, sensor } = this.#started;
    const services = readVirtualServices();
    const text = JSON.stringify(services);
    if (text === this.#servicesText) return;
    this.#servicesText = text;
    const unread = describeUnread(services);
    if (unread !== "") daemon.recorder.warning(unread);
    sensor.served?.remember(services.ports, daemon.settings.latelyOpenMs, daemon.host.ephemeral);
  }

  #watchIgnoreFile(): void {
    this.#ignoreWatch?.close();
    this.#ignoreWatch = undefined;
    const { daemon } = this.#started;
    const { ignoreFile: path, ignored: loaded } = daemon.settings;
    if (path === undefined) return;
    this.#ignoreWatch = new IgnoreWatch(
      { path, loaded },
      {
        onChange: (prefixes) => {
          daemon.inForce.apply({ ignored: prefixes });
          daemon.recorder.notice(`${path} has changed: ${prefixes.length} entries are exempt now`);
        },
        onProblem: (message) => daemon.recorder.warning(message),
      },
    );
  }

  /** Takes changes of addresses, routes and resolvers into the guard, and remembers which ports are served. */
  #lookAtHost(): void {
    clearTimeout(this.#hostTimer);
    this.#hostTimer = undefined;
    const { daemon, sensor } = this.#started;
    const host = this.#started.guard.extend(readHost());
    const text = JSON.stringify(host);
    if (text !== this.#hostText) {
      daemon.inForce.apply({ host });
      this.#hostText = text;
    }
    const { first, last } = host.ephemeral;
    const served = [...listServedPorts("reachable"), ...readVirtualServices().ports].filter(
      ({ protocol, port }) =>
        (protocol === IpProtocol.Tcp ? !daemon.isDecoys(port) : port < first || port > last) &&
        !this.#connectMode.isOurs(protocol, port),
    );
    sensor.served?.remember(served, daemon.settings.latelyOpenMs, daemon.host.ephemeral);
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
      this.#closers.push(() => {
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
        this.#watchIgnoreFile();
      } catch (error) {
        refusal = messageOf(error);
      }
    }
    if (refusal === "") daemon.recorder.notice(`${why}: ${options.confFile} is in force`);
    else daemon.recorder.warning(`${why}: ${refusal}: the running settings stay`);
    return refusal;
  }

  async #stop(notifier: SystemdNotifier): Promise<void> {
    const { daemon, sensor, learned } = this.#started;
    notifier.notify("STOPPING=1");
    this.#isStopping = true;
    for (const close of this.#closers.splice(0)) close();
    clearTimeout(this.#hostTimer);
    this.#ignoreWatch?.close();
    await this.#connectMode.close();
    await this.#control?.close();
    await daemon.enforcement.delegate.close();
    // A service that was started a moment ago is remembered too.
    this.#guard("host", () => this.#lookAtHost())();
    await learned?.save();
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

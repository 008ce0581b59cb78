// `portreeve run`: start, the loops between start and stop, signals, stop.
import { readFileSync } from "node:fs";
import { explainSettings } from "../config/explain.ts";
import { loadSettings } from "../config/load.ts";
import { formatProblem } from "../config/problems.ts";
import type { Settings } from "../config/settings.ts";
import { type ControlServer, serveControl } from "../control/server.ts";
import { KernelError } from "../kernel/errors.ts";
import { watchReadable } from "../kernel/libc.ts";
import { openSystemdNotifier, type SystemdNotifier } from "../kernel/sd-notify.ts";
import { listServedPorts } from "../kernel/sock-diag.ts";
import { IpProtocol } from "../wire/packet.ts";
import { createApi } from "./api.ts";
import { readConntrackUse, readHost } from "./host.ts";
import { startNotices } from "./notices.ts";
import { applyOverrides, type Overrides } from "./plan.ts";
import { EXIT_UNAVAILABLE, messageOf, StartError, type Started, start } from "./start.ts";

export interface RunOptions {
  readonly confFile: string;
  readonly log: "stdout" | "syslog";
  /** `--block`: as if BLOCK_TCP and BLOCK_UDP were "1". */
  readonly forceBlock: boolean;
}

const EXIT_SOFTWARE = 70;
const EXIT_NO_PERMISSION = 77;
const EXIT_CONFIGURATION = 78;

const TICK_MS = 1_000;
const FLUSH_MS = 200;
/** How often listeners, resolvers and addresses are looked at where no notification tells of a change. */
const HOST_MS = 30_000;
/** Changes of routes and addresses come in bursts. */
const HOST_SETTLE_MS = 200;

/** Resolves with the exit code once the daemon has stopped. Problems go to stderr. */
export async function runDaemon(options: RunOptions): Promise<number> {
  const complain = (text: string) => process.stderr.write(`portreeve: ${text}\n`);
  const settings = load(options.confFile, options, (line) => process.stderr.write(`${line}\n`));
  if (settings === undefined) return EXIT_CONFIGURATION;
  const conntrackBefore = readConntrackUse();
  try {
    const started = start(settings, options.log);
    try {
      return await new Running(started, options).run(conntrackBefore);
    } finally {
      started.close();
    }
  } catch (error) {
    complain(`cannot start: ${messageOf(error)}`);
    return exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof StartError) return error.exitCode;
  if (error instanceof KernelError)
    return error.code === "EPERM" || error.code === "EACCES" ? EXIT_NO_PERMISSION : EXIT_UNAVAILABLE;
  // The control socket's own errors (taken by another daemon, not a socket) and whatever else the system refused.
  return EXIT_UNAVAILABLE;
}

/** The settings of a file, or undefined when it has errors; every problem is told. */
function load(file: string, overrides: Overrides, tell: (line: string) => void): Settings | undefined {
  const { settings, problems } = loadSettings(file, (path) => readFileSync(path));
  for (const problem of problems) tell(formatProblem(problem));
  return settings === undefined ? undefined : applyOverrides(settings, overrides);
}

/** A started daemon between start and stop: timers, sockets, signals. */
class Running {
  readonly #started: Started;
  readonly #options: RunOptions;
  readonly #closers: (() => void)[] = [];
  #control: ControlServer | undefined;
  #hostTimer: NodeJS.Timeout | undefined;
  #hostText = "";

  constructor(started: Started, options: RunOptions) {
    this.#started = started;
    this.#options = options;
  }

  async run(conntrackBefore: ReturnType<typeof readConntrackUse>): Promise<number> {
    const { daemon, restored } = this.#started;
    const notifier = openSystemdNotifier(process.env);
    daemon.recorder.starting();
    for (const line of explainSettings(daemon.settings)) daemon.recorder.notice(line);
    for (const line of startNotices({ daemon, restored, conntrackBefore })) daemon.recorder.notice(line);
    const { path } = { path: daemon.settings.controlSocket };
    this.#control = await serveControl({
      path,
      mode: 0o660,
      api: createApi(daemon),
      report: (error) => daemon.recorder.warning(`control socket: ${error.message}`),
    });
    const stopped = this.#untilSignal(notifier);
    this.#startLoops(notifier);
    daemon.recorder.listening();
    notifier.notify("READY=1\nSTATUS=active and listening");
    try {
      return await stopped;
    } finally {
      await this.#stop(notifier);
    }
  }

  #startLoops(notifier: SystemdNotifier): void {
    const { daemon, capture, monitor, routes } = this.#started;
    const guard = (what: string, task: () => void) => () => {
      try {
        task();
      } catch (error) {
        daemon.recorder.warning(`${what}: ${messageOf(error)}`);
      }
    };
    const every = (milliseconds: number, what: string, task: () => void) => {
      const timer = setInterval(guard(what, task), milliseconds);
      this.#closers.push(() => clearInterval(timer));
    };
    capture.start(daemon.engine, (error) => daemon.recorder.warning(`capture: ${messageOf(error)}`));
    const watch = (fd: number, what: string, task: () => void) => {
      const handle = watchReadable(fd, task, (error) => daemon.recorder.warning(`${what}: ${messageOf(error)}`));
      this.#closers.push(() => handle.close());
    };
    watch(monitor.socket.fd, "nf_tables notifications", () =>
      monitor.read((change) => daemon.reconciler.onForeignChange(change)),
    );
    watch(routes.fd, "route notifications", () => {
      // What changed is not read: the host is looked at afresh once the changes have settled.
      while (routes.receive() !== 0);
      this.#hostTimer ??= setTimeout(
        guard("host", () => this.#lookAtHost()),
        HOST_SETTLE_MS,
      );
    });
    this.#lookAtHost();
    every(TICK_MS, "tick", () => daemon.tick());
    every(FLUSH_MS, "flush", () => daemon.flush());
    every(HOST_MS, "host", () => this.#lookAtHost());
    const grace = daemon.graceLeftMs();
    if (grace > 0) {
      const timer = setTimeout(
        guard("end of BOOT_GRACE", () => this.#lookAtHost(true)),
        grace + 10,
      );
      this.#closers.push(() => clearTimeout(timer));
    }
    if (notifier.watchdogIntervalMs !== undefined)
      every(notifier.watchdogIntervalMs, "watchdog", () => notifier.notify("WATCHDOG=1"));
  }

  /** Takes changes of addresses, routes and resolvers into the guard, and remembers which ports are served. */
  #lookAtHost(reload = false): void {
    clearTimeout(this.#hostTimer);
    this.#hostTimer = undefined;
    const { daemon, firewall } = this.#started;
    const host = readHost();
    const text = JSON.stringify({ ...host, uptimeMs: 0 });
    if (text !== this.#hostText) {
      this.#hostText = text;
      daemon.followHost(host);
    }
    if (reload) {
      daemon.followHost(host);
      daemon.loadFirewall();
    }
    const { first, last } = host.ephemeral;
    const served = listServedPorts().filter(
      ({ protocol, port }) => protocol === IpProtocol.Tcp || port < first || port > last,
    );
    firewall.rememberServed(served, daemon.settings.latelyOpenMs);
  }

  /** The exit code: 0 for SIGTERM and SIGINT. SIGHUP reloads. */
  #untilSignal(notifier: SystemdNotifier): Promise<number> {
    return new Promise((resolve) => {
      const onStop = () => resolve(0);
      const onReload = () => this.#reload(notifier);
      const onCrash = (error: unknown) => {
        process.stderr.write(
          `portreeve: internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
        );
        resolve(EXIT_SOFTWARE);
      };
      process.on("SIGTERM", onStop).on("SIGINT", onStop).on("SIGHUP", onReload);
      process.on("uncaughtException", onCrash).on("unhandledRejection", onCrash);
      this.#closers.push(() => {
        process.off("SIGTERM", onStop).off("SIGINT", onStop).off("SIGHUP", onReload);
        process.off("uncaughtException", onCrash).off("unhandledRejection", onCrash);
      });
    });
  }

  #reload(notifier: SystemdNotifier): void {
    const { daemon } = this.#started;
    notifier.notify(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
    const settings = load(this.#options.confFile, this.#options, (line) => daemon.recorder.notice(line));
    if (settings === undefined) {
      daemon.recorder.warning(`reload: ${this.#options.confFile} has errors: the running settings stay`);
    } else {
      try {
        daemon.reconfigure(settings);
        daemon.recorder.notice(`reload: ${this.#options.confFile} is in force`);
      } catch (error) {
        daemon.recorder.warning(`reload: ${messageOf(error)}: the running settings stay`);
      }
    }
    notifier.notify("READY=1");
  }

  async #stop(notifier: SystemdNotifier): Promise<void> {
    const { daemon, firewall } = this.#started;
    notifier.notify("STOPPING=1");
    for (const close of this.#closers.splice(0)) close();
    clearTimeout(this.#hostTimer);
    await this.#control?.close();
    try {
      firewall.rest(daemon.plan());
    } catch (error) {
      daemon.recorder.warning(messageOf(error));
    }
    daemon.recorder.stopping();
    daemon.flush();
    notifier.close();
  }
}

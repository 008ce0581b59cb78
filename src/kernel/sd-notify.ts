// sd_notify(3): tells systemd READY, RELOADING, STOPPING and WATCHDOG, when it asked to be told.
import { UnixDatagram } from "./unix-datagram.ts";

export interface SystemdNotifier {
  notify(state: string): void;
  /** How often WATCHDOG=1 must be sent, in ms: half of WATCHDOG_USEC; undefined when it is not asked for. */
  readonly watchdogIntervalMs: number | undefined;
  close(): void;
}

export function openSystemdNotifier(environment: Readonly<Record<string, string | undefined>>): SystemdNotifier {
  const path = environment.NOTIFY_SOCKET;
  const watchdogUsec = Number(environment.WATCHDOG_USEC ?? "");
  const socket = path === undefined || path === "" ? undefined : new UnixDatagram(path);
  return {
    notify(state) {
      socket?.send(state);
    },
    watchdogIntervalMs:
      socket !== undefined && Number.isSafeInteger(watchdogUsec) && watchdogUsec >= 2000
        ? watchdogUsec / 2000
        : undefined,
    close() {
      socket?.close();
    },
  };
}

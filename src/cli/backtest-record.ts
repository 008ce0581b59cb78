// Where a backtest reads from: the running daemon, which alone may have its store open, or the files of STATE_DIR where
// none runs.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { errorCode, messageOf } from "../base/errors.ts";
import { ExitCode } from "../base/exit-code.ts";
import type { Settings } from "../config/settings.ts";
import type { GuardEntry, KnownClient } from "../control/api.ts";
import { ControlClient } from "../control/client.ts";
import { ControlError, DaemonNotRunning } from "../control/errors.ts";
import type { NumberedEvent } from "../record/event.ts";
import { openStoredEvents, type StoredEvents } from "../record/stored-events.ts";
import type { LiveCounts } from "../replay/backtest-report.ts";

export interface BacktestRecord {
  readonly events: AsyncIterable<NumberedEvent> | Iterable<NumberedEvent>;
  /** Undefined: it is not known. */
  clients(): Promise<AsyncIterable<KnownClient> | Iterable<KnownClient> | undefined>;
  readonly guard: AsyncIterable<GuardEntry> | undefined;
  readonly badRows: number;
  /** The daemon's counters since its start. */
  readonly live?: LiveCounts;
  close(): void;
}

/** Throws ControlError. */
export async function openRecord(settings: Settings): Promise<BacktestRecord> {
  const client = new ControlClient(settings.controlSocket);
  try {
    const reply = await client.ask("status", {});
    if ("refused" in reply) throw new ControlError(reply.refused.code, reply.refused.message);
    const { counters, lost } = reply.ok;
    const { probeEventsDropped: missedProbes = 0, eventsDropped: lostEvents = 0, badRows = 0 } = counters;
    return liveRecord(client, { missedProbes, lostPackets: lost, lostEvents }, badRows);
  } catch (error) {
    if (error instanceof DaemonNotRunning) return storedRecord(settings.stateDir);
    throw error;
  }
}

function liveRecord(client: ControlClient, live: LiveCounts, badRows: number): BacktestRecord {
  return {
    live,
    badRows,
    events: client.allEvents(),
    guard: client.entries("guard", {}),
    async clients() {
      const reply = await client.list("knownClients", {});
      return "ok" in reply ? reply.ok : undefined;
    },
    close: () => undefined,
  };
}

function storedRecord(stateDir: string): BacktestRecord {
  const path = join(stateDir, "portreeve.db");
  const stored = openStore(path);
  return {
    events: readAll(stored, path),
    guard: undefined,
    async clients() {
      const learned = join(stateDir, "learned");
      if (!existsSync(learned)) return undefined;
      const { readKnownClients } = await import("../host/known-clients.ts");
      return readKnownClients(learned);
    },
    get badRows() {
      return stored.badRows;
    },
    close: () => stored.close(),
  };
}

function openStore(path: string): StoredEvents {
  try {
    return openStoredEvents(path);
  } catch (error) {
    const code = errorCode(error);
    const denied = code === "EACCES" || code === "EPERM";
    const what = code === "ENOENT" ? "there is no such file" : code === "" ? messageOf(error) : code;
    const remedy = denied ? "run the command as root" : "let the daemon run for some days first";
    throw new ControlError("no-record", `no daemon runs, and its store ${path} cannot be read: ${what}; ${remedy}`, {
      exitCode: denied ? ExitCode.NoPermission : ExitCode.Unavailable,
      cause: error,
    });
  }
}

function* readAll(stored: StoredEvents, path: string): Generator<NumberedEvent> {
  try {
    yield* stored.all();
  } catch (error) {
    const remedy = "has a daemon been started meanwhile? try again";
    throw new ControlError("no-record", `the store ${path} cannot be read: ${messageOf(error)}; ${remedy}`, {
      cause: error,
    });
  }
}

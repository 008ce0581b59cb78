// Where lines go: standard output and error, or syslog.
import { writeSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import type { LogFormat } from "../base/log-format.ts";
import { Syslog } from "../kernel/syslog.ts";
import { Journal, syslogSink } from "./journal.ts";
import { TurnOutput } from "./turn-output.ts";

export interface JournalOptions {
  readonly log: "stdout" | "syslog";
  readonly format: LogFormat;
  /** SYSLOG_IDENT */
  readonly ident: string;
  readonly clock: Pick<Clock, "nowMs" | "wallMs">;
}

const NO_SYSLOG =
  "no program takes them at /dev/log; start a syslog service (systemd-journald, rsyslog), or run the daemon with --log stdout";

/** What `keep` gets is closed at the end. */
export function openJournal(
  { log, format, ident, clock }: JournalOptions,
  keep: <T extends { close(): void | Promise<void> }>(resource: T) => T,
): Journal {
  const { nowMs, wallMs } = clock;
  if (log === "syslog") {
    const syslog = keep(new Syslog({ ident, pid: process.pid, now: () => new Date() }));
    return new Journal({ sink: syslogSink(syslog), format, nowMs, wallMs, lossText: NO_SYSLOG });
  }
  const sink = keep(
    new TurnOutput({ write: (fd, bytes) => writeSync(fd, bytes), lost: (lines) => journal.lose(lines) }),
  );
  const journal = new Journal({ sink, format, nowMs, wallMs });
  return journal;
}

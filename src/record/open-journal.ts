// Where lines go: standard output and error, or syslog.
import { writeSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import type { LogFormat } from "../base/log-format.ts";
import { Syslog } from "../kernel/syslog.ts";
import { Journal, stdoutSink, syslogSink } from "./journal.ts";

export interface JournalOptions {
  readonly log: "stdout" | "syslog";
  readonly format: LogFormat;
  /** SYSLOG_IDENT */
  readonly ident: string;
  readonly clock: Pick<Clock, "nowMs" | "wallMs">;
}

/** What `keep` gets is closed at the end. */
export function openJournal(
  { log, format, ident, clock }: JournalOptions,
  keep: <T extends { close(): void | Promise<void> }>(resource: T) => T,
): Journal {
  const { nowMs, wallMs } = clock;
  if (log === "syslog") {
    const syslog = keep(new Syslog({ ident, pid: process.pid, now: () => new Date() }));
    return new Journal({ sink: syslogSink(syslog), format, nowMs, wallMs });
  }
  const sink = stdoutSink(
    (text) => void writeSync(1, text),
    (text) => void writeSync(2, text),
  );
  return new Journal({ sink, format, nowMs, wallMs });
}

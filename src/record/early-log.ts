// Syslog for a process that is not (or not yet) the daemon: PortSentry's command line reports its mistakes and its
// troubles there. Writing never fails and never waits; where no program listens the lines are lost.
import { Syslog } from "../kernel/syslog.ts";
import { Journal, syslogSink } from "./journal.ts";
import type { Line } from "./lines.ts";

/** `ident` is SYSLOG_IDENT's default: a process that cannot read the file cannot know another. */
export function sayEarly(lines: readonly Line[], ident = "portsentry"): void {
  const syslog = new Syslog({ ident, pid: process.pid, now: () => new Date() });
  try {
    new Journal({ sink: syslogSink(syslog), format: "portsentry1", nowMs: Date.now }).write(lines);
  } finally {
    syslog.close();
  }
}

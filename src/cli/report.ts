// portreeve report: what has happened in a time, summed up from the record. The events are read one by one, so that the length
// of the record does not matter.
import { ExitCode } from "../base/exit-code.ts";
import { connect, tellRefusal } from "./connect.ts";
import { type ChoiceOptions, toChoice } from "./events.ts";
import type { ClientOptions } from "./options.ts";
import { reportText } from "./report-text.ts";
import { Summary } from "./summary.ts";
import { type Terminal, toJsonLine, writeAll } from "./terminal.ts";

export interface ReportOptions extends ClientOptions, Pick<ChoiceOptions, "since" | "until"> {}

/** Where --since is not given: what an administrator asks in the morning. */
const USUAL_SINCE = "24h";

export async function report(options: ReportOptions, terminal: Terminal): Promise<ExitCode> {
  const nowMs = terminal.nowMs();
  const choice = toChoice({ since: USUAL_SINCE, ...options }, nowMs);
  if ("refused" in choice) return tellRefusal(terminal, choice.refused);
  const { sinceMs = 0, untilMs = nowMs } = choice.ok;
  const client = connect(options);
  const summary = new Summary({ sinceMs, untilMs });
  const oldest = await client.list("eventsAfter", { after: 0, limit: 1 });
  if ("refused" in oldest) return tellRefusal(terminal, oldest.refused);
  for await (const { event } of oldest.ok) summary.recordBegins(event.time);
  for await (const { event } of client.allEvents(choice.ok)) summary.see(event);
  const told = summary.report();
  if (options.json) await terminal.write(toJsonLine(told));
  else await writeAll(terminal, reportText(told, terminal));
  return ExitCode.Ok;
}

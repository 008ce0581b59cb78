// portreeve why: everything the daemon knows of one source, in sentences.

import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import { wrapWords } from "../base/wrap-words.ts";
import type { Explanation } from "../control/api.ts";
import type { Event } from "../record/event.ts";
import { connect, tellRefusal } from "./connect.ts";
import { eventHead, eventLine } from "./event-line.ts";
import { formatSpan, formatTime, plural } from "./format.ts";
import type { ClientOptions } from "./options.ts";
import { paint, type Terminal, toJsonLine } from "./terminal.ts";

export async function why(source: string, options: ClientOptions, terminal: Terminal): Promise<ExitCode> {
  const reply = await connect(options).ask("why", { source });
  if ("refused" in reply) return tellRefusal(terminal, reply.refused);
  await terminal.write(options.json ? toJsonLine(reply.ok) : tell(reply.ok, terminal));
  return ExitCode.Ok;
}

const notEnforced = 'The kernel does NOT hold this block now: see the warnings of "portreeve status".';

function tell(explanation: Explanation, terminal: Terminal): string {
  const sentences = [
    headline(explanation, terminal.nowMs()),
    ...explanation.because,
    ...(explanation.block?.enforced === false ? [notEnforced] : []),
    ...probeSentences(explanation),
    ...remedies(explanation),
  ].map((sentence) => wrapWords(escapeText(sentence), terminal.columns ?? Number.POSITIVE_INFINITY).join("\n"));
  const [first = "", ...rest] = sentences;
  return `${[paint(terminal, "bold", first), ...rest].join("\n")}\n${eventTables(explanation, terminal)}`;
}

/** How to let somebody in who is shut out. */
function remedies({ source, state, block }: Explanation): string[] {
  const isShutOut = state === "blocked" || state === "softly blocked" || state === "held";
  const target = block?.source ?? source;
  return isShutOut ? [`To let it in now: portreeve unblock ${target}; for good: portreeve allow ${source}.`] : [];
}

/** The state now; the daemon's own sentences give the reasons. */
function headline({ source, state, block }: Explanation, nowMs: number): string {
  if (state === "unknown") return `${source} is not blocked.`;
  if (state === "watched") return `${source} is watched and not blocked.`;
  if (state === "ignored") return `${source} is on the allow list.`;
  if (block === undefined) return `${source} is ${state}.`;
  if (block.until === null) return `${source} is ${state}, for ever.`;
  return `${source} is ${state}, for another ${formatSpan(Date.parse(block.until) - nowMs)}.`;
}

function probeSentences({ probes, contacts, ports, firstSeen, lastSeen, offences }: Explanation): string[] {
  const sentences: string[] = [];
  if (probes > 0) {
    const first = firstSeen === undefined ? "" : `, the first at ${formatTime(firstSeen)}`;
    const last = lastSeen === undefined ? "" : `, the last at ${formatTime(lastSeen)}`;
    // The scorers count no further than they must.
    const least = ports?.all === true || probes <= contacts ? "" : "at least ";
    const asked = contacts === 0 ? "" : ` to ${least}${plural(contacts, "different port")}`;
    sentences.push(`The source sent ${plural(probes, "probe")}${asked}${first}${last}.`);
  }
  if (offences > 0)
    sentences.push(`The source has been blocked ${offences === 1 ? "once" : plural(offences, "time")}.`);
  return sentences;
}

function eventTables({ events }: Explanation, terminal: Terminal): string {
  const isProbe = ({ type }: Event) => type === "probe";
  const decided = events.filter((event) => !isProbe(event));
  return (
    eventTable("Findings, blocks and the like, the newest first:", decided, terminal) +
    eventTable("The last probes, the newest first:", events.filter(isProbe), terminal)
  );
}

function eventTable(title: string, events: readonly Event[], terminal: Terminal): string {
  if (events.length === 0) return "";
  return `\n${title}\n${eventHead(terminal)}${events.map((event) => eventLine(event, terminal)).join("")}`;
}

// portreeve events: what has happened, and with -f what happens from now on, over restarts of the daemon too.
import { setTimeout as pause } from "node:timers/promises";
import { ExitCode } from "../base/exit-code.ts";
import { parseWhen, whenExamples } from "../base/when.ts";
import type { EventChoice, Reply } from "../control/api.ts";
import type { ControlClient } from "../control/client.ts";
import { ControlError } from "../control/errors.ts";
import { readChoice } from "../control/event-choice.ts";
import { controlLimits } from "../control/limits.ts";
import type { Event, NumberedEvent } from "../record/event.ts";
import { connect, tellRefusal } from "./connect.ts";
import { eventHead, eventLine } from "./event-line.ts";
import type { ClientOptions } from "./options.ts";
import { type Terminal, toJsonLine, writeAll } from "./terminal.ts";

export interface ChoiceOptions {
  readonly source?: string;
  /** In the filter language. */
  readonly filter?: string;
  /** As typed: "12h", "yesterday 22:00". */
  readonly since?: string;
  readonly until?: string;
  readonly type?: readonly string[];
}

export interface EventsOptions extends ClientOptions, ChoiceOptions {
  readonly follow?: boolean;
  /** Absent: usualLimit, or all where --since or --until says which. */
  readonly limit?: number;
}

const usualLimit = 50;
const askAgainMs = 1_000;

interface Printer {
  readonly event: (event: Event) => string;
  /** Before the first event; "" for none. */
  readonly head: string;
}

/** `words`: a filter, word by word. */
export async function events(words: readonly string[], given: EventsOptions, terminal: Terminal): Promise<ExitCode> {
  const options = words.length === 0 ? given : { ...given, filter: words.join(" ") };
  const choice = toChoice(options, terminal.nowMs());
  if ("refused" in choice) return tellRefusal(terminal, choice.refused);
  const client = connect(options);
  const printer: Printer = options.json
    ? { event: toJsonLine, head: "" }
    : { event: (event) => eventLine(event, terminal), head: eventHead(terminal) };
  if (options.follow) return follow(client, { ...choice.ok, limit: limitOf(options) }, terminal, printer);
  const isAll = options.limit === undefined && namesTime(options);
  if (isAll) {
    await writeAll(terminal, printed(unnumbered(client.allEvents(choice.ok)), printer));
    return ExitCode.Ok;
  }
  const reply = await client.list("events", { ...choice.ok, limit: limitOf(options) });
  if ("refused" in reply) return tellRefusal(terminal, reply.refused);
  await writeAll(terminal, printed(reply.ok, printer));
  return ExitCode.Ok;
}

function limitOf(options: EventsOptions): number {
  return options.limit ?? (namesTime(options) ? controlLimits.events : usualLimit);
}

function namesTime({ since, until, filter = "" }: EventsOptions): boolean {
  return since !== undefined || until !== undefined || /(?:^|\s)(?:since|until):/.test(filter);
}

/** What the options ask for; refused in the daemon's words where they are wrong. */
export function toChoice({ source, filter, since, until, type }: ChoiceOptions, nowMs: number): Reply<EventChoice> {
  const times = { since, until };
  const ms: { since?: number; until?: number } = {};
  for (const name of ["since", "until"] as const) {
    const text = times[name];
    const value = text === undefined ? undefined : parseWhen(text, nowMs);
    if (value !== undefined) ms[name] = Math.max(0, Math.trunc(value));
    else if (text !== undefined)
      return { refused: { code: "bad-time", message: `--${name} ${text}: write a time like ${whenExamples}` } };
  }
  const choice: EventChoice = {
    ...(source !== undefined && { source }),
    ...(filter !== undefined && { filter }),
    ...(ms.since !== undefined && { sinceMs: ms.since }),
    ...(ms.until !== undefined && { untilMs: ms.until }),
    ...(type !== undefined && { types: type.join(",") }),
  };
  const read = readChoice(choice, nowMs);
  return "ok" in read ? { ok: choice } : read;
}

async function* unnumbered(events: AsyncIterable<NumberedEvent>): AsyncGenerator<Event> {
  for await (const { event } of events) yield event;
}

async function* printed(events: AsyncIterable<Event>, { event: print, head }: Printer): AsyncGenerator<string> {
  let isFirst = true;
  for await (const event of events) {
    if (isFirst) yield head;
    isFirst = false;
    yield print(event);
  }
}

/** Until Ctrl-C, which is the way to end it and so no failure. A daemon that has ended is waited for. */
async function follow(
  client: ControlClient,
  choice: EventChoice & { readonly limit: number },
  terminal: Terminal,
  printer: Printer,
): Promise<ExitCode> {
  const end = new AbortController();
  const interrupt = (): void => end.abort();
  process.once("SIGINT", interrupt);
  try {
    const reply = await client.followEvents({ ...choice, signal: end.signal });
    if ("refused" in reply) return tellRefusal(terminal, reply.refused);
    if (printer.head !== "") await terminal.write(printer.head);
    for (let events = reply.ok, sinceMs = terminal.nowMs(); !end.signal.aborted; ) {
      try {
        for await (const event of events) {
          sinceMs = Math.max(sinceMs, Date.parse(event.time) + 1);
          await terminal.write(printer.event(event));
        }
      } catch (error) {
        if (!(error instanceof ControlError) || error.exitCode !== ExitCode.Unavailable) throw error;
        terminal.complain("the daemon has ended; its next start is waited for (Ctrl-C ends this)");
        events = await followAgain(client, { ...choice, sinceMs, limit: controlLimits.events, signal: end.signal });
        terminal.complain("the daemon runs again");
      }
    }
  } catch (error) {
    if (!end.signal.aborted) throw error;
  } finally {
    process.off("SIGINT", interrupt);
  }
  return ExitCode.Ok;
}

/** As soon as a daemon answers. Rejects when aborted. */
async function followAgain(
  client: ControlClient,
  request: Parameters<ControlClient["followEvents"]>[0] & { readonly signal: AbortSignal },
): Promise<AsyncIterable<Event>> {
  for (;;) {
    await pause(askAgainMs, undefined, { signal: request.signal });
    try {
      const reply = await client.followEvents(request);
      if ("ok" in reply) return reply.ok;
      throw new ControlError(reply.refused.code, reply.refused.message);
    } catch (error) {
      const isStarting = error instanceof ControlError && error.exitCode === ExitCode.Unavailable;
      if (request.signal.aborted || !isStarting) throw error;
    }
  }
}

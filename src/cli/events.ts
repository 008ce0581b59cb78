// portreeve events: what has happened lately, and with -f what happens from now on.
import { ExitCode } from "../base/exit-code.ts";
import type { ControlClient } from "../control/client.ts";
import type { Event } from "../record/event.ts";
import { connect, tellRefusal } from "./connect.ts";
import { eventLine } from "./event-line.ts";
import type { ClientOptions } from "./options.ts";
import { type Terminal, toJsonLine, writeAll } from "./terminal.ts";

export interface EventsOptions extends ClientOptions {
  readonly follow?: boolean;
  readonly limit: number;
  readonly source?: string;
}

export async function events(options: EventsOptions, terminal: Terminal): Promise<ExitCode> {
  const client = connect(options);
  const print = (event: Event): string => (options.json ? toJsonLine(event) : eventLine(event, terminal));
  return options.follow ? follow(client, options, terminal, print) : list(client, options, terminal, print);
}

type Print = (event: Event) => string;

async function list(
  client: ControlClient,
  options: EventsOptions,
  terminal: Terminal,
  print: Print,
): Promise<ExitCode> {
  const reply = await client.list("events", {
    limit: options.limit,
    ...(options.source !== undefined && { source: options.source }),
  });
  if ("refused" in reply) return tellRefusal(terminal, reply.refused);
  await writeAll(terminal, printed(reply.ok, print));
  return ExitCode.Ok;
}

async function* printed(events: AsyncIterable<Event>, print: Print): AsyncGenerator<string> {
  for await (const event of events) yield print(event);
}

/** Until Ctrl-C, which is the way to end it and so no failure. */
async function follow(
  client: ControlClient,
  { limit, source }: EventsOptions,
  terminal: Terminal,
  print: Print,
): Promise<ExitCode> {
  const end = new AbortController();
  const interrupt = (): void => end.abort();
  process.once("SIGINT", interrupt);
  try {
    const reply = await client.followEvents({ limit, signal: end.signal, ...(source === undefined ? {} : { source }) });
    if ("refused" in reply) return tellRefusal(terminal, reply.refused);
    for await (const event of reply.ok) await terminal.write(print(event));
  } catch (error) {
    if (!end.signal.aborted) throw error;
  } finally {
    process.off("SIGINT", interrupt);
  }
  return ExitCode.Ok;
}

// The daemon's interface as a client sees it: one request for each method, every answer parsed before it is believed.
// Refusals are answers; what kept the daemon from answering is thrown (errors.ts).
import type { IncomingMessage } from "node:http";
import { parseJson } from "../base/checks.ts";
import { describeFault, isOf, type Shape } from "../base/shape.ts";
import type { Event, NumberedEvent } from "../record/event.ts";
import type {
  BlockedEntry,
  BlockRequest,
  Confirmation,
  Explanation,
  GuardEntry,
  KnownClient,
  ModeName,
  Modes,
  Reply,
  Status,
} from "./api.ts";
import { ControlError, ProtocolError } from "./errors.ts";
import { readLines, readText, send } from "./http-client.ts";
import {
  blockedEntrySchema,
  confirmationSchema,
  eventSchema,
  explanationSchema,
  failureSchema,
  guardEntrySchema,
  knownClientSchema,
  modesSchema,
  numberedEventSchema,
  refusalSchema,
  statusSchema,
  unblockAnswerSchema,
} from "./schema.ts";

export interface FollowOptions {
  /** How many of the past events come first. */
  readonly limit: number;
  readonly source?: string;
  /** Aborting it ends the iteration without an error. */
  readonly signal?: AbortSignal;
}

const answerTimeoutMs = 30_000;
const jsonLines = "application/x-ndjson";

export class ControlClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async status(): Promise<Status> {
    const reply = await this.#ask("/v1/status", statusSchema);
    if ("ok" in reply) return reply.ok;
    throw new ProtocolError(this.#socketPath, reply.refused.message);
  }

  /** Entry by entry as they arrive: a million of them are never held at once. */
  async *blocked(): AsyncGenerator<BlockedEntry> {
    const lines = await this.#askLines("/v1/blocked", blockedEntrySchema);
    if ("refused" in lines) throw new ProtocolError(this.#socketPath, lines.refused.message);
    yield* lines.ok;
  }

  /** Entry by entry as they arrive: there may be 130,000 peers. */
  async *guard(): AsyncGenerator<GuardEntry> {
    const lines = await this.#askLines("/v1/guard", guardEntrySchema);
    if ("refused" in lines) throw new ProtocolError(this.#socketPath, lines.refused.message);
    yield* lines.ok;
  }

  /** Everything that is stored, the oldest first, asked for in parts of 10,000. */
  async *allEvents(): AsyncGenerator<NumberedEvent> {
    for (let after = 0, isEnd = false; !isEnd; ) {
      isEnd = true;
      const lines = await this.#askLines(`/v1/events/after/${after}`, numberedEventSchema);
      if ("refused" in lines) throw new ProtocolError(this.#socketPath, lines.refused.message);
      for await (const numbered of lines.ok) {
        if (numbered.number <= after) throw new ProtocolError(this.#socketPath, "event numbers do not rise");
        after = numbered.number;
        isEnd = false;
        yield numbered;
      }
    }
  }

  /** Who has connected to which port lately; there may be half a million. */
  async knownClients(): Promise<Reply<AsyncIterable<KnownClient>>> {
    return this.#askLines("/v1/known", knownClientSchema);
  }

  block(request: BlockRequest): Promise<Reply<BlockedEntry>> {
    return this.#ask("/v1/block", blockedEntrySchema, request);
  }

  async unblock(target: string): Promise<Reply<readonly string[]>> {
    const reply = await this.#ask("/v1/unblock", unblockAnswerSchema, { target });
    return "ok" in reply ? { ok: reply.ok.unblocked } : reply;
  }

  why(address: string): Promise<Reply<Explanation>> {
    return this.#ask(`/v1/why?source=${encodeURIComponent(address)}`, explanationSchema);
  }

  /** Throws "no-such-route" for a daemon that adds no modes. */
  addMode(mode: ModeName): Promise<Reply<Modes>> {
    return this.#ask("/v1/modes", modesSchema, { mode });
  }

  /** Ends a trial (`run --trial`). */
  confirm(): Promise<Reply<Confirmation>> {
    return this.#ask("/v1/confirm", confirmationSchema, {});
  }

  /** The newest `limit` events, oldest first. */
  events(limit: number, source?: string): Promise<Reply<AsyncIterable<Event>>> {
    return this.#askLines(`/v1/events?${eventQuery(limit, source)}`, eventSchema);
  }

  /** Past events, then each new one as it happens. Ends when aborted; throws when the daemon goes away. */
  async followEvents(options: FollowOptions): Promise<Reply<AsyncIterable<Event>>> {
    const { limit, source, signal } = options;
    const answer = await send({
      socketPath: this.#socketPath,
      path: `/v1/events/follow?${eventQuery(limit, source)}`,
      accept: "text/event-stream",
      timeoutMs: 0,
      ...(signal === undefined ? {} : { signal }),
    });
    const refused = await this.#refusal(answer);
    return refused ?? { ok: this.#follow(answer, signal) };
  }

  async *#follow(answer: IncomingMessage, signal: AbortSignal | undefined): AsyncGenerator<Event> {
    try {
      for await (const line of readLines(answer, this.#socketPath)) {
        // Of an event stream only the data matters here: comments are heartbeats, ids are for those who resume.
        if (line.startsWith("data: ")) yield this.#parse(line.slice("data: ".length), eventSchema);
      }
    } catch (error) {
      if (signal?.aborted) return;
      throw error;
    }
    if (!signal?.aborted) {
      throw new ControlError("daemon-ended", "the daemon ended the connection: it was stopped or restarted");
    }
  }

  async #ask<T>(path: string, schema: Shape<T>, body?: unknown): Promise<Reply<T>> {
    const answer = await send({ socketPath: this.#socketPath, path, body, timeoutMs: answerTimeoutMs });
    const refused = await this.#refusal(answer);
    return refused ?? { ok: this.#parse(await readText(answer, this.#socketPath), schema) };
  }

  async #askLines<T>(path: string, schema: Shape<T>): Promise<Reply<AsyncIterable<T>>> {
    const answer = await send({ socketPath: this.#socketPath, path, accept: jsonLines, timeoutMs: answerTimeoutMs });
    const refused = await this.#refusal(answer);
    return refused ?? { ok: this.#parseLines(answer, schema) };
  }

  async *#parseLines<T>(answer: IncomingMessage, schema: Shape<T>): AsyncGenerator<T> {
    for await (const line of readLines(answer, this.#socketPath)) yield this.#parse(line, schema);
  }

  /** What the daemon refused, undefined when it did not; throws for every other failure. */
  async #refusal(answer: IncomingMessage): Promise<Exclude<Reply<never>, { ok: never }> | undefined> {
    if (answer.statusCode === 200) return undefined;
    const text = await readText(answer, this.#socketPath);
    const refusal = parseJson(text);
    if (isOf(refusalSchema, refusal)) return { refused: refusal.error };
    const { error } = this.#parse(text, failureSchema);
    throw new ControlError(error.code, error.message);
  }

  #parse<T>(text: string, schema: Shape<T>): T {
    const value = parseJson(text);
    if (isOf(schema, value)) return value;
    throw new ProtocolError(this.#socketPath, describeFault(schema, value));
  }
}

function eventQuery(limit: number, source: string | undefined): string {
  const query = new URLSearchParams({ limit: String(limit) });
  if (source !== undefined) query.set("source", source);
  return query.toString();
}

// What endpoints.ts offers, as a client asks it; every answer is parsed before it is believed.
// Refusals are answers; what kept the daemon from answering is thrown (errors.ts).
import type { IncomingMessage } from "node:http";
import { parseJson } from "../base/checks.ts";
import { describeFault, isOf, type Shape } from "../base/shape.ts";
import type { Event, NumberedEvent } from "../record/event.ts";
import type { EventChoice, Reply } from "./api.ts";
import {
  following,
  type ListEntries,
  type ListName,
  type ListRequests,
  lists,
  type QuestionAnswers,
  type QuestionName,
  type QuestionRequests,
  questions,
  toUrl,
} from "./endpoints.ts";
import { ControlError, ProtocolError } from "./errors.ts";
import { type ControlRequest, readLines, readText, send } from "./http-client.ts";
import { failureSchema, refusalSchema } from "./schema.ts";

export interface FollowOptions extends EventChoice {
  /** How many of the past events come first. */
  readonly limit: number;
  /** Aborting it ends the iteration without an error. */
  readonly signal?: AbortSignal;
}

const answerTimeoutMs = 30_000;
const jsonLines = "application/x-ndjson";

type Asked = Parameters<typeof toUrl>[0];

export class ControlClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async ask<Name extends QuestionName>(
    name: Name,
    request: QuestionRequests[Name],
  ): Promise<Reply<QuestionAnswers[Name]>> {
    const { answer } = questions[name];
    const message = await this.#send(questions[name], request, { timeoutMs: answerTimeoutMs });
    const refused = await this.#refusal(message);
    return refused ?? { ok: this.#parse(await readText(message, this.#socketPath), answer) };
  }

  /** Entry by entry as they arrive: a million of them are never held at once. */
  async list<Name extends ListName>(
    name: Name,
    request: ListRequests[Name],
  ): Promise<Reply<AsyncIterable<ListEntries[Name]>>> {
    const message = await this.#send(lists[name], request, { accept: jsonLines, timeoutMs: answerTimeoutMs });
    const refused = await this.#refusal(message);
    return refused ?? { ok: this.#parseLines(message, lists[name].answer) };
  }

  /** The same where a refusal would be an error. */
  async *entries<Name extends ListName>(name: Name, request: ListRequests[Name]): AsyncGenerator<ListEntries[Name]> {
    const reply = await this.list(name, request);
    if ("refused" in reply) throw new ProtocolError(this.#socketPath, reply.refused.message);
    yield* reply.ok;
  }

  /** Everything that is stored and chosen, the oldest first, asked for in parts of 10,000. */
  async *allEvents(choice: EventChoice = {}): AsyncGenerator<NumberedEvent> {
    for (let after = 0, isEnd = false; !isEnd; ) {
      isEnd = true;
      for await (const numbered of this.entries("eventsAfter", { after, ...choice })) {
        if (numbered.number <= after) throw new ProtocolError(this.#socketPath, "event numbers do not rise");
        after = numbered.number;
        isEnd = false;
        yield numbered;
      }
    }
  }

  /** Past events, then each new one as it happens. Ends when aborted; throws when the daemon goes away. */
  async followEvents(options: FollowOptions): Promise<Reply<AsyncIterable<Event>>> {
    const { signal, ...request } = options;
    const how = { accept: "text/event-stream", timeoutMs: 0, ...(signal === undefined ? {} : { signal }) };
    const answer = await this.#send(following, request, how);
    const refused = await this.#refusal(answer);
    return refused ?? { ok: this.#follow(answer, signal) };
  }

  async *#follow(answer: IncomingMessage, signal: AbortSignal | undefined): AsyncGenerator<Event> {
    try {
      for await (const line of readLines(answer, this.#socketPath)) {
        // Only the data of an event stream matters here: comments are heartbeats, and ids are for clients that resume.
        if (line.startsWith("data: ")) yield this.#parse(line.slice("data: ".length), following.answer);
      }
    } catch (error) {
      if (signal?.aborted) return;
      throw error;
    }
    if (!signal?.aborted) {
      throw new ControlError("daemon-ended", "the daemon ended the connection: it was stopped or restarted");
    }
  }

  #send(endpoint: Asked, request: object, how: Omit<ControlRequest, "socketPath" | "path" | "body">) {
    const body = endpoint.method === "POST" ? { body: request } : {};
    return send({ socketPath: this.#socketPath, path: toUrl(endpoint, request), ...body, ...how });
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

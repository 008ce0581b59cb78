// The HTTP routes of the control socket: parses what a client sends, calls the daemon, and prints what it answers.
// Sockets, rights and limits on connections are left to server.ts and socket.ts.
import type { Socket } from "node:net";
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { parseJson } from "../base/checks.ts";
import { describeFault, isOf, type Shape } from "../base/shape.ts";
import type { Event } from "../record/event.ts";
import { passes } from "../record/event-filter.ts";
import { type EventRequest, type Refusal, type Reply, refusalStatus } from "./api.ts";
import {
  following,
  fromUrl,
  type ListHandlers,
  type ListName,
  lists,
  type QuestionHandlers,
  type QuestionName,
  questions,
  type ServedApi,
} from "./endpoints.ts";
import { readChoice } from "./event-choice.ts";
import type { FollowedEvent, Followers } from "./followers.ts";
import type { ControlLimits } from "./limits.ts";
import { streamList } from "./list-stream.ts";

export interface RouteOptions {
  readonly api: ServedApi;
  readonly followers: Followers;
  readonly limits: ControlLimits;
  /** Called with the error of a route; the client gets a 500. */
  readonly report: (error: Error) => void;
  /** Whether who is at the other end may change anything (POST); everybody may read who can open the socket. */
  readonly mayChange: (socket: Socket) => boolean;
}

/** A reader who was away for longer asks for the record, which comes in parts. */
const MAX_RESUMED = 2_000;

const readOnly =
  "only root may change anything, members of CONTROL_GROUP may read: run the command as root (sudo portreeve ...)";

type Bindings = { Bindings: HttpBindings };
type FailureStatus = (typeof refusalStatus)[Refusal["code"]] | 413 | 500;

export function createRoutes(options: RouteOptions): Hono<Bindings> {
  const app = new Hono<Bindings>();
  for (const name of namesOf(questions)) serveQuestion(app, name, options);
  for (const name of namesOf(lists)) serveList(app, name, options);
  app.get(following.path, (c) => followEvents(c, options));
  app.notFound((c) => fail(c, 404, "no-such-route", `${c.req.method} ${c.req.path} is not served here`));
  app.onError((error, c) => {
    options.report(error);
    return fail(c, 500, "internal", "the daemon failed at this request; its log says why");
  });
  return app;
}

function* namesOf<T extends object>(table: T): Generator<keyof T> {
  for (const name in table) yield name;
}

function serveQuestion<Name extends QuestionName>(app: Hono<Bindings>, name: Name, options: RouteOptions): void {
  const { method, path, request, absent, bodyBytes = options.limits.bodyBytes } = questions[name];
  const limits = { ...options.limits, bodyBytes };
  const handlers: Partial<QuestionHandlers> = options.api;
  app.on(method, path, async (c) => {
    if (method === "POST" && !options.mayChange(c.env.incoming.socket)) {
      c.header("connection", "close");
      return refuse(c, { code: "read-only", message: readOnly });
    }
    const asked = await parseRequest(c, request, limits);
    if ("failure" in asked) return asked.failure;
    const answer = handlers[name];
    if (answer === undefined) return fail(c, 404, "no-such-route", absent ?? `${path} is not served here`);
    const reply = await answer(asked.ok);
    return "ok" in reply ? c.json(reply.ok) : refuse(c, reply.refused);
  });
}

function serveList<Name extends ListName>(app: Hono<Bindings>, name: Name, options: RouteOptions): void {
  const { method, path, request, oneReader = false } = lists[name];
  const { limits } = options;
  const handlers: Partial<ListHandlers> = options.api;
  let isBusy = false;
  const ended = (): void => {
    isBusy = false;
  };
  app.on(method, path, async (c) => {
    // Hono asks the GET handler for HEAD as well, and drops its body, which would then never end.
    if (c.req.method === "HEAD") return c.body(null);
    const asked = await parseRequest(c, request, limits);
    if ("failure" in asked) return asked.failure;
    if (isBusy) return refuse(c, { code: "busy", message: "another client is reading this list now: try again" });
    isBusy = oneReader;
    try {
      const reply = (await handlers[name]?.(asked.ok)) ?? { ok: [] };
      if ("ok" in reply) return list(c, reply.ok, limits, ended);
      ended();
      return refuse(c, reply.refused);
    } catch (error) {
      ended();
      throw error;
    }
  });
}

/** History and live events in one answer, and both taken in one turn: nothing is told twice, nothing falls between. */
async function followEvents(c: Context<Bindings>, { api, followers, limits }: RouteOptions): Promise<Response> {
  const asked = await parseRequest(c, following.request, limits);
  if ("failure" in asked) return asked.failure;
  const { limit = 0 } = asked.ok;
  if (followers.full) {
    followers.counters.followersRefused++;
    const message = `${limits.followers} readers follow the events already, which is the most: end one of them`;
    return fail(c, 503, "too-many-followers", message);
  }
  const filter = readChoice(asked.ok, Date.now());
  if ("refused" in filter) return refuse(c, filter.refused);
  const backlog = backlogOf(api, { ...asked.ok, limit }, c.req.header("last-event-id"));
  if ("refused" in backlog) return refuse(c, backlog.refused);
  c.env.incoming.socket.setTimeout(0);
  return c.body(followers.open({ wants: (event) => passes(event, filter.ok), backlog: backlog.ok }), 200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
  });
}

/** The newest events, or all since the one that a reader who comes back has had last; of these the newest as many as one answer may have. */
function backlogOf(
  api: ServedApi,
  request: EventRequest & { readonly limit: number },
  lastId: string | undefined,
): Reply<readonly FollowedEvent[]> {
  const after = /^\d{1,15}$/.test(lastId ?? "") ? Number(lastId) : undefined;
  if (after === undefined || api.eventsAfter === undefined) {
    const newest = request.limit === 0 ? { ok: [] } : api.events(request);
    return "ok" in newest ? { ok: [...newest.ok].map((event) => ({ event })) } : newest;
  }
  const since = api.eventsAfter({ ...request, after, limit: MAX_RESUMED + 1 });
  if ("refused" in since) return since;
  const missed = [...since.ok];
  return missed.length <= MAX_RESUMED ? { ok: missed } : { ok: [{ event: tooMany() }] };
}

function tooMany(): Event {
  const message = `more than ${MAX_RESUMED} events have come since this reader's last one: GET /v1/events/after has them`;
  return { time: new Date().toISOString(), type: "warning", action: "missed", message };
}

type Parsed<T> = { readonly ok: T } | { readonly failure: Response };

async function parseRequest<T>(c: Context<Bindings>, shape: Shape<T>, limits: ControlLimits): Promise<Parsed<T>> {
  let given: unknown;
  if (c.req.method === "POST") {
    const text = await readBody(c.req.raw, limits.bodyBytes);
    if (text === undefined) {
      c.header("connection", "close");
      return { failure: fail(c, 413, "too-large", `the request is longer than ${limits.bodyBytes} bytes`) };
    }
    given = parseJson(text);
  } else given = fromUrl({ ...c.req.query(), ...c.req.param() });
  return isOf(shape, given) ? { ok: given } : { failure: fail(c, 400, "bad-request", describeFault(shape, given)) };
}

/** The body as text; undefined as soon as it is longer than `limitBytes`, whatever its headers said. */
async function readBody(request: Request, limitBytes: number): Promise<string | undefined> {
  if (Number(request.headers.get("content-length") ?? 0) > limitBytes) return undefined;
  const reader = request.body?.getReader();
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const piece = await reader?.read();
    if (piece === undefined || piece.done) return Buffer.concat(pieces).toString("utf8");
    bytes += piece.value.byteLength;
    if (bytes > limitBytes) return undefined;
    pieces.push(piece.value);
  }
}

/** JSON Lines for a client that asks for them, else one array. */
function list(c: Context<Bindings>, items: Iterable<unknown>, limits: ControlLimits, ended?: () => void): Response {
  const lines = c.req.header("accept") === "application/x-ndjson";
  return c.body(streamList(items, lines ? "lines" : "array", limits.entriesPerTurn, ended), 200, {
    "content-type": lines ? "application/x-ndjson" : "application/json",
  });
}

function refuse(c: Context<Bindings>, { code, message }: Refusal): Response {
  return fail(c, refusalStatus[code], code, message);
}

function fail(c: Context<Bindings>, status: FailureStatus, code: string, message: string): Response {
  return c.json({ error: { code, message } }, status);
}

// The HTTP routes of the control socket: parses what a client sends, calls the daemon, and prints what it answers.
// Sockets, rights and limits on connections are left to server.ts and socket.ts.
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { parseJson } from "../base/checks.ts";
import type { Event } from "../record/event.ts";
import { parsePrefix, prefixContains } from "../wire/address.ts";
import type { DaemonApi, Refusal, Reply } from "./api.ts";
import type { Followers } from "./followers.ts";
import type { ControlLimits } from "./limits.ts";
import { streamList } from "./list-stream.ts";
import { type Checked, checkBlockRequest, checkModeRequest, checkUnblockRequest } from "./requests.ts";

export interface RouteOptions {
  readonly api: DaemonApi;
  readonly followers: Followers;
  readonly limits: ControlLimits;
  /** Told of what a route threw; the client gets a 500. */
  readonly report: (error: Error) => void;
}

type Bindings = { Bindings: HttpBindings };
type FailureStatus = 400 | 404 | 409 | 413 | 500 | 503;

export function createRoutes(options: RouteOptions): Hono<Bindings> {
  const { api, limits } = options;
  const app = new Hono<Bindings>();
  app.get("/v1/status", (c) => c.json(api.status()));
  app.get("/v1/blocked", (c) => list(c, api.blocked(), limits));
  app.get("/v1/guard", (c) => list(c, api.guard?.() ?? [], limits));
  app.post("/v1/block", async (c) => {
    const request = await parseBody(c, checkBlockRequest, limits);
    return "failure" in request ? request.failure : answer(c, api.block(request.ok));
  });
  app.post("/v1/unblock", async (c) => {
    const request = await parseBody(c, checkUnblockRequest, limits);
    if ("failure" in request) return request.failure;
    const reply = await api.unblock(request.ok.target);
    return "ok" in reply ? c.json({ unblocked: reply.ok }) : refuse(c, reply.refused);
  });
  app.post("/v1/modes", async (c) => {
    const request = await parseBody(c, checkModeRequest, limits);
    if ("failure" in request) return request.failure;
    const reply = await api.addMode?.(request.ok.mode);
    return reply === undefined ? fail(c, 404, "no-such-route", "this daemon adds no modes") : answer(c, reply);
  });
  app.post("/v1/confirm", (c) => {
    const reply = api.confirm?.();
    return reply === undefined ? fail(c, 404, "no-such-route", "this daemon knows no trial") : answer(c, reply);
  });
  // Both forms: an IPv6 address has colons, a CIDR a slash, and either may come as a query instead.
  app.get("/v1/why", (c) => answer(c, api.why(c.req.query("source") ?? "")));
  app.get("/v1/why/:address", (c) => answer(c, api.why(c.req.param("address"))));
  app.get("/v1/events", (c) => listEvents(c, options));
  app.get("/v1/events/follow", (c) => followEvents(c, options));
  app.get("/v1/events/after/:number", (c) => listEventsAfter(c, options));
  app.get(
    "/v1/known",
    oneAtATime((c, ended) => listKnown(c, options, ended)),
  );
  app.notFound((c) => fail(c, 404, "no-such-route", `${c.req.method} ${c.req.path} is not served here`));
  app.onError((error, c) => {
    options.report(error);
    return fail(c, 500, "internal", "the daemon failed at this request; its log says why");
  });
  return app;
}

function listEvents(c: Context<Bindings>, { api, limits }: RouteOptions): Response {
  const query = parseEventQuery(c, limits, 100);
  if ("failure" in query) return query.failure;
  const reply = api.events(query.limit, query.source);
  return "ok" in reply ? list(c, reply.ok, limits) : refuse(c, reply.refused);
}

/** By number, so that all of the record can be read a part at a time; nothing more than a part is ever held. */
function listEventsAfter(c: Context<Bindings>, { api, limits }: RouteOptions): Response {
  const query = parseEventQuery(c, limits, limits.events);
  if ("failure" in query) return query.failure;
  const text = c.req.param("number") ?? "";
  if (!/^\d{1,16}$/.test(text)) return fail(c, 400, "bad-request", `"${text.slice(0, 40)}" is no event number`);
  return list(c, api.eventsAfter?.(Number(text), query.limit) ?? [], limits);
}

async function listKnown(c: Context<Bindings>, { api, limits }: RouteOptions, ended: () => void): Promise<Response> {
  const reply = (await api.knownClients?.()) ?? { ok: [] };
  if ("ok" in reply) return list(c, reply.ok, limits, ended);
  ended();
  return refuse(c, reply.refused);
}

type Handler = (c: Context<Bindings>, ended: () => void) => Promise<Response>;

/** For what takes memory until it has been read: a second reader is sent away while there is one. */
function oneAtATime(handle: Handler): (c: Context<Bindings>) => Promise<Response> {
  let isBusy = false;
  return async (c) => {
    // Hono asks the GET handler and drops its body, which would then never end.
    if (c.req.method === "HEAD") return c.body(null);
    if (isBusy) return refuse(c, { code: "busy", message: "another client is reading this list now: try again" });
    isBusy = true;
    const ended = (): void => {
      isBusy = false;
    };
    try {
      return await handle(c, ended);
    } catch (error) {
      ended();
      throw error;
    }
  };
}

/** History and live events in one answer, and both taken in one turn: nothing is told twice, nothing falls between. */
function followEvents(c: Context<Bindings>, { api, followers, limits }: RouteOptions): Response {
  const query = parseEventQuery(c, limits, 0);
  if ("failure" in query) return query.failure;
  if (followers.full) {
    followers.counters.followersRefused++;
    const message = `${limits.followers} readers follow the events already, which is the most: end one of them`;
    return fail(c, 503, "too-many-followers", message);
  }
  const wants = eventFilter(query.source);
  if (wants === undefined) return fail(c, 400, "bad-address", `"${query.source}" is no address or CIDR`);
  const backlog = query.limit === 0 ? { ok: [] } : api.events(query.limit, query.source);
  if ("refused" in backlog) return refuse(c, backlog.refused);
  c.env.incoming.socket.setTimeout(0);
  return c.body(followers.open({ wants, backlog: backlog.ok }), 200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
  });
}

/** Which events are about a source inside the block; undefined when the text is no address or block. */
function eventFilter(source: string | undefined): ((event: Event) => boolean) | undefined {
  if (source === undefined) return () => true;
  const wanted = parsePrefix(source);
  if (wanted === undefined) return undefined;
  return (event) => {
    const about = event.source === undefined ? undefined : parsePrefix(event.source);
    return about !== undefined && prefixContains(wanted, about);
  };
}

type EventQuery = { readonly limit: number; readonly source: string | undefined } | { readonly failure: Response };

function parseEventQuery(c: Context<Bindings>, limits: ControlLimits, usual: number): EventQuery {
  const text = c.req.query("limit");
  const limit = text === undefined ? usual : /^\d{1,6}$/.test(text) ? Number(text) : -1;
  if (limit < 0 || limit > limits.events) {
    return { failure: fail(c, 400, "bad-request", `limit "${text}" is not a number from 0 to ${limits.events}`) };
  }
  return { limit, source: c.req.query("source") };
}

type Parsed<T> = { readonly ok: T } | { readonly failure: Response };

type Check<T> = (value: unknown) => Checked<T>;

async function parseBody<T>(c: Context<Bindings>, check: Check<T>, limits: ControlLimits): Promise<Parsed<T>> {
  const text = await readBody(c.req.raw, limits.bodyBytes);
  if (text === undefined) {
    c.header("connection", "close");
    return { failure: fail(c, 413, "too-large", `the request is longer than ${limits.bodyBytes} bytes`) };
  }
  const checked = check(parseJson(text));
  return "ok" in checked ? checked : { failure: fail(c, 400, "bad-request", checked.wrong) };
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

function answer<T extends object>(c: Context<Bindings>, reply: Reply<T>): Response {
  return "ok" in reply ? c.json(reply.ok) : refuse(c, reply.refused);
}

function refuse(c: Context<Bindings>, refusal: Refusal): Response {
  return fail(c, refusalStatus(refusal.code), refusal.code, refusal.message);
}

function refusalStatus(code: Refusal["code"]): FailureStatus {
  switch (code) {
    case "bad-address":
      return 400;
    case "no-such-block":
      return 404;
    case "ignored":
    case "guarded":
    case "own":
    case "mode-taken":
    case "own-session":
    case "too-wide":
    case "longer":
    case "covered":
    case "no-trial":
      return 409;
    case "no-firewall":
    case "busy":
    case "full":
    case "kernel":
      return 503;
  }
}

function fail(c: Context<Bindings>, status: FailureStatus, code: string, message: string): Response {
  return c.json({ error: { code, message } }, status);
}

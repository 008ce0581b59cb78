// All that the control socket offers, a row each. routes.ts serves and client.ts asks what stands here; what the daemon
// answers is one function for each row, in answer/api.ts.
import type { Shape } from "../base/shape.ts";
import type { Event, NumberedEvent } from "../record/event.ts";
import type { EventRequest, EventsAfterRequest, Reply } from "./api.ts";
import * as requests from "./requests.ts";
import * as schema from "./schema.ts";

interface Endpoint<Request, Answer> {
  readonly method: "GET" | "POST";
  /** ":name" is a field of the request, with "?" one that may be left out; the others are the query, or a POST's body. */
  readonly path: string;
  readonly request: Shape<Request>;
  /** The shape of one entry of a list. */
  readonly answer: Shape<Answer>;
}

interface Question<Request, Answer> extends Endpoint<Request, Answer> {
  /** What a daemon says that does not know of such things. */
  readonly absent?: string;
  /** A request may be so long; absent: as limits.ts has it. */
  readonly bodyBytes?: number;
}

interface List<Request, Answer> extends Endpoint<Request, Answer> {
  /** It takes memory until it has been read: a second reader is sent away while there is one. */
  readonly oneReader?: true;
}

/** Answered at once, by one object. */
const questionTable = {
  status: { method: "GET", path: "/v1/status", request: requests.noFields, answer: schema.statusSchema },
  figures: { method: "GET", path: "/v1/figures", request: requests.noFields, answer: schema.figuresSchema },
  block: { method: "POST", path: "/v1/block", request: requests.blockRequest, answer: schema.blockedEntrySchema },
  import: {
    method: "POST",
    path: "/v1/import",
    request: requests.importRequest,
    answer: schema.importedSchema,
    bodyBytes: requests.IMPORT_BODY_BYTES,
  },
  unblock: { method: "POST", path: "/v1/unblock", request: requests.unblockRequest, answer: schema.unblockedSchema },
  blockedPage: {
    method: "GET",
    path: "/v1/blocked/page",
    request: requests.blockedPageRequest,
    answer: schema.blockedPageSchema,
  },
  why: { method: "GET", path: "/v1/why/:source?", request: requests.whyRequest, answer: schema.explanationSchema },
  allow: {
    method: "POST",
    path: "/v1/allow",
    request: requests.allowRequest,
    answer: schema.allowListChangeSchema,
    absent: "this daemon does not edit its allow list",
  },
  disallow: {
    method: "POST",
    path: "/v1/disallow",
    request: requests.disallowRequest,
    answer: schema.allowListChangeSchema,
    absent: "this daemon does not edit its allow list",
  },
  addMode: {
    method: "POST",
    path: "/v1/modes",
    request: requests.modeRequest,
    answer: schema.modesSchema,
    absent: "this daemon adds no modes",
  },
  confirm: {
    method: "POST",
    path: "/v1/confirm",
    request: requests.noFields,
    answer: schema.confirmationSchema,
    absent: "this daemon knows no trial",
  },
} as const satisfies Readonly<Record<string, Question<unknown, unknown>>>;

/** Walked lazily and sent some hundred entries at a time: a million of them are never held at once. */
const listTable = {
  blocked: { method: "GET", path: "/v1/blocked", request: requests.noFields, answer: schema.blockedEntrySchema },
  guard: { method: "GET", path: "/v1/guard", request: requests.noFields, answer: schema.guardEntrySchema },
  events: { method: "GET", path: "/v1/events", request: requests.eventRequest, answer: schema.eventSchema },
  eventsAfter: {
    method: "GET",
    path: "/v1/events/after/:after",
    request: requests.eventsAfterRequest,
    answer: schema.numberedEventSchema,
  },
  series: { method: "GET", path: "/v1/series", request: requests.seriesRequest, answer: schema.seriesEntrySchema },
  top: { method: "GET", path: "/v1/top", request: requests.topRequest, answer: schema.topEntrySchema },
  knownClients: {
    method: "GET",
    path: "/v1/known",
    request: requests.noFields,
    answer: schema.knownClientSchema,
    oneReader: true,
  },
} as const satisfies Readonly<Record<string, List<unknown, unknown>>>;

/** The one that does not end: past events, then each new one, as server-sent events. */
export const following = {
  method: "GET",
  path: "/v1/events/follow",
  request: requests.eventRequest,
  answer: schema.eventSchema,
} as const satisfies Endpoint<unknown, unknown>;

type Described<S> = S extends Shape<infer T> ? T : never;
type Requests<Table extends Readonly<Record<string, Endpoint<unknown, unknown>>>> = {
  readonly [Name in keyof Table]: Described<Table[Name]["request"]>;
};
type Answers<Table extends Readonly<Record<string, Endpoint<unknown, unknown>>>> = {
  readonly [Name in keyof Table]: Described<Table[Name]["answer"]>;
};

export type QuestionName = keyof typeof questionTable;
export type QuestionRequests = Requests<typeof questionTable>;
export type QuestionAnswers = Answers<typeof questionTable>;
export const questions: { readonly [Name in QuestionName]: Question<QuestionRequests[Name], QuestionAnswers[Name]> } =
  questionTable;

export type ListName = keyof typeof listTable;
export type ListRequests = Requests<typeof listTable>;
export type ListEntries = Answers<typeof listTable>;
export const lists: { readonly [Name in ListName]: List<ListRequests[Name], ListEntries[Name]> } = listTable;

type Soon<T> = T | Promise<T>;
export type QuestionHandlers = {
  [Name in QuestionName]: (request: QuestionRequests[Name]) => Soon<Reply<QuestionAnswers[Name]>>;
};
export type ListHandlers = {
  [Name in ListName]: (request: ListRequests[Name]) => Soon<Reply<Iterable<ListEntries[Name]>>>;
};

export interface DaemonApi extends QuestionHandlers, ListHandlers {
  /** At once: a follower gets past and new events in one turn, so that no event falls between. */
  events(request: EventRequest): Reply<Iterable<Event>>;
  /** At once, for the same reason. */
  eventsAfter(request: EventsAfterRequest): Reply<Iterable<NumberedEvent>>;
  /** Calls `listener` for each event from now on, with its number in the record; returns the way to stop. */
  follow(listener: (event: Event, number?: number) => void): () => void;
}

/** What a server can do without: a question that it has no answer to is no route, and a list is empty. */
export type ServedApi = Partial<DaemonApi> & Pick<DaemonApi, "status" | "events" | "follow">;

/** Fields that are numbers, where a URL carries them as text. */
const numbersInUrls: readonly string[] = ["limit", "offset", "after", "sinceMs", "untilMs"];

export function fromUrl(given: Readonly<Record<string, string>>): Readonly<Record<string, string | number>> {
  const isNumber = (name: string, value: string) => numbersInUrls.includes(name) && /^\d{1,16}$/.test(value);
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, isNumber(name, value) ? Number(value) : value]),
  );
}

/** The path that asks: with the request's fields in it, for GET all of them. */
export function toUrl({ method, path }: Endpoint<unknown, unknown>, request: object): string {
  const rest = new Map(Object.entries(request).map(([name, value]) => [name, String(value)]));
  const filled = path.replace(/\/:(\w+)(\??)/g, (_, name: string, mayLack: string) => {
    // A CIDR has a slash: what may lack stands in the query.
    if (mayLack !== "") return "";
    const value = rest.get(name) ?? "";
    rest.delete(name);
    return `/${encodeURIComponent(value)}`;
  });
  const query = method === "GET" ? new URLSearchParams([...rest]).toString() : "";
  return query === "" ? filled : `${filled}?${query}`;
}

// The daemon's side of the control socket: answers from the rooms' own state, and refuses in words.
import { setImmediate } from "node:timers/promises";
import type { EventRequest, EventsAfterRequest, KnownClient, Reply } from "../control/api.ts";
import type { DaemonApi } from "../control/endpoints.ts";
import { readChoice } from "../control/event-choice.ts";
import { controlLimits } from "../control/limits.ts";
import { badAddress, refuse } from "../control/target.ts";
import type { Daemon } from "../daemon/daemon.ts";
import type { Event, NumberedEvent } from "../record/event.ts";
import { parsePrefix } from "../wire/address.ts";
import { blockByHand } from "./block-by-hand.ts";
import { createPages } from "./blocked-page.ts";
import { series, top } from "./counts.ts";
import { entryOf } from "./entry.ts";
import { createImport } from "./import-list.ts";
import { forgetRules, unblockByHand } from "./unblock-by-hand.ts";
import { explain } from "./why.ts";

/** The trial, the modes and the allow list are running.ts's. */
export function createApi(daemon: Daemon): Omit<DaemonApi, "confirm" | "addMode" | "allow" | "disallow"> {
  return {
    status: () => ({ ok: daemon.status() }),
    figures: () => ({ ok: { ...daemon.series.totals(), latency: daemon.walk.latency } }),
    blocked: () => ({ ok: blockedEntries(daemon) }),
    blockedPage: createPages(daemon, () => setImmediate()),
    guard: () => ({ ok: daemon.guard() }),
    block: (request) => blockByHand(daemon, request),
    import: createImport(daemon),
    unblock: async ({ target, ruleIsGone }) => {
      const reply = ruleIsGone === true ? forgetRules(daemon, target) : await unblockByHand(daemon, target);
      return "ok" in reply ? { ok: { unblocked: reply.ok } } : reply;
    },
    why: ({ source: text = "" }) => {
      const source = parsePrefix(text);
      return source === undefined ? badAddress(text) : { ok: explain(daemon, source) };
    },
    events: (request) => events(daemon, request),
    eventsAfter: (request) => eventsAfter(daemon, request),
    series: (request) => series(daemon, request),
    top: (request) => top(daemon, request),
    knownClients: () => knownClients(daemon),
    follow: (listener) => daemon.recorder.follow(listener) ?? (() => undefined),
  };
}

/** One by one: the list may be long, and the server sends it in pieces while the daemon goes on. */
function* blockedEntries(daemon: Daemon) {
  for (const block of daemon.blocker.list.values()) yield entryOf(block, daemon.clock);
}

async function knownClients(daemon: Daemon): Promise<Reply<Iterable<KnownClient>>> {
  try {
    return { ok: await daemon.knownClients() };
  } catch (error) {
    return refuse("kernel", `the known clients cannot be read: ${String(error)}`);
  }
}

/** Without a limit the newest hundred. */
function events(daemon: Daemon, { limit = 100, ...choice }: EventRequest): Reply<readonly Event[]> {
  const filter = readChoice(choice, wallNowMs(daemon), (source) => daemon.sources.keyOf(source));
  return "ok" in filter ? { ok: daemon.store.events({ limit, ...filter.ok }) } : filter;
}

function eventsAfter(
  daemon: Daemon,
  { after, limit = controlLimits.events, ...choice }: EventsAfterRequest,
): Reply<Iterable<NumberedEvent>> {
  const filter = readChoice(choice, wallNowMs(daemon), (source) => daemon.sources.keyOf(source));
  return "ok" in filter ? { ok: daemon.store.eventsAfter(after, limit, filter.ok) } : filter;
}

function wallNowMs({ clock }: Pick<Daemon, "clock">): number {
  return clock.wallMs(clock.nowMs());
}

// The daemon's side of the control socket: answers from the rooms' own state, and refuses in words.
import type { DaemonApi, KnownClient, Reply } from "../control/api.ts";
import type { Event } from "../record/event.ts";
import { formatPrefix, parsePrefix } from "../wire/address.ts";
import { blockByHand } from "./block-by-hand.ts";
import type { Daemon } from "./daemon.ts";
import { entryOf } from "./entry.ts";
import { badAddress, refuse } from "./target.ts";
import { unblockByHand } from "./unblock-by-hand.ts";
import { explain } from "./why.ts";

export function createApi(daemon: Daemon): DaemonApi {
  return {
    status: () => daemon.status(),
    blocked: () => blockedEntries(daemon),
    guard: () => daemon.guard(),
    block: (request) => blockByHand(daemon, request),
    unblock: (target) => unblockByHand(daemon, target),
    why: (address) => {
      const source = parsePrefix(address);
      return source === undefined ? badAddress(address) : { ok: explain(daemon, source) };
    },
    events: (limit, source) => events(daemon, limit, source),
    eventsAfter: (after, limit) => daemon.store.eventsAfter(after, limit),
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

function events(daemon: Daemon, limit: number, source: string | undefined): Reply<readonly Event[]> {
  if (source === undefined) return { ok: daemon.store.events({ limit }) };
  const prefix = parsePrefix(source);
  if (prefix === undefined) return badAddress(source);
  return { ok: daemon.store.events({ limit, source: formatPrefix(daemon.keyOf(prefix)) }) };
}

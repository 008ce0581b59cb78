// The daemon's side of the control socket: answers from the rooms' own state, and refuses in words.

import type { Block } from "../block/block.ts";
import type { BlockedEntry, BlockRequest, DaemonApi, KnownClient, Refusal, Reply } from "../control/api.ts";
import type { Event } from "../record/event.ts";
import { formatPrefix, type Prefix, parsePrefix, prefixContains } from "../wire/address.ts";
import type { Daemon } from "./daemon.ts";
import { entryOf } from "./entry.ts";
import { slices } from "./slices.ts";
import { explain } from "./why.ts";

const LIFTED_AT_ONCE = 10_000;

const refuse = (code: Refusal["code"], message: string) => ({ refused: { code, message } });

export function createApi(daemon: Daemon): DaemonApi {
  return {
    status: () => daemon.status(),
    blocked: () => blockedEntries(daemon),
    guard: () => daemon.guard(),
    block: (request) => blockByHand(daemon, request),
    unblock: (target) => unblock(daemon, target),
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

function badAddress(text: string) {
  return refuse("bad-address", `"${text.slice(0, 60)}" is not an IPv4 or IPv6 address or CIDR`);
}

function blockByHand(daemon: Daemon, request: BlockRequest): Reply<BlockedEntry> {
  const source = parsePrefix(request.source);
  if (source === undefined) return badAddress(request.source);
  const name = formatPrefix(source);
  if (!daemon.enforces)
    return refuse("no-firewall", 'FIREWALL="none": nothing here can block; set it to "auto" or "nftables"');
  const session = ownSessionWithin(source, request);
  if (session !== undefined && request.force !== true) {
    return refuse(
      "own-session",
      `you are logged in from ${session}: blocking ${name} would end your own session; use --force if you mean it`,
    );
  }
  const spared = daemon.judge.sparesWithin(source);
  if (spared === "own")
    return refuse(
      "own",
      `${name} holds an address of this host, a loopback or a multicast address: it is never blocked`,
    );
  if (spared !== undefined && request.force !== true) return refuse(spared, sparedMessage(name, spared));
  const wider = daemon.blocker.list.covering(source);
  if (wider !== undefined && formatPrefix(wider.source) !== name) {
    return refuse("kernel", `${name} is blocked already, as part of ${formatPrefix(wider.source)}`);
  }
  const result = daemon.blocker.blockByHand(source, request.forMs, request.reason ?? "by hand");
  if (typeof result !== "string") return { ok: entryOf(result, daemon.clock) };
  return refuse(result.includes("full") ? "full" : "kernel", `cannot block ${name}: ${result}`);
}

/** The first address that the caller is logged in from and that the block would shut out. */
function ownSessionWithin(block: Prefix, { session = [] }: BlockRequest): string | undefined {
  return session.find((text) => {
    const address = parsePrefix(text);
    return address !== undefined && prefixContains(block, address);
  });
}

function sparedMessage(name: string, spared: "ignored" | "guarded"): string {
  return spared === "ignored"
    ? `${name} is on the allow list (IGNORE_FILE), whose addresses pass even a block; take it out there, or use --force`
    : `${name} holds an address that this host depends on (see "portreeve guard"): blocking it may cut this host off; use --force if you mean it`;
}

function unblock(daemon: Daemon, target: string): Reply<readonly string[]> {
  if (target === "all") return liftAll(daemon);
  const source = parsePrefix(target);
  if (source === undefined) return badAddress(target);
  const inside = daemon.blocker.list.inside(source);
  // An address is let in by lifting the block of the /64, or of the wider prefix, that it is part of.
  const covering = daemon.blocker.list.containing(source).filter((block) => block.source.bits < source.bits);
  // Who lets a network go wants it reachable; a wider block that somebody made by hand is another matter.
  const blocks = [...inside, ...covering.filter(({ grade }) => inside.length === 0 || grade !== "manual")];
  daemon.release(source);
  if (blocks.length > 0) return lift(daemon, blocks, "by hand");
  return refuse("no-such-block", `${formatPrefix(source)} is not blocked`);
}

function lift(daemon: Daemon, blocks: readonly Block[], how: "by hand"): Reply<readonly string[]> {
  const failures = daemon.blocker.lift(blocks, how);
  if (failures.length > 0) return refuse("kernel", `not lifted: ${failures.slice(0, 5).join("; ")}`);
  for (const block of blocks) daemon.release(block.source);
  return { ok: blocks.map(({ source }) => formatPrefix(source)) };
}

/** In slices, for there may be a million; a block that the kernel will not give up does not keep the others. */
function liftAll(daemon: Daemon): Reply<readonly string[]> {
  const sources: string[] = [];
  const failures: string[] = [];
  for (const slice of slices(daemon.blocker.list.values(), LIFTED_AT_ONCE)) {
    failures.push(...daemon.blocker.lift(slice, "all"));
    for (const { source } of slice) {
      daemon.release(source);
      sources.push(formatPrefix(source));
    }
  }
  daemon.emptyKernelSets();
  if (failures.length > 0) return refuse("kernel", `not lifted: ${failures.slice(0, 5).join("; ")}`);
  return { ok: sources };
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

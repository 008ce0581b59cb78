// The guard (design section 4): addresses that are never held or blocked on unproven evidence. Gathers the addresses that the
// daemon itself knows: gateways, resolvers, time servers, SSH sessions, container networks. The kernel's rules learn and keep
// peers; this file only lists them.

import { type Clock, printTime, wallClock } from "../base/clock.ts";
import type { GuardEntry } from "../control/api.ts";
import type { GuardPart } from "../judge/judge.ts";
import type { GuardReason } from "../judge/verdict.ts";
import type { GuardedPeer } from "../table/learned-sets.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import type { Guarded, HostFacts } from "./host.ts";
import type { Session } from "./ssh-sessions.ts";
import type { TimeServers } from "./time-servers.ts";
import type { SessionsNow } from "./unseen-logins.ts";

/** Where the guard looks; each throws nothing but KernelError. */
export interface GuardSources {
  readonly sessions: () => SessionsNow;
  readonly containers: () => readonly Prefix[];
  readonly timeServers: () => TimeServers;
  readonly lookUp: (names: readonly string[]) => Promise<readonly Prefix[]>;
}

/** Elements of the kernel's guard that are not routes, resolvers or own addresses. */
const MAX_GUARDED = 4_096;

export class Guard {
  readonly #sources: GuardSources;
  #now: SessionsNow = { sessions: [], warning: "" };
  #named: readonly Prefix[] = [];
  /** The names that were looked up last with success, as one text. */
  #answered = "";
  /** Addresses and networks that do not fit now. */
  readonly counters = { guardEntriesLeftOut: 0 };

  constructor(sources: GuardSources) {
    this.#sources = sources;
  }

  /** Looks at SSH sessions again; true when they are others than before. */
  lookAtSessions(): boolean {
    const before = sessionsText(this.#now.sessions);
    this.#now = this.#sources.sessions();
    return sessionsText(this.#now.sessions) !== before;
  }

  /** What the last look says of sessions that cannot be seen as such; "" when there are none. */
  get sessionWarning(): string {
    return this.#now.warning;
  }

  /** Looks the names of time servers up; true when their addresses are others than before. */
  async lookUpNames(): Promise<boolean> {
    const before = textOf(this.#named);
    const { names } = this.#sources.timeServers();
    const found = await this.#sources.lookUp(names);
    // A resolver that is away for a while takes nobody out of the guard.
    if (found.length > 0 || names.length === 0) {
      this.#named = found;
      this.#answered = names.join(" ");
    }
    return textOf(this.#named) !== before;
  }

  /** Whether there are names of which nothing is known: new ones, or the resolver was away when they were asked for. */
  hasUnknownNames(): boolean {
    return this.#sources.timeServers().names.join(" ") !== this.#answered;
  }

  /** The host with the rest of its guard. */
  extend(host: HostFacts): HostFacts {
    const of = (because: Guarded["because"], sources: readonly Prefix[]) =>
      sources.map((source): Guarded => ({ source, because }));
    const all = [
      ...this.#now.sessions.map((one): Guarded => ({ ...one, because: "ssh" })),
      ...of("time server", this.#sources.timeServers().addresses),
      ...of("time server", this.#named).map((one): Guarded => ({ ...one, isByName: true })),
      ...of("container", this.#sources.containers()),
    ];
    this.counters.guardEntriesLeftOut = Math.max(0, all.length - MAX_GUARDED);
    return { ...host, guarded: all.slice(0, MAX_GUARDED) };
  }
}

function textOf(sources: readonly Prefix[]): string {
  return sources.map(formatPrefix).sort().join(" ");
}

function sessionsText(sessions: readonly Session[]): string {
  const texts = sessions.map(
    ({ source, ports, isByAge }) => `${formatPrefix(source)} ${[...ports].sort().join(",")} ${isByAge === true}`,
  );
  return texts.sort().join(" ");
}

/** By reason, the one that decides first: a live session is protected more than a gateway. */
export function guardParts(host: HostFacts): GuardPart[] {
  const of = (because: Guarded["because"]) =>
    (host.guarded ?? []).filter((one) => one.because === because).map(({ source }) => source);
  const parts: readonly (readonly [GuardReason, readonly Prefix[]])[] = [
    ["ssh", of("ssh")],
    ["gateway", host.gateways],
    ["resolver", host.resolvers],
    ["time server", of("time server")],
    ["container", of("container")],
  ];
  return parts.map(([because, sources]) => ({ because, ranges: new AddressRanges(sources) }));
}

/** One by one, as `portreeve guard` lists it: each address once for each reason. */
export function* guardEntries(
  host: HostFacts,
  peers: readonly GuardedPeer[],
  clock: Pick<Clock, "wallMs"> = wallClock,
): Generator<GuardEntry> {
  const lasting = (because: GuardEntry["because"], source: Prefix): GuardEntry => ({
    source: formatPrefix(source),
    because,
    until: null,
  });
  for (const source of host.gateways) yield lasting("gateway", source);
  for (const source of host.resolvers) yield lasting("resolver", source);
  for (const { source, because, isByAge } of host.guarded ?? [])
    yield lasting(isByAge === true ? "old ssh connection" : because, source);
  for (const source of host.own) yield lasting("own", source);
  for (const { source, untilMs } of peers) {
    yield { source: formatPrefix(source), because: "peer", until: printTime(clock, untilMs) };
  }
}

/** For a person: the reason why the host depends on the address. */
export function describeGuard(because: GuardReason): string {
  switch (because) {
    case "ssh":
      return "the source of an SSH session that stands now";
    case "gateway":
      return "a default gateway of this host";
    case "resolver":
      return "a resolver of this host";
    case "time server":
      return "a time server of this host";
    case "container":
      return "in a network of containers or virtual machines of this host";
    case "peer":
      return "the peer of a connection that this host opened lately (GUARD_TIME)";
  }
}

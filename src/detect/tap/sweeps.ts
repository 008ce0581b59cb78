// The shape of what a source asks for: one service of many hosts (horizontal), many services of one host (vertical),
// several of many (strobe), or a block of both. Only a horizontal sweep is a finding here; pings, ARP and neighbour
// questions are sweeps of a service without a port. Bounded for each source.
import { ARP_PROTOCOL, IpProtocol } from "../../wire/packet.ts";
import { Kind } from "../kinds.ts";
import { Busiest } from "./busiest.ts";
import { type Contact, Outcome } from "./contact.ts";
import { DistinctHosts } from "./distinct.ts";

export interface SweepPolicy {
  /** Distinct hosts of one service that refused or did not answer; 3 at least. */
  readonly sweepHosts: number;
  /** The same of ARP and neighbour questions, which a host asks for every peer that is switched off. */
  readonly linkSweepHosts: number;
  /** The same of a router, which asks for every address that somebody else wants to reach. */
  readonly routerSweepHosts: number;
  /** By how much an accepted host of the same service raises either: one of a hundred dead web servers is no sweep. */
  readonly pardonPerAccepted: number;
  /** A source that has begun nothing for so long begins anew (Durumeric et al., USENIX Security 2014: 480 s). */
  readonly quietMs: number;
  /** From how many services on a scan is vertical, and up to how many on many hosts it is a strobe. */
  readonly verticalPorts: number;
  readonly strobePorts: number;
}

/** Where the numbers come from: docs/reference/detection.md, "Sweeps". */
export const DEFAULT_SWEEP: SweepPolicy = {
  sweepHosts: 5,
  linkSweepHosts: 16,
  routerSweepHosts: 512,
  pardonPerAccepted: 0.28,
  quietMs: 480_000,
  verticalPorts: 5,
  strobePorts: 16,
};

export type Shape = "vertical" | "horizontal" | "strobe" | "block";

/** Contacts before any count can matter: policies ask for more hosts and ports than these (3 at least). */
const FEW = 2;
const BUSY_SERVICES = 16;
const BUSY_HOSTS = 4;
/** The share of the contacts not accepted that a service or a host needs for the others to be an aside. */
const DOMINANT = 0.8;

/** The memory of a source that has begun several contacts. */
interface Spell {
  /** Distinct (host, service) that were not accepted, those of unknown outcome among them. */
  pairs: number;
  /** By service the hosts that did not accept; tally: how many failed, less the pardon for those that accepted. */
  readonly services: Busiest;
  /** By host the services. */
  readonly hosts: Busiest;
  readonly distinctServices: DistinctHosts;
  readonly distinctHosts: DistinctHosts;
}

export interface SweepState {
  lastMs: number;
  /** A sweep has been found; stays. */
  isFound: boolean;
  /** The counts from before the source was last quiet. */
  earlier: Shape | undefined;
  /** Undefined before the third contact that was not accepted: most sources never have it. */
  spell: Spell | undefined;
  /** Until then: the first few of these, three numbers each; and accepted contacts, as services and how often each. */
  few: number[] | undefined;
  pardons: number[] | undefined;
}

export function newSweepState(timeMs: number): SweepState {
  return { lastMs: timeMs, isFound: false, earlier: undefined, spell: undefined, few: undefined, pardons: undefined };
}

/**
 * Takes a contact whose outcome has become known (again, if an answer came late); `hostHash` is a keyed hash of the
 * host's address. True once, when it makes the source a sweeper.
 */
export function noteSweep(
  state: SweepState,
  contact: Pick<Contact, "protocol" | "port" | "kind" | "outcome" | "timeMs" | "isFromRouter">,
  hostHash: number,
  policy: SweepPolicy,
): boolean {
  // Either way: there are files that are sorted newest first.
  if (Math.abs(contact.timeMs - state.lastMs) > policy.quietMs) beginAnew(state, policy);
  state.lastMs = contact.timeMs;
  const service = (contact.protocol << 16) | contact.port;
  if (state.spell === undefined) {
    if (contact.outcome === Outcome.Accepted) {
      pardonLater(state, service, hostHash);
      return false;
    }
    if (state.few === undefined || state.few.length < FEW * 3) {
      keepForLater(state, service, hostHash, contact.outcome);
      return false;
    }
    state.spell = beginSpell(state, policy);
  }
  const failed = take(state.spell, service, hostHash, contact.outcome, policy);
  if (state.isFound || failed < mostHosts(contact, policy)) return false;
  state.isFound = true;
  return true;
}

/** How many hosts of the service have failed, less the pardon; 0 when this contact adds nothing to it. */
function take(spell: Spell, service: number, hostHash: number, outcome: number, policy: SweepPolicy): number {
  const slot = spell.services.slot(service);
  if (outcome === Outcome.Accepted) {
    // An answer that came late takes back what the silence has counted.
    const taken = slot.remove(hostHash) ? 1 : 0;
    spell.pairs -= taken;
    slot.tally -= taken + policy.pardonPerAccepted;
    return 0;
  }
  const added = slot.add(hostHash);
  spell.distinctHosts.add(hostHash);
  if (added === 0) return 0;
  spell.pairs += added;
  const spreadService = spread(service);
  spell.distinctServices.add(spreadService);
  spell.hosts.slot(hostHash).add(spreadService);
  if (outcome === Outcome.Unknown || outcome === Outcome.Pending) return 0;
  slot.tally += added;
  return slot.tally;
}

/** The part of `take` for an accepted contact while there is no spell. */
function pardonLater(state: SweepState, service: number, hostHash: number): void {
  if (state.few !== undefined) state.few = without(state.few, service, hostHash);
  if (state.pardons === undefined) {
    state.pardons = [service, 1];
    return;
  }
  const { pardons } = state;
  let at = 0;
  while (at < pardons.length && pardons[at] !== service) at += 2;
  if (at < pardons.length) pardons[at + 1] = (pardons[at + 1] ?? 0) + 1;
  else if (at < BUSY_SERVICES * 2) state.pardons = pardons.concat(service, 1);
  else {
    // As in Busiest: of services that have nothing against them the newest gives way.
    pardons[at - 2] = service;
    pardons[at - 1] = 1;
  }
}

function keepForLater(state: SweepState, service: number, hostHash: number, outcome: number): void {
  // Lists of just their length: one that grows takes room for sixteen more, as one that is spread into another does.
  const { few = [] } = state;
  state.few = few.concat(service, hostHash, outcome);
}

function without(few: number[], service: number, hostHash: number): number[] {
  for (let at = 0; at < few.length; at += 3) {
    if (few[at] === service && few[at + 1] === hostHash) return few.toSpliced(at, 3);
  }
  return few;
}

function beginSpell({ few = [], pardons = [] }: SweepState, policy: SweepPolicy): Spell {
  const spell: Spell = {
    pairs: 0,
    services: new Busiest(BUSY_SERVICES),
    hosts: new Busiest(BUSY_HOSTS),
    distinctServices: new DistinctHosts(),
    distinctHosts: new DistinctHosts(),
  };
  for (let at = 0; at + 2 < few.length; at += 3) {
    take(spell, few[at] ?? 0, few[at + 1] ?? 0, few[at + 2] ?? 0, policy);
  }
  for (let at = 0; at < pardons.length; at += 2) {
    spell.services.slot(pardons[at] ?? 0).tally -= (pardons[at + 1] ?? 0) * policy.pardonPerAccepted;
  }
  return spell;
}

/** Undefined while there are too few contacts for a shape. */
export function shapeOf(state: SweepState, policy: SweepPolicy): Shape | undefined {
  return shapeNow(state, policy) ?? state.earlier;
}

function shapeNow({ spell }: SweepState, policy: SweepPolicy): Shape | undefined {
  if (spell === undefined) return undefined;
  // The distinct counts still hold contacts that were taken back.
  const hosts = Math.min(spell.pairs, spell.distinctHosts.count);
  const services = Math.min(spell.pairs, spell.distinctServices.count);
  const isWide = hosts >= policy.sweepHosts;
  const isDeep = services >= policy.verticalPorts;
  const dominant = DOMINANT * spell.pairs;
  if (isWide && spell.services.largest >= dominant) return "horizontal";
  if (isDeep && (!isWide || spell.hosts.largest >= dominant)) return "vertical";
  if (!isWide) return undefined;
  return services <= policy.strobePorts ? "strobe" : "block";
}

function beginAnew(state: SweepState, policy: SweepPolicy): void {
  state.earlier = shapeOf(state, policy);
  state.spell = undefined;
  state.few = undefined;
  state.pardons = undefined;
}

function mostHosts(contact: Pick<Contact, "protocol" | "kind" | "isFromRouter">, policy: SweepPolicy): number {
  if (!isLinkQuestion(contact)) return policy.sweepHosts;
  return contact.isFromRouter ? policy.routerSweepHosts : policy.linkSweepHosts;
}

function isLinkQuestion(contact: Pick<Contact, "protocol" | "kind">): boolean {
  return (
    contact.protocol === ARP_PROTOCOL || (contact.protocol === IpProtocol.Icmpv6 && contact.kind === Kind.Neighbor)
  );
}

/** Sketches want numbers that are spread over all 32 bits; a service is not (Knuth's multiplier, then folded). */
function spread(service: number): number {
  const hash = Math.imul(service ^ (service >>> 15), 0x9e3779b1);
  return (hash ^ (hash >>> 16)) | 0;
}

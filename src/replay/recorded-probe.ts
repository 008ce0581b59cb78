// From a stored event back to the probe that it was: what the kernel's sensor had decided, or would have decided with
// other tolerated ports. Facts that older versions did not record are guessed, and the caller counts the guesses.
import { Kind, type KindName, kindAt, kindNames } from "../detect/kinds.ts";
import {
  Disposition,
  type DispositionName,
  dispositionNames,
  evidenceOf,
  type Probe,
  protocolNames,
} from "../detect/probe.ts";
import type { Event } from "../record/event.ts";
import { type Prefix, parsePrefix } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { PortRange } from "../wire/port-range.ts";

/** TOLERATED_PORTS_TCP and TOLERATED_PORTS_UDP. */
export interface Tolerated {
  readonly tcp: readonly PortRange[];
  readonly udp: readonly PortRange[];
}

/** A probe event with its source and time read; the same whatever policy looks at it. */
export interface RecordedProbe {
  readonly source: Prefix;
  readonly timeMs: number;
  readonly protocol: number;
  readonly port: number;
  readonly kind: Kind;
  readonly disposition: Disposition;
  /** The disposition is a guess: the event is of a version that did not record it. */
  readonly isGuess: boolean;
}

const dispositions = Object.values(Disposition);
const protocolNumbers = new Map(Object.entries(protocolNames).map(([number, name]) => [name, Number(number)]));

/** Undefined for an event that is no probe, or names no source, kind and protocol. */
export function readProbe(event: Event, present: Tolerated): RecordedProbe | undefined {
  if (event.type !== "probe" || event.source === undefined || event.kind === undefined) return undefined;
  const source = parsePrefix(event.source);
  const protocol = numberOfProtocol(event.protocol ?? "");
  const timeMs = Date.parse(event.time);
  const kind = kindOf(event.kind);
  if (source === undefined || protocol === undefined || kind === undefined || Number.isNaN(timeMs)) return undefined;
  const port = event.port ?? 0;
  const known = dispositionOf(event.disposition);
  const disposition = known ?? guessDisposition({ protocol, port, kind }, present);
  return { source, timeMs, protocol, port, kind, disposition, isGuess: known === undefined };
}

/** Writes `out` as the sensor would have it with `proposed` tolerated ports, where `present` ones were recorded. */
export function writeProbe(from: RecordedProbe, present: Tolerated, proposed: Tolerated, out: Probe): void {
  const { source, kind, protocol } = from;
  out.source0 = source.w0;
  out.source1 = source.w1;
  out.source2 = source.w2;
  out.source3 = source.w3;
  out.sourceBits = source.bits;
  out.protocol = protocol;
  out.port = from.port;
  out.kind = kind;
  out.disposition = dispositionWith(from, present, proposed);
  // The sensor calls no packet with ACK or RST a probe, so that the flags are not needed.
  out.evidence = evidenceOf(kind, protocol, 0, out.disposition);
  out.timeMs = from.timeMs;
}

type Contact = Pick<RecordedProbe, "protocol" | "port" | "kind">;

/** A lately open port that is not tolerated passes for a closed one here, and a packet to a served one as well. */
function guessDisposition(contact: Contact, present: Tolerated): Disposition {
  const { protocol, kind } = contact;
  if (protocol !== IpProtocol.Tcp && protocol !== IpProtocol.Udp) return Disposition.Other;
  if (kind === Kind.Ack || kind === Kind.Maimon) return Disposition.Stray;
  return isTolerated(contact, present) ? Disposition.Quiet : Disposition.Probe;
}

/** A quiet port that was not tolerated had been open lately, and is so under any policy. */
function dispositionWith(from: RecordedProbe, present: Tolerated, proposed: Tolerated): Disposition {
  const { disposition } = from;
  if (disposition === Disposition.Probe && isTolerated(from, proposed)) return Disposition.Quiet;
  if (disposition !== Disposition.Quiet || !isTolerated(from, present)) return disposition;
  return isTolerated(from, proposed) ? Disposition.Quiet : Disposition.Probe;
}

/** The sensor asks for SYNs and datagrams only. */
function isTolerated({ protocol, port, kind }: Contact, { tcp, udp }: Tolerated): boolean {
  if (kind === Kind.Udp) return protocol === IpProtocol.Udp && holds(udp, port);
  return kind === Kind.Syn && protocol === IpProtocol.Tcp && holds(tcp, port);
}

function holds(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some(({ first, last }) => first <= port && port <= last);
}

/** A newer daemon may know other names; its events are then of no use here. */
function kindOf(name: KindName): Kind | undefined {
  return kindAt(kindNames.indexOf(name));
}

function dispositionOf(name: DispositionName | undefined): Disposition | undefined {
  const index = name === undefined ? -1 : dispositionNames.indexOf(name);
  return dispositions.find((disposition) => disposition === index);
}

/** "tcp", or "ip-47" for one without a name. */
function numberOfProtocol(name: string): number | undefined {
  const number = protocolNumbers.get(name) ?? Number(/^ip-(\d{1,3})$/.exec(name)?.[1] ?? Number.NaN);
  return number >= 0 && number <= 255 ? number : undefined;
}

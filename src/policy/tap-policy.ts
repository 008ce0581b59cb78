// Makes the policy of the tap detectors from the settings.
import type { Settings } from "../config/settings.ts";
import { DEFAULT_COORDINATED } from "../detect/tap/coordinated.ts";
import { DEFAULT_SEQUENTIAL, type SequentialPolicy } from "../detect/tap/sequential.ts";
import { DEFAULT_SWEEP } from "../detect/tap/sweeps.ts";
import {
  DEFAULT_ANSWER_WAIT_MS,
  DEFAULT_MAX_CONTACTS,
  DEFAULT_MAX_SOURCES,
  type TapPolicy,
} from "../detect/tap/tap-rules.ts";
import type { ScorerName } from "../detect/tap/tap-source.ts";
import { DEFAULT_WIDER, type WiderPolicy } from "../detect/wider-prefixes.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import { IpProtocol } from "../wire/packet.ts";
import { PORTS, type PortRange } from "../wire/port-range.ts";

/** Fewer are never assumed. */
const MIN_ADDRESSES = 16;

/** The bounds of the memory. */
export interface TapLimits {
  readonly maxContacts: number;
  readonly maxSources: number;
}

const defaultLimits: TapLimits = { maxContacts: DEFAULT_MAX_CONTACTS, maxSources: DEFAULT_MAX_SOURCES };

/** `homes`: undefined where probes of every address count. */
export function tapPolicy(
  settings: Settings,
  homes: AddressRanges | undefined,
  scorers: ReadonlySet<ScorerName>,
  limits: TapLimits = defaultLimits,
): TapPolicy {
  const { tap } = settings;
  return {
    ...limits,
    scorers,
    homes,
    score: settings,
    sequential: sequentialPolicy(settings),
    sweep: {
      ...DEFAULT_SWEEP,
      sweepHosts: tap.sweepHosts,
      linkSweepHosts: tap.linkSweepHosts,
      pardonPerAccepted: tap.sweepPardon,
      quietMs: tap.sweepQuietMs,
    },
    coordinated: {
      ...DEFAULT_COORDINATED,
      minMembers: tap.coordinatedMembers,
      maxOverlap: tap.coordinatedOverlap,
      alpha: tap.coordinatedAlpha,
      windowMs: tap.coordinatedWindowMs,
      homeAddresses: addressCount(homes),
    },
    wider: widerPolicy(settings),
    breadth: {
      contacts: tap.breadthContacts,
      windowMs: tap.breadthWindowMs,
      pingedHosts: tap.pingedHosts,
      unknownHosts: tap.unknownHosts,
    },
    ignored: new AddressRanges(settings.ignored),
    isTolerated: toleratedBy(settings),
    answerWaitMs: DEFAULT_ANSWER_WAIT_MS,
  };
}

/** The live daemon uses this as well, for hosts behind a gateway that drop. */
export function sequentialPolicy({ tap }: Pick<Settings, "tap">): SequentialPolicy {
  return {
    ...DEFAULT_SEQUENTIAL,
    theta0: tap.sequentialTheta0,
    theta1: tap.sequentialTheta1,
    alpha: tap.sequentialAlpha,
    beta: tap.sequentialBeta,
    lambda0PerSecond: 1000 / tap.sequentialClientGapMs,
    lambda1PerSecond: 1000 / tap.sequentialScannerGapMs,
  };
}

/** The live daemon uses this as well. */
export function widerPolicy({ tap }: Pick<Settings, "tap">): WiderPolicy {
  return {
    ...DEFAULT_WIDER,
    sourcesPer56: tap.widerSources,
    blocksPer48: tap.widerBlocks,
    sourcesPer48: tap.widerSites,
    windowMs: tap.widerWindowMs,
  };
}

/** How many addresses a scan of our networks has to choose from; nobody tries more than a part of an IPv6 network. */
function addressCount(homes: AddressRanges | undefined): number {
  if (homes === undefined) return DEFAULT_COORDINATED.homeAddresses;
  const count = homes.prefixes().reduce((sum, prefix) => sum + 2 ** Math.min(16, 128 - prefix.bits), 0);
  return Math.min(DEFAULT_COORDINATED.homeAddresses, Math.max(MIN_ADDRESSES, count));
}

/** TOLERATED_PORTS_TCP and _UDP, a bit a port: asked once a contact. */
function toleratedBy({ tcp, udp }: Settings): (protocol: number, port: number) => boolean {
  const tcpBits = bitsOf(tcp.tolerated);
  const udpBits = bitsOf(udp.tolerated);
  return (protocol, port) => {
    if (protocol === IpProtocol.Tcp) return tcpBits[port] === 1;
    return protocol === IpProtocol.Udp && udpBits[port] === 1;
  };
}

function bitsOf(ranges: readonly PortRange[]): Uint8Array {
  const bits = new Uint8Array(PORTS);
  for (const { first, last } of ranges) bits.fill(1, first, last + 1);
  return bits;
}

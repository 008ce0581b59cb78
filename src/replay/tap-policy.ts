// From settings to what the tap detectors judge by.
import type { Settings } from "../config/settings.ts";
import { DEFAULT_COORDINATED } from "../detect/tap/coordinated.ts";
import { DEFAULT_SEQUENTIAL } from "../detect/tap/sequential.ts";
import { DEFAULT_SWEEP } from "../detect/tap/sweeps.ts";
import {
  DEFAULT_ANSWER_WAIT_MS,
  DEFAULT_BREADTH,
  DEFAULT_MAX_CONTACTS,
  DEFAULT_MAX_SOURCES,
  type TapPolicy,
} from "../detect/tap/tap-detector.ts";
import { DEFAULT_WIDER } from "../detect/wider-prefixes.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { PortRange } from "../wire/port-range.ts";
import type { ReplaySettings } from "./settings.ts";

const PORTS = 65_536;

export function tapPolicy({ settings, homes, scorers }: ReplaySettings): TapPolicy {
  return {
    scorers,
    score: scorePolicyOf(settings),
    sequential: DEFAULT_SEQUENTIAL,
    sweep: DEFAULT_SWEEP,
    coordinated: DEFAULT_COORDINATED,
    wider: DEFAULT_WIDER,
    breadth: DEFAULT_BREADTH,
    homes: homes.length === 0 ? undefined : new AddressRanges(homes),
    ignored: new AddressRanges(settings.ignored),
    isTolerated: toleratedBy(settings),
    maxContacts: DEFAULT_MAX_CONTACTS,
    maxSources: DEFAULT_MAX_SOURCES,
    answerWaitMs: DEFAULT_ANSWER_WAIT_MS,
  };
}

function scorePolicyOf(settings: Settings): TapPolicy["score"] {
  const { policy, scanTrigger, scorePorts, scoreWindowMs, slowScorePorts, slowScoreWindowMs } = settings;
  return { policy, scanTrigger, scorePorts, scoreWindowMs, slowScorePorts, slowWindowMs: slowScoreWindowMs };
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

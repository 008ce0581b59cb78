// TCP: the meaning of a segment for the contacts. A SYN, or a segment that no stack sends, asks; SYN+ACK and RST answer; all else is
// of a connection, of which the first packets may be older than the capture.
import { IpProtocol, type Packet, TcpFlag } from "../../wire/packet.ts";
import { Outcome, Seen } from "./contact.ts";
import { whatOf } from "./contact-key.ts";
import type { ContactLedger } from "./contact-ledger.ts";
import { NONE } from "./contact-rows.ts";
import { DATA, KERNEL, MUTE, SERVED } from "./contact-state.ts";
import { hasKernelOptions } from "./header-signature.ts";
import type { SynAckSeries } from "./syn-ack-series.ts";
import { isRemnant, kindOfSegment, kindOfTcp } from "./tap-kinds.ts";

const SYN_ACK = TcpFlag.Syn | TcpFlag.Ack;
/** The flags by which a SYN+ACK is told from a packet that no stack sends. */
const OPENING_FLAGS = TcpFlag.Syn | TcpFlag.Ack | TcpFlag.Fin | TcpFlag.Rst | TcpFlag.Urg;
const FIRST_UNPRIVILEGED_PORT = 1_024;
/** Linux hands its clients the ports from here up to 60999 (net.ipv4.ip_local_port_range). */
const FIRST_CLIENT_PORT = 32_768;

export function seeTcp(
  ledger: ContactLedger,
  packet: Packet,
  bytes: Uint8Array,
  series: SynAckSeries,
  timeMs: number,
): Seen {
  const flags = packet.tcpFlags;
  ledger.forward.setForward(packet, whatOf(IpProtocol.Tcp, packet.destinationPort));
  if ((flags & TcpFlag.Syn) !== 0) {
    if ((flags & OPENING_FLAGS) === SYN_ACK) return seeSynAck(ledger, packet, series, timeMs);
    return seeQuestion(ledger, packet, bytes);
  }
  if ((flags & (TcpFlag.Ack | TcpFlag.Rst)) === 0) return seeQuestion(ledger, packet, bytes);
  ledger.reverse.setReverse(packet, whatOf(IpProtocol.Tcp, packet.sourcePort));
  return (flags & TcpFlag.Rst) !== 0 ? seeReset(ledger) : seeSegment(ledger, packet, bytes);
}

/** Whether it goes from a service to a client's port: not what a scan sends, unless it takes a service's port itself. */
export function isFromService(packet: Packet): boolean {
  const from = packet.sourcePort;
  const to = packet.destinationPort;
  return from < FIRST_UNPRIVILEGED_PORT
    ? to >= FIRST_UNPRIVILEGED_PORT
    : from < FIRST_CLIENT_PORT && to >= FIRST_CLIENT_PORT;
}

function seeQuestion(ledger: ContactLedger, packet: Packet, bytes: Uint8Array): Seen {
  const row = ledger.find(ledger.forward);
  const seen = ledger.ask(ledger.forward, row, kindOfTcp(packet));
  ledger.noteSequence(packet.tcpSequence);
  if (seen === Seen.Opens && hasKernelOptions(packet, bytes)) ledger.mark(KERNEL);
  return seen;
}

function seeSynAck(ledger: ContactLedger, packet: Packet, series: SynAckSeries, timeMs: number): Seen {
  ledger.reverse.setReverse(packet, whatOf(IpProtocol.Tcp, packet.sourcePort));
  const asked = ledger.find(ledger.reverse);
  if (asked !== NONE) return ledger.answer(asked, Outcome.Accepted);
  // Looked up for its hash as well.
  const own = ledger.find(ledger.forward);
  if (series.note(ledger.forward.hash, packet.sourcePort, timeMs)) return Seen.IdProbe;
  return own === NONE ? Seen.Backscatter : Seen.Late;
}

function seeReset(ledger: ContactLedger): Seen {
  const asked = ledger.find(ledger.reverse);
  if (asked !== NONE) return ledger.answer(asked, Outcome.Refused);
  const own = ledger.find(ledger.forward);
  return own === NONE ? Seen.Backscatter : ledger.breakOff(own);
}

function seeSegment(ledger: ContactLedger, packet: Packet, bytes: Uint8Array): Seen {
  ledger.waits.hearSegment();
  const kind = kindOfSegment(packet.tcpFlags);
  const flags = packet.payloadBytes > 0 ? DATA : 0;
  // Services have the lower port, so one look-up will do for most.
  const isFromAsked = packet.sourcePort < packet.destinationPort;
  if (isFromAsked) {
    const asked = ledger.find(ledger.reverse);
    if (asked !== NONE) return ledger.answer(asked, Outcome.Accepted);
  }
  const own = ledger.find(ledger.forward);
  if (own !== NONE) return ledger.goOn(own, kind, flags);
  if (!isFromAsked) {
    const asked = ledger.find(ledger.reverse);
    if (asked !== NONE) return ledger.answer(asked, Outcome.Accepted);
  }
  if (isFromService(packet)) return ledger.hold(ledger.forward, kind, flags | SERVED);
  return ledger.hold(ledger.forward, kind, isRemnant(packet, bytes, kind) ? flags | MUTE : flags);
}

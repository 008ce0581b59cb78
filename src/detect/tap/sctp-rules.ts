// SCTP: an INIT asks, a COOKIE-ECHO without one asks too (nmap -sZ); INIT-ACK and ABORT answer (RFC 9260 section 5).
import { IpProtocol, type Packet } from "../../wire/packet.ts";
import { Kind } from "../kinds.ts";
import { Outcome, Seen } from "./contact.ts";
import { whatOf } from "./contact-key.ts";
import type { ContactLedger } from "./contact-ledger.ts";
import { NONE } from "./contact-rows.ts";

const Chunk = { Init: 1, InitAck: 2, Abort: 6, CookieEcho: 10, CookieAck: 11 } as const;

export function seeSctp(ledger: ContactLedger, packet: Packet): Seen {
  const chunk = packet.sctpChunkType;
  ledger.forward.setForward(packet, whatOf(IpProtocol.Sctp, packet.destinationPort));
  const own = ledger.find(ledger.forward);
  if (chunk === Chunk.Init) return ledger.ask(ledger.forward, own, Kind.SctpInit);
  ledger.reverse.setReverse(packet, whatOf(IpProtocol.Sctp, packet.sourcePort));
  const asked = ledger.find(ledger.reverse);
  if (asked !== NONE) return ledger.answer(asked, chunk === Chunk.Abort ? Outcome.Refused : Outcome.Accepted);
  if (chunk === Chunk.CookieEcho) return ledger.ask(ledger.forward, own, Kind.SctpCookieEcho);
  if (own !== NONE) return ledger.breakOff(own);
  // Of an association that is older than the capture, or an answer to a forger.
  const isAnswer = chunk === Chunk.InitAck || chunk === Chunk.Abort || chunk === Chunk.CookieAck;
  return isAnswer ? Seen.Backscatter : Seen.Late;
}

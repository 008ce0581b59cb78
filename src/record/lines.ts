// PortSentry 1.2's wording, byte for byte: fail2ban, logcheck and SIEM rules match these lines, so they say
// "PortSentry 1.2" and keep the leading space of " TCP NULL scan". Pure; what is said when is for recorder.ts.
import { Kind, protocolName } from "../detect/probe.ts";
import { IpProtocol, TcpFlag } from "../wire/packet.ts";

export interface Line {
  readonly tag: "adminalert" | "attackalert" | "securityalert";
  /** Complete, tag included, without a newline. */
  readonly text: string;
  /** Whether 1.2 ends the syslog datagram in "\n" (its admin lines do, its attack lines do not). */
  readonly newline: boolean;
}

/** What a detection line tells; Probe and Finding both have it. */
export interface Contact {
  readonly kind: Kind;
  readonly protocol: number;
  readonly port: number;
  readonly tcpFlags: number;
}

function admin(text: string): Line {
  return { tag: "adminalert", text: `adminalert: ${text}`, newline: true };
}

function attack(text: string): Line {
  return { tag: "attackalert", text: `attackalert: ${text}`, newline: false };
}

export const startingLine: Line = admin("PortSentry 1.2 is starting.");
export const listeningLine: Line = admin("PortSentry is now active and listening.");
export const shuttingDownLines: readonly Line[] = [
  { tag: "securityalert", text: "securityalert: PortSentry is shutting down", newline: true },
  admin("PortSentry is shutting down"),
];

/** Lines that 1.2 did not have. */
export function noticeLine(message: string): Line {
  return admin(message);
}

export function warningLine(message: string): Line {
  return admin(`WARNING: ${message}`);
}

/**
 * 1.2's "name/address" of a source, both the address when no name is known. Of an address block the second half
 * is its first address: readers such as fail2ban take what follows the last "/" for a host.
 */
export function hostPair(sourceText: string): string {
  const slash = sourceText.indexOf("/");
  return `${sourceText}/${slash < 0 ? sourceText : sourceText.slice(0, slash)}`;
}

export function protocolLabel(protocol: number): string {
  return protocolName(protocol).toUpperCase();
}

export function detectionLine(contact: Contact, sourceText: string): Line {
  const where = `host: ${hostPair(sourceText)} to ${protocolLabel(contact.protocol)} port: ${contact.port}`;
  return attack(contact.kind === Kind.Connect ? `Connect from ${where}` : `${scanName(contact)} from ${where}`);
}

function scanName(contact: Contact): string {
  // Protocols that 1.2 never saw follow the form of its UDP line.
  if (contact.protocol !== IpProtocol.Tcp) return `${protocolLabel(contact.protocol)} scan`;
  switch (contact.kind) {
    case Kind.Null:
      return " TCP NULL scan";
    case Kind.Xmas:
      return "TCP XMAS scan";
    case Kind.Fin:
      return "TCP FIN scan";
    case Kind.Syn:
      return "TCP SYN/Normal scan";
    case Kind.Connect:
    case Kind.SynFin:
    case Kind.Ack:
    case Kind.Maimon:
    case Kind.Udp:
    case Kind.Unknown:
      return unknownType(contact.tcpFlags);
  }
}

function unknownType(flags: number): string {
  const bit = (mask: number) => ((flags & mask) === 0 ? 0 : 1);
  return (
    `Unknown Type: TCP Packet Flags: SYN: ${bit(TcpFlag.Syn)} FIN: ${bit(TcpFlag.Fin)} ACK: ${bit(TcpFlag.Ack)} ` +
    `PSH: ${bit(TcpFlag.Psh)} URG: ${bit(TcpFlag.Urg)} RST: ${bit(TcpFlag.Rst)}`
  );
}

export function ipOptionsLine(contact: Contact, sourceText: string): Line {
  const where = `host: ${hostPair(sourceText)} to ${protocolLabel(contact.protocol)} port: ${contact.port}`;
  return attack(`Packet from ${where} has IP options set (detection avoidance technique).`);
}

/** The form of the stealth modes, which has no dot. */
export function alreadyBlockedLine(sourceText: string): Line {
  return attack(`Host: ${hostPair(sourceText)} is already blocked Ignoring`);
}

export function ignoringResponseLine(protocol: number): Line {
  return attack(`Ignoring ${protocolLabel(protocol)} response per configuration file setting.`);
}

export function blockedByRouteLine(sourceText: string, command: string): Line {
  return attack(`Host ${sourceText} has been blocked via dropped route using command: "${command}"`);
}

/** The form of every mode but -stcp. */
export function couldNotBlockLine(sourceText: string): Line {
  return attack(`ERROR: Could not block host ${hostPair(sourceText)}!!`);
}

// PortSentry 1.2's wording, byte for byte: fail2ban, logcheck and SIEM rules match these lines, so they say
// "PortSentry 1.2" and keep the leading space of " TCP NULL scan". Pure; recorder.ts decides when a line is written.
import { type Kind, kinds } from "../detect/kinds.ts";
import { protocolName } from "../detect/probe.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { IpProtocol, TcpFlag } from "../wire/packet.ts";

export interface Line {
  /** "none": a line of 2.x, or one of 1.2's few without a tag. */
  readonly tag: "adminalert" | "attackalert" | "securityalert" | "none";
  /** Complete, tag included, without a newline. */
  readonly text: string;
  /** Whether 1.2 ends the syslog datagram in "\n" (its admin lines do, its attack lines do not). */
  readonly newline: boolean;
  /** 2.x's errors: severity err, and stderr. 1.2 has one severity for all. */
  readonly severity?: "error";
}

/** The fields of a detection line; Probe and Finding both have them. */
export interface Contact {
  readonly kind: Kind;
  readonly protocol: number;
  readonly port: number;
  readonly tcpFlags: number;
  /** Present: not this host was asked, but this one behind it (PROTECT). */
  readonly host?: Prefix;
}

/** What follows a port, where it is another host's. */
export function ofHost({ host }: Pick<Contact, "host">): string {
  return host === undefined ? "" : ` of ${formatPrefix(host)}`;
}

export function admin(text: string): Line {
  return { tag: "adminalert", text: `adminalert: ${text}`, newline: true };
}

export function attack(text: string): Line {
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
 * 1.2's "name/address" of a source, both the address when no name is known. The second half of an address block
 * is its first address: readers such as fail2ban take the text after the last "/" for a host.
 */
export function hostPair(sourceText: string, name = sourceText): string {
  return `${name}/${firstAddress(sourceText)}`;
}

export function firstAddress(sourceText: string): string {
  const slash = sourceText.indexOf("/");
  return slash < 0 ? sourceText : sourceText.slice(0, slash);
}

export function protocolLabel(protocol: number): string {
  return protocolName(protocol).toUpperCase();
}

export function detectionLine(contact: Contact, sourceText: string, name = sourceText): Line {
  const where = `host: ${hostPair(sourceText, name)} to ${protocolLabel(contact.protocol)} port: ${contact.port}${ofHost(contact)}`;
  return attack(`${scanName(contact)} from ${where}`);
}

/** FIN, PSH and URG together are XMAS to PortSentry, whatever else is set. */
const XMAS_FLAGS = TcpFlag.Fin | TcpFlag.Psh | TcpFlag.Urg;

export function scanName(contact: Contact): string {
  const { portsentry } = kinds[contact.kind];
  if (portsentry !== undefined) return portsentry;
  // Protocols that 1.2 never saw follow the form of its UDP line.
  if (contact.protocol !== IpProtocol.Tcp) return `${protocolLabel(contact.protocol)} scan`;
  return (contact.tcpFlags & XMAS_FLAGS) === XMAS_FLAGS ? "TCP XMAS scan" : unknownType(contact.tcpFlags);
}

function unknownType(flags: number): string {
  const bit = (mask: number) => ((flags & mask) === 0 ? 0 : 1);
  return (
    `Unknown Type: TCP Packet Flags: SYN: ${bit(TcpFlag.Syn)} FIN: ${bit(TcpFlag.Fin)} ACK: ${bit(TcpFlag.Ack)} ` +
    `PSH: ${bit(TcpFlag.Psh)} URG: ${bit(TcpFlag.Urg)} RST: ${bit(TcpFlag.Rst)}`
  );
}

export function ipOptionsLine(contact: Contact, sourceText: string, name = sourceText): Line {
  const where = `host: ${hostPair(sourceText, name)} to ${protocolLabel(contact.protocol)} port: ${contact.port}`;
  return attack(`Packet from ${where} has IP options set (detection avoidance technique).`);
}

/** 1.2's modes with real listeners ("tcp", "udp") have wordings of their own. */
function isClassic(modeName: string): boolean {
  return modeName === "tcp" || modeName === "udp";
}

/** `modeName` as $MODE$ prints it; the form of the stealth modes has no dot. */
export function alreadyBlockedLine(sourceText: string, name = sourceText, modeName = "stcp"): Line {
  if (isClassic(modeName)) return attack(`Host: ${sourceText} is already blocked. Ignoring`);
  return attack(`Host: ${hostPair(sourceText, name)} is already blocked Ignoring`);
}

export function ignoringResponseLine(protocol: number): Line {
  return attack(`Ignoring ${protocolLabel(protocol)} response per configuration file setting.`);
}

export function blockedByRouteLine(sourceText: string, command: string): Line {
  return attack(`Host ${sourceText} has been blocked via dropped route using command: "${command}"`);
}

export function blockedByWrappersLine(sourceText: string, entry: string): Line {
  return attack(`Host ${sourceText} has been blocked via wrappers with string: "${entry}"`);
}

export function commandRunLine(sourceText: string, command: string): Line {
  return attack(`External command run for host: ${sourceText} using command: "${command}"`);
}

/** 1.2's three forms: the classic modes name the address only, -stcp has a blank before "!!", the others have none. */
export function couldNotBlockLine(sourceText: string, name = sourceText, modeName = "atcp"): Line {
  if (isClassic(modeName)) return attack(`ERROR: Could not block host ${sourceText} !!`);
  return attack(`ERROR: Could not block host ${hostPair(sourceText, name)}${modeName === "stcp" ? " " : ""}!!`);
}

/**
 * 1.2's line for a command that could not be run ("exec fail"), with what really happened in its place; 1.2 itself
 * took every exit code but 127 for success. The command follows, so that the administrator can try it.
 */
export function commandFailedLine(purpose: "block host" | "run command", failure: CommandFailure): Line {
  const { sourceText, detail, command } = failure;
  return admin(`ERROR: There was an error trying to ${purpose} (${detail}) ${sourceText}: "${command}"`);
}

export interface CommandFailure {
  readonly sourceText: string;
  readonly command: string;
  /** "exit code 1", "SIGKILL after 10 s", "ENOENT" ... */
  readonly detail: string;
}

/** The line of 1.2 after hosts.deny could not be written. */
export function wrappersFailedLine(sourceText: string): Line {
  const text = `securityalert: ERROR: There was an error trying to block host ${sourceText}`;
  return { tag: "securityalert", text, newline: true };
}

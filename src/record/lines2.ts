// PortSentry 2.x's wording, byte for byte (2.0.7): one "Scan from:" line for each packet, which says in fields what
// was made of it. fail2ban's filter for 2.x reads the same line in the history file. Pure.
import { Kind } from "../detect/kinds.ts";
import { formatPrefix } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import {
  type CommandFailure,
  type Contact,
  firstAddress,
  hostPair,
  type Line,
  protocolLabel,
  scanName,
} from "./lines.ts";

/** undefined prints as "unset": the packet did not get as far as that question. */
export interface ScanFlags {
  readonly ignored?: boolean | undefined;
  readonly triggered?: boolean | undefined;
  readonly noblock?: boolean | undefined;
  readonly blocked?: boolean | undefined;
}

export interface ScanFacts {
  readonly contact: Contact;
  readonly hasIpOptions: boolean;
  readonly sourceText: string;
  /** Its name, or the same text. */
  readonly name: string;
  readonly flags: ScanFlags;
}

export function plainLine(text: string): Line {
  return { tag: "none", text, newline: false };
}

export function errorLine(text: string): Line {
  return { tag: "none", text, newline: false, severity: "error" };
}

/** 2.x prints its own commit in the brackets. */
export function versionLine(version: string): Line {
  return plainLine(`Portsentry 2.0.7 (portreeve ${version})`);
}

export const listeningLine2: Line = plainLine("Portsentry is now active and listening.");
export const shuttingDownLine2: Line = plainLine("Portsentry is shutting down");

/** The brackets hold the first address of an address block: fail2ban reads them as a host. */
export function scanText({ contact, hasIpOptions, sourceText, name, flags }: ScanFacts): string {
  return (
    `Scan from: [${firstAddress(sourceText)}] (${name}) protocol: [${protocolLabel(contact.protocol)}] ` +
    `port: [${contact.port}] type: [${scanType(contact)}] IP opts: [${ipOptions(contact, hasIpOptions)}] ` +
    `ignored: [${flagText(flags.ignored)}] triggered: [${flagText(flags.triggered)}] ` +
    `noblock: [${flagText(flags.noblock)}] blocked: [${flagText(flags.blocked)}]${hostText(contact)}`
  );
}

/** A field more, where a host behind this one was asked. */
function hostText({ host }: Contact): string {
  return host === undefined ? "" : ` host: [${formatPrefix(host)}]`;
}

function scanType(contact: Contact): string {
  const isDatagram = contact.protocol !== IpProtocol.Tcp && contact.kind !== Kind.Connect;
  // 2.x took the blank out of 1.2's " TCP NULL scan".
  return isDatagram ? protocolLabel(contact.protocol) : scanName(contact).trimStart();
}

/** A listener sees connections and no headers. */
function ipOptions(contact: Contact, hasIpOptions: boolean): string {
  if (contact.kind === Kind.Connect) return "unknown";
  return hasIpOptions ? "set" : "not set";
}

function flagText(flag: boolean | undefined): string {
  return flag === undefined ? "unset" : String(flag);
}

export function scanLine(facts: ScanFacts): Line {
  return plainLine(scanText(facts));
}

/** "2026-11-22T09:36:09.335+0000 Scan from: ...": the time is local, with its offset from UTC. */
export function scanHistoryLine(timeMs: number, facts: ScanFacts): string {
  return `${offsetTime(new Date(timeMs))} ${scanText(facts)}`;
}

/** strftime's "%Y-%m-%dT%H:%M:%S." with milliseconds and "%z". */
export function offsetTime(time: Date): string {
  const date = `${digits(time.getFullYear(), 4)}-${digits(time.getMonth() + 1, 2)}-${digits(time.getDate(), 2)}`;
  const clock = `${digits(time.getHours(), 2)}:${digits(time.getMinutes(), 2)}:${digits(time.getSeconds(), 2)}`;
  const east = -time.getTimezoneOffset();
  const offset = `${east < 0 ? "-" : "+"}${digits(Math.floor(Math.abs(east) / 60), 2)}${digits(Math.abs(east) % 60, 2)}`;
  return `${date}T${clock}.${digits(time.getMilliseconds(), 3)}${offset}`;
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

export function alreadyBlockedLine2(sourceText: string, name: string): Line {
  return plainLine(`attackalert: Host: ${hostPair(sourceText, name)} is already blocked Ignoring`);
}

/** 2.x's -v. */
export function ignoredLine2(sourceText: string, ignoreFile: string): Line {
  return plainLine(`Host: ${sourceText} found in ignore file ${ignoreFile}, aborting actions`);
}

/** 2.x's -d. It knows only the sender that is the receiver; other addresses of this host are left alone as well. */
export function ownSourceLine2(sourceText: string, isToItself: boolean): Line {
  const what = isToItself ? `same as destination address ${sourceText}` : "is an address of this host";
  return plainLine(`debug: Source address ${sourceText} ${what}, skipping`);
}

export function disposeFailedLine(sourceText: string, name: string): Line {
  return errorLine(`attackalert: Error during target dispose ${hostPair(sourceText, name)}!`);
}

/** 2.x's "(exec fail)" line, with what really happened in its place, and the command. */
export function commandFailedLine2(purpose: "block host" | "run command", failure: CommandFailure): Line {
  const { sourceText, detail, command } = failure;
  return errorLine(`There was an error trying to ${purpose} (${detail}) ${sourceText}: "${command}"`);
}

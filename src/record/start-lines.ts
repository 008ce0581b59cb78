// The lines of PortSentry 1.2 while it starts: modes, ports, exclusions, and the errors that keep it from starting. Byte for byte,
// the blanks at line ends and the missing newlines included. Pure; src/record/lines.ts has the lines about scans.
import { admin, type Line, protocolLabel } from "./lines.ts";

/** Above this many ports one line stands for the rest: a list with ranges may name 65,535 of them. */
const MAX_PORT_LINES = 1024;

export interface ModeFacts {
  /** "tcp", "stcp", "atcp", "udp", "sudp" or "audp"; 1.2 had no other mode, so any other mode gets no line. */
  readonly modeName: string;
  readonly protocol: number;
  /** The ports of the listed modes, in the file's order. */
  readonly ports: readonly number[];
  /** The bound of the advanced modes. */
  readonly below: number;
  readonly excluded: readonly number[];
  /** Ports that a program serves now; ascending. */
  readonly inUse: readonly number[];
}

/** The lines between "is starting." and "is now active and listening.", in 1.2's order. */
export function modeLines(facts: ModeFacts): Line[] {
  switch (facts.modeName) {
    case "tcp":
    case "udp":
      return listedLines(facts, listenModeLine, (port) => couldNotBindLine(facts.protocol, port));
    case "stcp":
    case "sudp":
      return listedLines(facts, stealthModeLine, socketInUseLine);
    case "atcp":
    case "audp":
      return advancedLines(facts);
    default:
      return [];
  }
}

function listedLines(
  { protocol, ports, inUse }: ModeFacts,
  mode: (protocol: number, port: number) => Line,
  taken: (port: number) => Line,
): Line[] {
  const busy = new Set(inUse);
  return bounded(ports, (port) => (busy.has(port) ? [mode(protocol, port), taken(port)] : [mode(protocol, port)]));
}

function advancedLines({ protocol, below, excluded, inUse }: ModeFacts): Line[] {
  const watchedInUse = inUse.filter((port) => port < below);
  return [
    unended(`Advanced mode will monitor first ${below} ports`),
    ...(excluded.length === 0
      ? [unended("Advanced mode will manually exclude no ports")]
      : bounded(excluded, (port) => [unended(`Advanced mode will manually exclude port: ${port} `)])),
    ...bounded([...watchedInUse, ...excluded], (port) => [ignoredPortLine(protocol, port)]),
  ];
}

function bounded(ports: readonly number[], linesOf: (port: number) => Line[]): Line[] {
  const lines = ports.slice(0, MAX_PORT_LINES).flatMap(linesOf);
  const more = ports.length - MAX_PORT_LINES;
  return more > 0 ? [...lines, admin(`... and ${more} more ports`)] : lines;
}

/** An admin line that 1.2 sends without its newline. */
function unended(text: string): Line {
  return { ...admin(text), newline: false };
}

export function listenModeLine(protocol: number, port: number): Line {
  return admin(`Going into listen mode on ${protocolLabel(protocol)} port: ${port}`);
}

export function stealthModeLine(protocol: number, port: number): Line {
  return admin(`Going into stealth listen mode on ${protocolLabel(protocol)} port: ${port}`);
}

export function ignoredPortLine(protocol: number, port: number): Line {
  return admin(`Advanced Stealth scan detection mode activated. Ignored ${protocolLabel(protocol)} port: ${port}`);
}

export function couldNotBindLine(protocol: number, port: number): Line {
  return admin(`ERROR: could not bind ${protocolLabel(protocol)} socket: ${port}. Attempting to continue`);
}

export function socketInUseLine(port: number): Line {
  return admin(`ERROR: Socket ${port} is in use and will not be monitored. Attempting to continue`);
}

export function cannotOpenConfigLine(file: string): Line {
  return admin(`Cannot open config file: ${file}. Exiting`);
}

export const configMissingLine: Line = admin("ERROR: Configuration files are missing/corrupted. Shutting down.");
export const configCorruptedLine: Line = admin(
  "ERROR: Your config file is corrupted/missing mandatory option! Shutting down.",
);
export const noModeLine: Line = admin("ERROR: could not go into PortSentry mode. Shutting down.");

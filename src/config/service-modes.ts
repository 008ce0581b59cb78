// /etc/default/portsentry: the modes in which the init script and the unit start the daemon, whatever the configuration says.
import { escapeWord } from "../base/escape.ts";
import type { TcpMode, UdpMode } from "./options.ts";
import { type ReadFile, tryRead } from "./read.ts";

export const SERVICE_MODES_FILE = "/etc/default/portsentry";

const tcpModes: readonly TcpMode[] = ["tcp", "stcp", "atcp"];
const udpModes: readonly UdpMode[] = ["udp", "sudp", "audp"];

export interface ServiceModes {
  /** Absent: this protocol is not watched. */
  readonly tcpMode?: TcpMode;
  readonly udpMode?: UdpMode;
  /** Why the service does not start; no mode is told then. "" when it does. */
  readonly fault: string;
}

/** Undefined where there is no such file, and so no service that reads it. */
export function readServiceModes(readFile: ReadFile): ServiceModes | undefined {
  const read = tryRead(SERVICE_MODES_FILE, readFile);
  if ("fault" in read) return undefined;
  const text = Buffer.from(read.bytes).toString("latin1");
  const [tcp, udp] = [lastValue(text, "TCP_MODE"), lastValue(text, "UDP_MODE")];
  const tcpMode = tcpModes.find((mode) => mode === tcp);
  const udpMode = udpModes.find((mode) => mode === udp);
  const fault = faultOf(tcp, tcpMode) || faultOf(udp, udpMode) || (tcp + udp === "" ? "it names no mode" : "");
  if (fault !== "") return { fault };
  return { ...(tcpMode !== undefined && { tcpMode }), ...(udpMode !== undefined && { udpMode }), fault };
}

/** Of the shell's assignments the last one counts. "" where there is none. */
function lastValue(text: string, name: string): string {
  const matches = [
    ...text.matchAll(new RegExp(`^[ \\t]*(?:export[ \\t]+)?${name}=(?:"([^"\\n]*)"|'([^'\\n]*)'|([^\\s;#]*))`, "gm")),
  ];
  const [, double, single, bare] = matches.at(-1) ?? [];
  return double ?? single ?? bare ?? "";
}

function faultOf(value: string, mode: string | undefined): string {
  return value !== "" && mode === undefined ? `"${escapeWord(value)}" is no mode` : "";
}

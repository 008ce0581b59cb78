// PortSentry's two command lines, parsed: which generation is meant, and what it asks for. Pure: it prints nothing.
// 1.2: exactly one of six flags. 2.x: getopt's options, short ones joined or apart. docs/decisions/0007.
import { parseArgs } from "node:util";
import { messageOf } from "../base/errors.ts";
import type { TcpMode, UdpMode } from "../config/options.ts";
import type { Switches } from "../config/settings.ts";
import { isInterfaceName } from "../config/values.ts";
import type { RunOptions } from "../service/run-options.ts";

export interface Line1 {
  readonly generation: 1;
  readonly tcpMode: TcpMode | undefined;
  readonly udpMode: UdpMode | undefined;
  readonly confFile: string | undefined;
}

export interface Line2 {
  readonly generation: 2;
  readonly mode: "stealth" | "connect";
  readonly log: RunOptions["log"];
  readonly confFile: string | undefined;
  readonly daemon: boolean;
  /** None: INTERFACE says which, and without it all but the loopback are watched. */
  readonly interfaces: readonly string[];
  readonly switches: Switches;
}

export type ParsedLine =
  | Line1
  | Line2
  /** No argument: the configuration decides what that means. */
  | { readonly generation: "unsaid" }
  /** Not a command line of 1.2: its usage. */
  | { readonly generation: 1; readonly wrong: true }
  | { readonly generation: 2; readonly wrong: string }
  | { readonly generation: 2; readonly show: "help" | "version" };

const tcpFlags = new Map<string, TcpMode>([
  ["-tcp", "tcp"],
  ["-stcp", "stcp"],
  ["-atcp", "atcp"],
]);
const udpFlags = new Map<string, UdpMode>([
  ["-udp", "udp"],
  ["-sudp", "sudp"],
  ["-audp", "audp"],
]);

export function parsePortsentryLine(args: readonly string[]): ParsedLine {
  if (args.length === 0) return { generation: "unsaid" };
  const isFlag1 = (arg: string) => tcpFlags.has(arg) || udpFlags.has(arg);
  if (args.some(isFlag1) || !args.some(looksLikeLine2)) return parseLine1(args);
  return parseLine2(args);
}

const letters2 = "clmiLSDdvhV";

/** An option that 2.x has: "--stealth", "-l", "-Dv". An option that neither generation knows gets 1.2's usage. */
function looksLikeLine2(arg: string): boolean {
  if (arg.startsWith("--")) return Object.hasOwn(options2, arg.slice(2).split("=")[0] ?? "");
  return arg.startsWith("-") && arg.length > 1 && letters2.includes(arg.charAt(1));
}

/** One TCP flag, one UDP flag, or one of each; and -c FILE, which 1.2 did not have. */
function parseLine1(args: readonly string[]): ParsedLine {
  let tcpMode: TcpMode | undefined;
  let udpMode: UdpMode | undefined;
  let confFile: string | undefined;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    const tcp = tcpFlags.get(arg);
    const udp = udpFlags.get(arg);
    const file = arg === "-c" ? args[++i] : undefined;
    const fits =
      (tcp !== undefined && tcpMode === undefined) ||
      (udp !== undefined && udpMode === undefined) ||
      (file !== undefined && file !== "" && confFile === undefined);
    if (!fits) return { generation: 1, wrong: true };
    tcpMode ??= tcp;
    udpMode ??= udp;
    confFile ??= file;
  }
  if (tcpMode === undefined && udpMode === undefined) return { generation: 1, wrong: true };
  return { generation: 1, tcpMode, udpMode, confFile };
}

const options2 = {
  stealth: { type: "boolean" },
  connect: { type: "boolean" },
  interface: { type: "string", short: "i", multiple: true },
  logoutput: { type: "string", short: "l" },
  configfile: { type: "string", short: "c" },
  method: { type: "string", short: "m" },
  "disable-local-check": { type: "boolean", short: "L" },
  "disable-service-check": { type: "boolean", short: "S" },
  daemon: { type: "boolean", short: "D" },
  debug: { type: "boolean", short: "d" },
  verbose: { type: "boolean", short: "v" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "V" },
} as const;

function parseLine2(args: readonly string[]): ParsedLine {
  const wrong = (message: string) => ({ generation: 2, wrong: message }) as const;
  try {
    const { values } = parseArgs({ args: [...args], options: options2, allowPositionals: false, strict: true });
    if (values.help) return { generation: 2, show: "help" };
    if (values.version) return { generation: 2, show: "version" };
    const fault = faultOf(values);
    if (fault !== undefined) return wrong(fault);
    return {
      generation: 2,
      mode: values.connect ? "connect" : "stealth",
      log: values.logoutput === "syslog" ? "syslog" : "stdout",
      confFile: values.configfile,
      daemon: values.daemon === true,
      interfaces: interfacesOf(values),
      switches: {
        countsOwn: values["disable-local-check"] === true,
        countsServed: values["disable-service-check"] === true,
        verbose: values.verbose === true,
        debug: values.debug === true,
      },
    };
  } catch (error) {
    return wrong(messageOf(error));
  }
}

type Values2 = ReturnType<typeof parseArgs<{ options: typeof options2 }>>["values"];

/** In 2.x's words. */
function faultOf({ stealth, connect, interface: names = [], logoutput, method, configfile }: Values2) {
  if (stealth && connect) return "Only one mode can be specified, Use only one of --stealth or --connect";
  if (interfaceKinds(names) > 1) return "Only one interface type can be specified (ALL, ALL_NLO or interfaces)";
  const unknown = names.find((name) => !isInterfaceName(name));
  if (unknown !== undefined) return `Invalid interface name specified: ${unknown}`;
  if (logoutput !== undefined && logoutput !== "stdout" && logoutput !== "syslog")
    return "Invalid log output specified (stdout or syslog)";
  if (method !== undefined && method !== "pcap" && method !== "raw")
    return "Invalid sentry method specified (pcap or raw)";
  return configfile === "" ? "No configuration file specified" : undefined;
}

function interfaceKinds(names: readonly string[]): number {
  return new Set(names.map((name) => (name === "ALL" || name === "ALL_NLO" ? name : "named"))).size;
}

/** 2.x hears all interfaces, the loopback among them, with raw sockets. */
function interfacesOf({ interface: names = [], method }: Values2): readonly string[] {
  return names.length === 0 && method === "raw" ? ["ALL"] : names;
}

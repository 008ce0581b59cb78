// The parsed configuration: the one typed value that daemon/ hands out to the rooms.
import type { LogFormat } from "../base/log-format.ts";
import type { Prefix } from "../wire/address.ts";
import type { PortRange } from "../wire/port-range.ts";
import type { Values } from "./key.ts";
import type { plainKeys, responseKeys } from "./keys.ts";
import type { ResearchEntry } from "./research-file.ts";
import type { tapKeys } from "./tap-keys.ts";

/** How a protocol's ports are watched: every closed port that `watched` lists, or real listeners on them. */
export interface WatchSettings {
  /** TCP_MODE, UDP_MODE: "all" (the key is empty), "listed" (stcp, sudp), "advanced" (atcp, audp), "listen" (tcp, udp). */
  readonly mode: "all" | "listed" | "advanced" | "listen";
  /** What $MODE$ prints: tcp, stcp, atcp, udp, sudp, audp; of generation 2: stealth, connect. */
  readonly modeName: string;
  /** False: not watched at all, as UDP with `portsentry -stcp`; then `watched` is empty and nothing is done to anyone. */
  readonly active: boolean;
  /** Ports to watch, exclusions already taken out; sorted, disjoint and not adjacent, as in every list here. */
  readonly watched: readonly PortRange[];
  /** TOLERATED_PORTS_*: closed, yet weak evidence only. */
  readonly tolerated: readonly PortRange[];
  /** PUBLIC_PORTS_*: served ports that neither a hold nor a soft block cuts. */
  readonly publicPorts: readonly PortRange[];
  /** BLOCK_TCP, BLOCK_UDP: "1" = true; "0" and "2" = false. */
  readonly block: boolean;
  /** BLOCK_TCP, BLOCK_UDP: "2" = true: only KILL_RUN_CMD runs; nothing is held or blocked. */
  readonly runOnly: boolean;
}

/** The switches of 2.x's command line that change what is watched and said; all are false elsewhere. */
export interface Switches {
  /** -L: packets of this host to itself count as anybody's. */
  readonly countsOwn: boolean;
  /** -S: a port that a program serves is a trap like a closed one. */
  readonly countsServed: boolean;
  /** -v: what is passed over because of IGNORE_FILE is said. */
  readonly verbose: boolean;
  /** -d: settings, arrivals and what is passed over are said in lines that begin with "debug: ". */
  readonly debug: boolean;
}

/** PortSentry's own answers to a scanner; templates as they stand in the file, checked, placeholders not filled in. */
export interface ResponseSettings extends Values<typeof responseKeys> {
  /** The file into which the line of KILL_HOSTS_DENY is written. */
  readonly hostsDenyFile: string;
  /** Commands are run for IPv6 sources as they stand (2.x). Absent: only where an IPv6 form of them is known. */
  readonly takesIpv6?: boolean;
}

/** The thresholds where both sides of the traffic are seen; docs/reference/detection.md has the meaning of each. */
export interface TapSettings extends Values<typeof tapKeys> {
  /** The entries of the file of KNOWN_SCANNERS. */
  readonly known: readonly ResearchEntry[];
}

/** A key that is a setting by itself stands in keys.ts only; these settings are made from keys, files and the command line. */
export interface Settings extends Omit<Values<typeof plainKeys>, "blockTimeMs" | "logFormat"> {
  /** The file this was read from. */
  readonly file: string;
  readonly tcp: WatchSettings;
  readonly udp: WatchSettings;
  /** The generation of PortSentry that the command line or the file is written for. */
  readonly generation: 1 | 2;
  readonly switches: Switches;
  readonly responses: ResponseSettings;
  /** undefined = for ever ("0"). */
  readonly blockTimeMs: number | undefined;
  readonly logFormat: LogFormat;
  /** Blocks of addresses from IGNORE_FILE. */
  readonly ignored: readonly Prefix[];
  readonly tap: TapSettings;
}

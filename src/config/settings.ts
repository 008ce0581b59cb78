// What the configuration file means, parsed: the one typed value that daemon/ hands out to the rooms.
import type { Prefix } from "../wire/address.ts";

/** Inclusive; first <= last; sorted, disjoint and not adjacent within a list. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** How a protocol's ports are watched: every closed port that `watched` lists. Listening modes come with issue 3. */
export interface WatchSettings {
  /** TCP_MODE, UDP_MODE: "all" (the key is empty), "listed" (stcp, sudp), "advanced" (atcp, audp). */
  readonly mode: "all" | "listed" | "advanced";
  /** Ports to watch, exclusions already taken out. */
  readonly watched: readonly PortRange[];
  /** TOLERATED_PORTS_*: closed, yet weak evidence only. */
  readonly tolerated: readonly PortRange[];
  /** BLOCK_TCP, BLOCK_UDP: "0" = false, "1" = true. */
  readonly block: boolean;
}

export interface Settings {
  /** The file this was read from. */
  readonly file: string;
  readonly tcp: WatchSettings;
  readonly udp: WatchSettings;
  readonly firewall: "auto" | "nftables" | "none";
  readonly policy: "trigger" | "score";
  /** SCAN_TRIGGER: 0 and 1 mean the first probe. */
  readonly scanTrigger: number;
  /** SCORE_PORTS within SCORE_WINDOW: distinct (protocol, port) contacts that make a scan under POLICY="score". */
  readonly scorePorts: number;
  readonly scoreWindowMs: number;
  readonly proof: "on" | "off";
  /** BLOCK_TIME; undefined = for ever ("0"). */
  readonly blockTimeMs: number | undefined;
  readonly blockTimeFactor: number;
  readonly blockTimeMaxMs: number;
  readonly softBlockTimeMs: number;
  /** LATELY_OPEN; ports above 1023 get 24 times as long (1h -> 24h). */
  readonly latelyOpenMs: number;
  readonly bootGraceMs: number;
  /** Blocks of addresses from IGNORE_FILE. */
  readonly ignored: readonly Prefix[];
  readonly ignoreFile: string | undefined;
  readonly historyFile: string | undefined;
  readonly stateDir: string;
  readonly controlSocket: string;
  readonly syslogIdent: string;
  readonly logFormat: "portsentry1" | "json";
  /** MAX_SOURCES: rows of the source table. */
  readonly maxSources: number;
  /** MAX_EVENTS: events kept in the store; the oldest go first. */
  readonly maxEvents: number;
}

// What the configuration file means, parsed: the one typed value that daemon/ hands out to the rooms.
import type { Prefix } from "../wire/address.ts";
import type { PortRange } from "../wire/port-range.ts";
import type { ResearchEntry } from "./research-file.ts";

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

/** PortSentry's own answers to a scanner; templates as they stand in the file, checked, placeholders not filled in. */
export interface ResponseSettings {
  readonly killRoute: string | undefined;
  readonly unkillRoute: string | undefined;
  /** KILL_HOSTS_DENY: the line for `hostsDenyFile`. */
  readonly hostsDeny: string | undefined;
  readonly hostsDenyFile: string;
  /** KILL_RUN_CMD */
  readonly runCommand: string | undefined;
  /** KILL_RUN_CMD_FIRST: before the block instead of after it. */
  readonly runCommandFirst: boolean;
}

/** What judges where both sides of the traffic are seen; docs/reference/detection.md has the meaning of each. */
export interface TapSettings {
  /** Empty: no mirror port. */
  readonly homes: readonly Prefix[];
  /** KNOWN_SCANNERS */
  readonly knownScanners: string | undefined;
  /** What it holds. */
  readonly known: readonly ResearchEntry[];
  readonly sequentialAlpha: number;
  readonly sequentialBeta: number;
  readonly sequentialTheta0: number;
  readonly sequentialTheta1: number;
  readonly sequentialClientGapMs: number;
  readonly sequentialScannerGapMs: number;
  readonly sweepHosts: number;
  readonly linkSweepHosts: number;
  readonly sweepPardon: number;
  readonly sweepQuietMs: number;
  readonly breadthContacts: number;
  readonly breadthWindowMs: number;
  readonly pingedHosts: number;
  readonly unknownHosts: number;
  readonly coordinatedMembers: number;
  readonly coordinatedOverlap: number;
  readonly coordinatedAlpha: number;
  readonly coordinatedWindowMs: number;
  readonly widerSources: number;
  readonly widerBlocks: number;
  readonly widerSites: number;
  readonly widerWindowMs: number;
}

export interface Settings {
  /** The file this was read from. */
  readonly file: string;
  readonly tcp: WatchSettings;
  readonly udp: WatchSettings;
  /** Which PortSentry the command line or the file is of. */
  readonly generation: 1 | 2;
  /** See enforcement.ts for what it means beside `responses`. */
  readonly firewall: "auto" | "nftables" | "none";
  readonly responses: ResponseSettings;
  readonly policy: "trigger" | "score";
  /** SCAN_TRIGGER: 0 and 1 mean the first probe. */
  readonly scanTrigger: number;
  /** SCORE_PORTS: distinct (protocol, port) contacts that make a scan under POLICY="score"; half as much a SCORE_WINDOW later. */
  readonly scorePorts: number;
  readonly scoreWindowMs: number;
  /** SLOW_SCORE_PORTS within SLOW_SCORE_WINDOW: as many distinct contacts, without tolerated ones; window 0 = none. */
  readonly slowScorePorts: number;
  readonly slowScoreWindowMs: number;
  /** NEIGHBOURS: sources of one network within a minute or two that make it a finding; 0: none does. */
  readonly neighbours: number;
  /** SLOW_NEIGHBOURS: the same within SLOW_SCORE_WINDOW; 0: none does. */
  readonly slowNeighbours: number;
  /** SCATTERED_SOURCES: sources from anywhere within SCORE_WINDOW that are told of as one scan; 0: none are. */
  readonly scatteredSources: number;
  /** TOLERATED_KINDS: kinds of tolerated ports of one source within SCORE_WINDOW that make a finding; 0: none do. */
  readonly toleratedKinds: number;
  readonly proof: "on" | "off";
  /** ANSWER: "reset" = the silence test answers its half; "open" = the decoy; "silent" = no answers, no test. */
  readonly answer: "reset" | "open" | "silent";
  /** DECOY_MARK */
  readonly decoyMark: number;
  /** MAX_UNPROVEN_PER_SECOND: soft blocks a second. */
  readonly maxUnprovenPerSecond: number;
  /** MAX_BLOCKS_PER_SECOND: full blocks on a claim a second, in the long run. */
  readonly maxBlocksPerSecond: number;
  /** BLOCK_TIME; undefined = for ever ("0"). */
  readonly blockTimeMs: number | undefined;
  readonly blockTimeFactor: number;
  readonly blockTimeMaxMs: number;
  readonly softBlockTimeMs: number;
  /** SHARED_ADDRESS_CONNECTIONS: with as many live connections a source is softly blocked only; 0: whatever it has. */
  readonly sharedConnections: number;
  /** BLOCK_WIDER: several blocked /64s of a /56 or /48 make it a block. */
  readonly blockWider: boolean;
  /** LATELY_OPEN; ports above 1023 get 24 times as long (1h -> 24h). */
  readonly latelyOpenMs: number;
  readonly bootGraceMs: number;
  /** GUARD_SSH: a live SSH session protects its source even when it is proven. */
  readonly guardSsh: boolean;
  /** GUARD_TIME: how long a peer of ours is guarded after its last answer. */
  readonly guardMs: number;
  /** Blocks of addresses from IGNORE_FILE. */
  readonly ignored: readonly Prefix[];
  readonly ignoreFile: string | undefined;
  readonly historyFile: string | undefined;
  readonly stateDir: string;
  readonly controlSocket: string;
  readonly syslogIdent: string;
  readonly logFormat: "portsentry1" | "portsentry2" | "json";
  /** BLOCKED_FILE */
  readonly blockedFile: string | undefined;
  /** PORT_BANNER: sent by listening ports. */
  readonly banner: string | undefined;
  /** RESOLVE_HOST: log lines carry the source's name. */
  readonly resolveHost: boolean;
  /** CAPTURE */
  readonly capture: "auto" | "nflog" | "ring";
  /** INTERFACE, or 2.x's -i: "ALL" or "ALL_NLO" alone, or names. For the ring. */
  readonly interfaces: readonly string[];
  /** HOME_NETWORKS and all that counts on a mirror port only. */
  readonly tap: TapSettings;
  /** MAX_SOURCES: rows of the source table. */
  readonly maxSources: number;
  /** MAX_EVENTS: events kept in the store; the oldest go first. */
  readonly maxEvents: number;
}

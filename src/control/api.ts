// What is asked and answered over the control socket, as types; endpoints.ts has what can be asked. Field names are the
// contract of design section 7.
import type { Event } from "../record/event.ts";

export interface Status {
  readonly version: string;
  readonly probes: number;
  /** Tracked now. */
  readonly sources: number;
  /** Packets that nfnetlink_log could not deliver, by its sequence numbers. */
  readonly lost: number;
  /** In the kernel's hold sets now. */
  readonly held: number;
  readonly blocked: number;
  /** The blocked sources with a proof (or blocked by hand), and those without. */
  readonly proven: number;
  readonly unproven: number;
  readonly uptimeSeconds: number;
  readonly capture: "nflog" | "ring";
  /** What makes full blocks: a backend's name, or "none". */
  readonly firewall: string;
  /** The same for a person, with what is done beside it: "KILL_ROUTE (route reject)". */
  readonly blockedBy: string;
  /** True when BLOCK_* and FIREWALL together make the daemon block. */
  readonly blocking: boolean;
  readonly configuration: string;
  /** As the daemon was started, whatever modes the configuration names; null: not watched. */
  readonly watched: { readonly tcp: WatchedPorts | null; readonly udp: WatchedPorts | null };
  readonly warnings: readonly string[];
  /** Every counter of the daemon by name: undecodable, evictions, eventsDropped, storeErrors ... */
  readonly counters: Readonly<Record<string, number>>;
}

export interface WatchedPorts {
  /** $MODE$'s word. */
  readonly mode: string;
  /** How many ports are traps while no program serves them. */
  readonly ports: number;
}

export interface BlockedEntry {
  readonly source: string;
  /** ISO 8601. */
  readonly since: string;
  /** ISO 8601; null = for ever. */
  readonly until: string | null;
  readonly grade: string;
  readonly soft: boolean;
  readonly reason: string;
  readonly backend: string;
  readonly enforced: boolean;
  readonly offences: number;
  /** What a full block ended, or a soft one in its place spared: served ports that the source had used, connections that stood. */
  readonly knownPairs?: number;
  readonly liveConnections?: number;
}

export interface Explanation {
  readonly source: string;
  /** What is so now: "blocked", "softly blocked", "held", "watched" (probes seen, no block), "unknown", "ignored", "guarded". */
  readonly state: string;
  /** Sentences for a person, most important first: why it is so, what it sent, until when. */
  readonly because: readonly string[];
  readonly block?: BlockedEntry;
  readonly probes: number;
  /** Different ports, as far as anything has counted them: no fewer than `ports.tried`. */
  readonly contacts: number;
  /** Absent where nothing is known. */
  readonly ports?: TriedPortCounts;
  readonly firstSeen?: string;
  readonly lastSeen?: string;
  readonly offences: number;
  /** The newest first. */
  readonly events: readonly Event[];
}

/** How many different TCP and UDP ports a source has asked, blocked or not. */
export interface TriedPortCounts {
  readonly tried: number;
  /** False: in a flood some were passed over, and there were more. */
  readonly all: boolean;
  /** Those that the silence test has answered. */
  readonly answered: number;
  /** Those that a program on this host serves now. */
  readonly open: number;
}

export const guardCauses = [
  "gateway",
  "resolver",
  "time server",
  "ssh",
  "old ssh connection",
  "container",
  "own",
  "peer",
] as const;

/** An address or network that is never held or blocked on unproven evidence. */
export interface GuardEntry {
  readonly source: string;
  readonly because: (typeof guardCauses)[number];
  /** ISO 8601; null = for as long as it is so. */
  readonly until: string | null;
}

/**
 * A source that has finished a real connection to this TCP port, or got an answer from this UDP port, and how long that is
 * remembered. An IPv6 source beyond this host's links is its /64.
 */
export interface KnownClient {
  readonly source: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** ISO 8601. */
  readonly until: string;
}

export interface BlockRequest {
  /** Address or CIDR; parsed by the daemon. */
  readonly source: string;
  /** Milliseconds; absent: BLOCK_TIME with escalation; 0: for ever. */
  readonly forMs?: number;
  readonly reason?: string;
  /**
   * Needed to block an address on the allow list or in the guard, or that the caller is logged in from, a very wide network,
   * or for a shorter time than it is blocked.
   */
  readonly force?: boolean;
  /** Where the caller is logged in from, as far as its client could find out. */
  readonly session?: readonly string[];
}

/** A part of a list of sources; what stands in the way of one by hand (BlockRequest.force) leaves out that one alone. */
export interface ImportRequest {
  /** Addresses and CIDRs; parsed by the daemon. */
  readonly sources: readonly string[];
  /** As for one block by hand. */
  readonly forMs?: number;
  readonly reason?: string;
  readonly session?: readonly string[];
  /** Nothing is blocked: the answer says what would be. */
  readonly isDryRun?: boolean;
  /** No further part of this list follows. */
  readonly isLast?: boolean;
}

/** What became of the sources of a part. */
export interface Imported {
  /** Blocked now, and not before. */
  readonly added: number;
  /** Blocked before, and for longer now. */
  readonly merged: number;
  /** Blocked for at least as long, by themselves or in a wider network. */
  readonly skipped: number;
  readonly refused: readonly NotImported[];
}

export interface NotImported {
  /** Its place among the sources that were asked for. */
  readonly index: number;
  readonly code: Refusal["code"];
}

export interface UnblockRequest {
  /** "all", an address or a CIDR: every block inside it, and what the kernel holds there and nobody lists. */
  readonly target: string;
  /** Nothing is lifted: rules that stay there have been taken out by hand, and are to be forgotten. */
  readonly ruleIsGone?: boolean;
}

/** What was unblocked, after the kernel was asked again. */
export interface Unblocked {
  readonly unblocked: readonly string[];
}

export interface AllowRequest {
  /** Address or CIDR; parsed by the daemon. */
  readonly source: string;
  /** Written behind the entry as a comment. */
  readonly reason?: string;
  /** Needed for a very wide network. */
  readonly force?: boolean;
}

export interface DisallowRequest {
  readonly source: string;
}

/** What `portreeve allow` or `disallow` has done. */
export interface AllowListChange {
  readonly source: string;
  /** The files that were written. */
  readonly files: readonly string[];
  /** The blocks that were lifted because the allow list covers them now. */
  readonly unblocked: readonly string[];
  /** A wider entry that goes on exempting what was taken out. */
  readonly stillWithin?: string;
}

export interface WhyRequest {
  /** An address or a CIDR. */
  readonly source?: string;
}

/** Which events are asked for: all that are not left out here. */
export interface EventChoice {
  /** Only events about this source, or about sources in this CIDR. */
  readonly source?: string;
  /** Only events of this time and later, in milliseconds since the epoch. */
  readonly sinceMs?: number;
  /** Only events before this time. */
  readonly untilMs?: number;
  /** Types of events, with commas between them. */
  readonly types?: string;
  /** In the filter language (record/filter-text.ts): "kind:syn port:22". */
  readonly filter?: string;
}

/** The newest events, the oldest of them first. */
export interface EventRequest extends EventChoice {
  readonly limit?: number;
}

/** All that is stored with a higher number, the oldest first. */
export interface EventsAfterRequest extends EventRequest {
  readonly after: number;
}

/** What `portreeve confirm` has changed. */
export interface Confirmation {
  /** False when the trial was over: its blocks were lifted and stay so. */
  readonly inTime: boolean;
  /** Blocks of the trial that stay now until their own time. */
  readonly kept: number;
}

/** PortSentry 1.2's modes, as its command line names them. */
export const modeNames = ["tcp", "stcp", "atcp", "udp", "sudp", "audp"] as const;
export type ModeName = (typeof modeNames)[number];

/**
 * Watches a protocol that is not watched yet, as if the daemon had been started with both modes: PortSentry's init script
 * calls `portsentry` once for each. The same mode again is no error.
 */
export interface ModeRequest {
  readonly mode: ModeName;
}

/** How each protocol is watched now ($MODE$'s word); null: not at all. */
export interface Modes {
  readonly tcp: string | null;
  readonly udp: string | null;
}

/** Why a request that was understood is refused, and the HTTP status that says so. */
export const refusalStatus = {
  "bad-address": 400,
  "bad-type": 400,
  "bad-time": 400,
  "bad-count": 400,
  "bad-filter": 400,
  ignored: 409,
  guarded: 409,
  own: 409,
  "no-such-block": 404,
  "no-firewall": 503,
  full: 503,
  kernel: 503,
  /** The mode's protocol is watched in another mode already. */
  "mode-taken": 409,
  /** The block would end the caller's own SSH session. */
  "own-session": 409,
  /** Wider than a slip should be. */
  "too-wide": 409,
  /** A block that ends later stands already. */
  longer: 409,
  /** It lies in a wider block, which stays. */
  covered: 409,
  /** The block has ended, and the rule that a command of the administrator's made could not be undone. */
  "rule-stays": 409,
  /** Nothing to confirm. */
  "no-trial": 409,
  /** It stands on the allow list. */
  listed: 409,
  /** It is no entry of the allow list. */
  "not-listed": 404,
  /** The configuration names no IGNORE_FILE. */
  "no-list": 409,
  /** A file cannot be written. */
  file: 503,
  /** The caller may read and not change. */
  "read-only": 403,
  /** Another client is reading the same long list. */
  busy: 503,
} as const;

/** `code` is stable, `message` says what, why and the remedy. */
export interface Refusal {
  readonly code: keyof typeof refusalStatus;
  readonly message: string;
}

export type Reply<T> = { readonly ok: T } | { readonly refused: Refusal };

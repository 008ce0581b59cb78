// What the daemon offers over its control socket: the interface that control/server.ts serves, daemon/ implements
// and control/client.ts calls. Field names are the contract of design section 7.
import type { Event, NumberedEvent } from "../record/event.ts";

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
  /** Of the blocked: those with a proof (or blocked by hand), and those without. */
  readonly proven: number;
  readonly unproven: number;
  readonly uptimeSeconds: number;
  readonly capture: "nflog" | "ring" | "listen";
  readonly firewall: "nftables" | "none";
  /** True when BLOCK_* and FIREWALL together make the daemon block. */
  readonly blocking: boolean;
  readonly configuration: string;
  readonly warnings: readonly string[];
  /** Every counter of the daemon by name: undecodable, evictions, eventsDropped, storeErrors ... */
  readonly counters: Readonly<Record<string, number>>;
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
  readonly contacts: number;
  readonly firstSeen?: string;
  readonly lastSeen?: string;
  readonly offences: number;
  /** The newest first. */
  readonly events: readonly Event[];
}

/** An address or network that is never held or blocked on unproven evidence. */
export interface GuardEntry {
  readonly source: string;
  readonly because: "gateway" | "resolver" | "time server" | "ssh" | "container" | "own" | "peer";
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

/** How each protocol is watched now ($MODE$'s word); null: not at all. */
export interface Modes {
  readonly tcp: string | null;
  readonly udp: string | null;
}

/** A request that was understood and refused; `code` is stable, `message` says what, why and the remedy. */
export interface Refusal {
  readonly code:
    | "bad-address"
    | "ignored"
    | "guarded"
    | "own"
    | "no-such-block"
    | "no-firewall"
    | "full"
    | "kernel"
    /** The mode's protocol is watched in another mode already. */
    | "mode-taken"
    /** The block would end the caller's own SSH session. */
    | "own-session"
    /** Wider than a slip should be. */
    | "too-wide"
    /** A block that ends later stands already. */
    | "longer"
    /** It lies in a wider block, which stays. */
    | "covered"
    /** Nothing to confirm. */
    | "no-trial"
    /** Somebody else is reading the same long list. */
    | "busy";
  readonly message: string;
}

export type Reply<T> = { readonly ok: T } | { readonly refused: Refusal };

export interface DaemonApi {
  status(): Status;
  /** Walked lazily, some hundred entries at a time: a generator over the block list keeps a million of them cheap. */
  blocked(): Iterable<BlockedEntry>;
  /** The guard, entry by entry. Absent: the daemon has none to tell of. */
  guard?(): Iterable<GuardEntry>;
  /** The block as it stands after the kernel was read back. */
  block(request: BlockRequest): Reply<BlockedEntry>;
  /**
   * "all", an address or a CIDR (every block inside it, and what the kernel holds there and nobody lists); answers with what
   * was unblocked, after the kernel was asked again.
   */
  unblock(target: string): Reply<readonly string[]> | Promise<Reply<readonly string[]>>;
  why(address: string): Reply<Explanation>;
  /**
   * Watches a protocol that is not watched yet, as if the daemon had been started with both modes: PortSentry's init
   * script calls `portsentry` once for each. The same mode again is no error. Absent: the daemon cannot.
   */
  addMode?(mode: ModeName): Reply<Modes> | Promise<Reply<Modes>>;
  /** Ends `run --trial`: its blocks stay, and blocking goes on (or begins again). Absent: the daemon cannot. */
  confirm?(): Reply<Confirmation>;
  /** The newest `limit` events, oldest first. */
  events(limit: number, source?: string): Reply<readonly Event[]>;
  /** All that is stored with a higher number, the oldest first, at most `limit`. Walked lazily. Absent: as if none were. */
  eventsAfter?(after: number, limit: number): Iterable<NumberedEvent>;
  /** Pair by pair; some 10 MB are held until the walk has ended, so one walk at a time. Absent: nobody is known. */
  knownClients?(): Promise<Reply<Iterable<KnownClient>>>;
  /** Calls `listener` for each event from now on; returns the way to stop. */
  follow(listener: (event: Event) => void): () => void;
}

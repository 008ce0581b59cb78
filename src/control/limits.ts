// The bounds of the control socket: a client that may open the socket cannot make the daemon hold more than this.

export interface ControlLimits {
  readonly bodyBytes: number;
  readonly headerBytes: number;
  /** Open connections; further ones are closed at once. */
  readonly connections: number;
  readonly followers: number;
  /** Text waiting for one follower that reads too slowly; what comes on top is counted and told as missed. */
  readonly followerQueueChars: number;
  /** Most events in one answer. */
  readonly events: number;
  /** List entries that are turned into text before the daemon's other work gets its turn. */
  readonly entriesPerTurn: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** A client that neither reads nor writes for so long is cut off; followers are not. */
  readonly idleTimeoutMs: number;
  readonly heartbeatMs: number;
}

export const controlLimits: ControlLimits = {
  bodyBytes: 16 * 1024,
  headerBytes: 8 * 1024,
  connections: 64,
  followers: 16,
  followerQueueChars: 256 * 1024,
  events: 10_000,
  entriesPerTurn: 500,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  idleTimeoutMs: 60_000,
  heartbeatMs: 15_000,
};

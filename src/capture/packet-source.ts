// The interface of the sources of packets: nflog and the ring.

/** Gets packets one by one. The bytes are the source's own buffer: valid during the call only, never kept. */
export interface PacketSink {
  /**
   * bytes[at..end) starts at the IP header and may be cut short. `tag` says what the kernel's sensor had decided
   * (the first letter of the rule's log prefix); from the ring the tag is the frame's target (sll_pkttype).
   * `uid`: the user whose socket sent it, -1 or absent for a packet that none of this host's sockets sent.
   */
  packet(bytes: Uint8Array, at: number, end: number, tag: number, uid?: number): void;
  /** After the last packet of a delivery (one, or a batch): the time to act on them. */
  batchEnd(): void;
}

export interface PacketSource {
  /** Begins to deliver, from the event loop; `onError` gets the errors of the sink and the socket. */
  start(sink: PacketSink, onError: (error: unknown) => void): void;
  /** Packets that the kernel had for us and could not deliver. */
  readonly lost: number;
  /** Messages that could not be understood. */
  readonly malformed: number;
  /** The name of this source in `status`. Absent: nflog. */
  readonly name?: "nflog" | "ring";
  /** The reason why no packet is seen any more; absent or "" while the source works. */
  readonly trouble?: string;
  /** More of its counters, for `status`. */
  readonly counters?: Readonly<Record<string, number>>;
  close(): void;
}

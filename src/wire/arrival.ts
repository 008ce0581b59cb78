// An arrival at a listener of ours: a source has reached a port of this host. Written by capture/, read by detect/ and daemon/;
// one record is reused for all, like Packet.

export class Arrival {
  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  /** Transport protocol number. 6: the handshake is complete, so the source is proven. 17: it may be forged. */
  protocol = 0;
  /** The port of ours that was reached. */
  port = 0;
  /** The address of ours that was reached; written by the decoy's listener only. */
  local0 = 0;
  local1 = 0;
  local2 = 0;
  local3 = 0;
  /** Where it came from; 0 where that was not asked for. */
  sourcePort = 0;
  timeMs = 0;
}

/** Writes the address that a socket tells of its peer. */
export function setSource(
  arrival: Arrival,
  peer: { readonly address0: number; readonly address1: number; readonly address2: number; readonly address3: number },
): void {
  arrival.source0 = peer.address0;
  arrival.source1 = peer.address1;
  arrival.source2 = peer.address2;
  arrival.source3 = peer.address3;
}

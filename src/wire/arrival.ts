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

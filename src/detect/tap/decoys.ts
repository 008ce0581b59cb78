// Several sources that send the very same probe: nmap -D sends each of its probes once in the name of every decoy, and
// port, sequence number and target are the same in all of them. At most one of such a group is at work itself, so the
// group is named instead of its members being taken for scanners of their own.
import type { Packet } from "../../wire/packet.ts";
import { type HashSeed, hashSource } from "../keyed-hash.ts";

/** Remembered probes; the decoys of one probe follow each other within a millisecond, so few are enough. */
const SLOTS = 4_096;
/** Two hosts choose port and sequence number alike once in 2^48; a few times over is no chance. */
const SHARED_PROBES = 3;
/** Groups and their members; further ones are counted and not named. */
const MAX_GROUPS = 256;
const MAX_MEMBERS = 128;

export interface DecoyGroup {
  readonly number: number;
  members: number;
}

/** The probes that a source shares with others; owned by the table of sources. */
export interface DecoyState {
  shared: number;
  group: DecoyGroup | undefined;
}

export class Decoys<Member extends DecoyState> {
  readonly #seed: HashSeed;
  readonly #signatures = new Int32Array(SLOTS);
  readonly #checks = new Int32Array(SLOTS);
  readonly #senders: (Member | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  #groups = 0;
  /** Shared probes whose group could not be made or was full. */
  unnamed = 0;

  constructor(seed: HashSeed) {
    this.#seed = seed;
  }

  /** A TCP probe that begins a contact, and its source. */
  note(packet: Packet, sender: Member): void {
    const ports = (packet.sourcePort << 16) | packet.destinationPort;
    const host = packet.destination0 ^ packet.destination1 ^ packet.destination2 ^ packet.destination3;
    const signature = hashSource(this.#seed, ports, packet.tcpSequence, host, packet.tcpAcknowledgment, 0);
    const slot = signature & (SLOTS - 1);
    const other = this.#senders[slot];
    const isSame = this.#signatures[slot] === signature && this.#checks[slot] === (packet.tcpSequence | 0);
    if (isSame && other !== undefined && other !== sender) {
      this.#share(sender, other);
      return;
    }
    this.#signatures[slot] = signature;
    this.#checks[slot] = packet.tcpSequence | 0;
    this.#senders[slot] = sender;
  }

  #share(one: Member, other: Member): void {
    one.shared++;
    other.shared++;
    if (one.shared < SHARED_PROBES || other.shared < SHARED_PROBES) return;
    const group = one.group ?? other.group ?? this.#newGroup();
    if (group === undefined) return;
    this.#join(one, group);
    this.#join(other, group);
  }

  #join(member: Member, group: DecoyGroup): void {
    if (member.group !== undefined) return;
    if (group.members >= MAX_MEMBERS) {
      this.unnamed++;
      return;
    }
    member.group = group;
    group.members++;
  }

  #newGroup(): DecoyGroup | undefined {
    if (this.#groups >= MAX_GROUPS) {
      this.unnamed++;
      return undefined;
    }
    this.#groups++;
    return { number: this.#groups, members: 0 };
  }
}

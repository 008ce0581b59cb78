// Whose packets a scan from this host itself is made of: the user by the packet, the socket by the kernel's tables while it is there, and the
// process by the socket. Asked only of origins that look like a scan already, and so many times at most.
import { Bucket } from "../base/bucket.ts";
import type { OutgoingContact } from "../detect/outgoing/outgoing-contacts.ts";
import { type Asker, type AskersHost, findAskers, rawSockets, unitOfCgroup, userName } from "../host/askers.ts";
import type { SocketOwner, SocketOwners } from "../kernel/socket-owner.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import type { Sender } from "./outgoing-text.ts";

/** Looks into /proc, each of 30 ms at most (askers.ts). */
const lookBudget = { burst: 8, perSecond: 0.5 };
const MAX_ORIGINS = 16;
const MAX_INODES = 64;
const MAX_RAW_NAMED = 4;

interface Trace {
  uid: number;
  readonly inodes: Set<number>;
  owner: SocketOwner | undefined;
  process: Asker | undefined;
}

export class OutgoingSenders {
  readonly #owners: Pick<SocketOwners, "ownerOf">;
  readonly #host: AskersHost;
  readonly #looks: Bucket;
  /** By origin, the one renewed last at the end. */
  readonly #traces = new Map<string, Trace>();

  constructor(owners: Pick<SocketOwners, "ownerOf">, host: AskersHost) {
    this.#owners = owners;
    this.#host = host;
    this.#looks = new Bucket(lookBudget, host.nowMs());
  }

  /** A suspicious contact of this host itself has just begun: its socket may be there still. */
  look(contact: OutgoingContact): void {
    const { origin, remote, port, localPort } = contact;
    this.noteUser(contact);
    const trace = this.#traceOf(origin);
    if (trace.process !== undefined) return;
    const owner = this.#owners.ownerOf({ address: origin, port: localPort }, { address: remote, port });
    if (owner === undefined) return;
    trace.owner = owner;
    trace.uid = owner.uid;
    if (trace.inodes.size >= MAX_INODES) trace.inodes.clear();
    trace.inodes.add(owner.inode);
    if (!this.#looks.take(this.#host.nowMs(), 1)) return;
    trace.process = findAskers(this.#host, trace.inodes, 1, owner.uid)[0];
  }

  /** The user, which each packet has with it. */
  noteUser({ origin, uid }: OutgoingContact): void {
    if (uid >= 0) this.#traceOf(origin).uid = uid;
  }

  /** As whom it is sent; -1: not known. */
  uidOf(origin: Prefix): number {
    return this.#traces.get(formatPrefix(origin))?.uid ?? -1;
  }

  /** What is known of who sends from this origin; looks for raw sockets where nothing else is. */
  senderOf(origin: Prefix): Sender {
    const trace = this.#traces.get(formatPrefix(origin));
    const { process, owner, uid = -1 } = trace ?? {};
    const user = uid < 0 ? undefined : userName(this.#host, uid);
    if (process !== undefined) return { own: { process, user } };
    const unit = owner === undefined ? "" : unitOfCgroup(this.#host, owner.cgroup);
    const raw = owner === undefined ? findAskers(this.#host, rawSockets(this.#host), MAX_RAW_NAMED) : [];
    return { own: { user, unit, raw } };
  }

  knowsProcessOf(origin: Prefix): boolean {
    return this.#traces.get(formatPrefix(origin))?.process !== undefined;
  }

  forget(origin: Prefix): void {
    this.#traces.delete(formatPrefix(origin));
  }

  #traceOf(origin: Prefix): Trace {
    const key = formatPrefix(origin);
    const known = this.#traces.get(key);
    const trace = known ?? { uid: -1, inodes: new Set(), owner: undefined, process: undefined };
    this.#traces.delete(key);
    for (const oldest of this.#traces.keys()) {
      if (this.#traces.size < MAX_ORIGINS) break;
      this.#traces.delete(oldest);
    }
    this.#traces.set(key, trace);
    return trace;
  }
}

// Contacts with hosts behind this one that nobody has answered, told minutes later by connection tracking: the sequential test of
// the mirror port judges them (tap/sequential.ts). They are never a hold. Bounded: the source that was heard of the longest ago goes.
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { IpProtocol, TcpFlag } from "../wire/packet.ts";
import type { Finding } from "./finding.ts";
import { Kind } from "./kinds.ts";
import { Outcome } from "./tap/contact.ts";
import { deriveLimits, newSequentialState, type SequentialPolicy, takeOutcome } from "./tap/sequential.ts";

const MAX_SOURCES = 4_096;
/** Contacts of a source that are told apart: it is found long before. */
const MAX_CONTACTS = 64;

/** A TCP contact that got no answer. */
export interface SilentContact {
  /** As sources are counted (source-key.ts). */
  readonly source: Prefix;
  readonly host: Prefix;
  readonly port: number;
  readonly timeMs: number;
}

interface Row {
  readonly state: ReturnType<typeof newSequentialState>;
  readonly firstMs: number;
  readonly contacts: Set<string>;
  readonly hosts: Set<string>;
  probes: number;
}

export class SilentHosts {
  readonly counters = { silentContacts: 0, silentFindings: 0, silentSourcesForgotten: 0 };
  readonly #rows = new Map<string, Row>();
  readonly #capacity: number;

  constructor(capacity = MAX_SOURCES) {
    this.#capacity = capacity;
  }

  /** A finding when the test takes the source for a scanner; then it begins anew. The same contact counts once. */
  note({ source, host, port, timeMs }: SilentContact, policy: SequentialPolicy): Finding | undefined {
    this.counters.silentContacts++;
    const name = formatPrefix(source);
    const row = this.#rowOf(name, timeMs);
    row.probes++;
    const contact = `${formatPrefix(host)} ${port}`;
    if (row.contacts.has(contact) || row.contacts.size >= MAX_CONTACTS) return undefined;
    row.contacts.add(contact);
    row.hosts.add(formatPrefix(host));
    const outcome = { protocol: IpProtocol.Tcp, port, outcome: Outcome.Unanswered, timeMs };
    if (!takeOutcome(row.state, outcome, deriveLimits(policy))) return undefined;
    this.#rows.delete(name);
    this.counters.silentFindings++;
    return {
      ...{ source, host, kind: Kind.Syn, protocol: IpProtocol.Tcp, port, tcpFlags: TcpFlag.Syn, hasIpOptions: false },
      ...{ probes: row.probes, contacts: row.contacts.size, hosts: row.hosts.size },
      ...{ firstMs: row.firstMs, timeMs, policy: "sequential" },
    };
  }

  #rowOf(name: string, timeMs: number): Row {
    const known = this.#rows.get(name);
    this.#rows.delete(name);
    const row = known ?? {
      ...{ state: newSequentialState(timeMs), firstMs: timeMs, probes: 0 },
      ...{ contacts: new Set<string>(), hosts: new Set<string>() },
    };
    if (known === undefined && this.#rows.size >= this.#capacity) {
      for (const oldest of this.#rows.keys()) {
        this.#rows.delete(oldest);
        this.counters.silentSourcesForgotten++;
        break;
      }
    }
    this.#rows.set(name, row);
    return row;
  }
}

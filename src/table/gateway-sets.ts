// The sets of hosts behind this one (PROTECT): rows of the table in sets.ts. gateway.ts has the rules that fill and ask them.
import { address, families, protocolAndPort, type SetRow } from "./set-row.ts";

/** A visitor is remembered for as long as a known pair of this host's own services. */
const VISIT_SECONDS = 7 * 86_400;
/** A forger can make one. */
const DATAGRAM_VISIT_SECONDS = 86_400;

export const gatewaySets = {
  protected: {
    ...{ parts: families, key: address, kind: "fixed" },
    ...{ members: "the networks behind this host that PROTECT names", filledBy: "the daemon", atBound: "1,000" },
  },
  behind: {
    ...{ parts: families, key: (of: string) => `${of} . ${protocolAndPort()}`, kind: "dynamic" },
    ...{ size: 65_536, seconds: 3_600, isLearned: true },
    members: "(protected address, protocol, port) that has answered a contact, LATELY_OPEN from the latest answer",
    filledBy: "answers of protected hosts",
    atBound: "a further port counts as closed as soon as its host refuses a contact",
  },
  visit: {
    ...{ parts: families, key: (of: string) => `${of} . ${of} . ${protocolAndPort()}`, kind: "dynamic" },
    ...{ size: 262_144, seconds: VISIT_SECONDS, isLearned: true },
    members:
      "(source, protected address, protocol, port) that finished a real connection, 7 days; an IPv6 source beyond our links by its /64",
    filledBy: "forwarded packets",
    atBound: "further customers are held and softly blocked like strangers",
  },
  visitu: {
    ...{ parts: families, key: (of: string) => `${of} . ${of} . ${protocolAndPort()}`, kind: "dynamic" },
    ...{ size: 262_144, seconds: DATAGRAM_VISIT_SECONDS, isLearned: true },
    members: "the same of those whose datagram was answered, a day: a forger can make such a pair, and fill this set",
    filledBy: "answers of protected hosts",
    atBound: "further customers by datagrams are held and softly blocked like strangers",
  },
} as const satisfies Readonly<Record<string, SetRow>>;

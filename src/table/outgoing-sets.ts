// The sets of the rules for outgoing scans (outgoing.ts), a row each, as in sets.ts.
import type { Part } from "./neighbours.ts";
import type { SetRow } from "./set-row.ts";

/** How long a contact is not told again; with the rate in outgoing.ts not more of them than the set holds. */
const ASKED_SECONDS = 600;
/** A destination that is asked again within this time stays reached. */
const REACHED_SECONDS = 3_600;
/** How long a found origin is limited from the last sign of its scan. */
export const LIMITED_SECONDS = 120;

const families: readonly Part[] = [
  { suffix: "4", address: "ipv4_addr" },
  { suffix: "6", address: "ipv6_addr" },
];

export const outgoingSets = {
  outasked: {
    ...{ parts: families, key: (of: string) => `${of} . ${of} . inet_service`, kind: "dynamic" },
    ...{ size: 65_536, seconds: ASKED_SECONDS },
    members: `(own, container's or protected host's address, remote address, remote TCP port) of contacts that were told to the daemon, ${ASKED_SECONDS / 60} minutes from the last SYN; only with OUTGOING`,
    ...{ filledBy: "packets that we send", atBound: "further contacts are not told" },
  },
  outreached: {
    ...{ parts: families, key: (of: string) => `${of} . inet_service`, kind: "dynamic" },
    ...{ size: 131_072, seconds: REACHED_SECONDS },
    members:
      "(remote address, remote TCP port) that have accepted a connection of this host or of a container, an hour from the last SYN: they are neither told nor limited; only with OUTGOING",
    ...{ filledBy: "packets", atBound: "further destinations count as never reached" },
  },
  outlimited: {
    ...{ parts: families, key: (of: string) => of, kind: "timed", size: 1_024, seconds: LIMITED_SECONDS },
    members: `addresses of containers and protected hosts that scan: their new TCP connections to what was never reached are limited, ${LIMITED_SECONDS} s from the last sign of the scan; only with OUTGOING="limit"`,
    ...{ filledBy: "the daemon", atBound: "a further address is not limited; that is said and counted" },
  },
  outlimiteduid: {
    ...{ parts: [{ suffix: "", address: "" }], key: () => "uid", kind: "timed", size: 1_024, seconds: LIMITED_SECONDS },
    members: "the same for users of this host, as whom a process scans",
    ...{ filledBy: "the daemon", atBound: "a further user is not limited; that is said and counted" },
  },
} as const satisfies Readonly<Record<string, SetRow>>;

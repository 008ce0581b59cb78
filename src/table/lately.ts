// Which closed ports were served lately, and at which address of this host. A port is no trap where its service has just
// stopped; where it never was, it is one. In doubt it counts as served:
//
//   lately        served at some address: the only set that is asked of every closed port
//   everywhere    its listener was bound to no address (0.0.0.0, ::), or to one that this host does not have
//   lately4/6     its listener was bound to this address. Beside it stands the element of the unspecified address, by which
//                 the daemon says that the port's listeners of this family are bound: where it is not there, nobody knows.
//                 A name has addresses of both families, and its clients try both
//   settled4/6    addresses of this host that are not new: to a new one a service may be on its way

/** Ports above 1023 are remembered so much longer. */
export const HIGH_PORT_FACTOR = 24;

const PORT = { destination: "meta l4proto . th dport", source: "meta l4proto . th sport" } as const;
type End = keyof typeof PORT;

const families = [
  { number: "4", destination: "ip daddr", source: "ip saddr", unspecified: "0.0.0.0" },
  { number: "6", destination: "ip6 daddr", source: "ip6 saddr", unspecified: "::" },
] as const;

/** Matches ports of a packet's own end that were served at some address of this host. */
export const latelyAt = {
  destination: `${PORT.destination} @lately`,
  source: `${PORT.source} @lately`,
} as const;

/** Behind `latelyAt`: the rules end in `verdict` where the port counts as served at the packet's own address. */
export function servedHere(end: End, verdict: string): readonly string[] {
  const port = PORT[end];
  return [
    `${port} @everywhere ${verdict}`,
    ...families.flatMap(({ number, [end]: address, unspecified }) => [
      `${address} . ${port} @lately${number} ${verdict}`,
      `${address} != @settled${number} ${verdict}`,
      `${address} & ${unspecified} . ${port} != @lately${number} ${verdict}`,
    ]),
  ];
}

export const servesChains = ["serves", "serveslow", "serveshigh"] as const;

/**
 * A packet to a socket: its port was served, at this address if the daemon knows that its listeners are bound. The packet does
 * not say to what its socket is: `socket wildcard` leaks what it looks up on kernels that are in use (decision 39).
 */
export function servesRules(latelyOpenSeconds: number): Readonly<Record<string, readonly string[]>> {
  return {
    serves: ["th dport < 1024 goto serveslow", "goto serveshigh"],
    serveslow: noteRules(latelyOpenSeconds),
    serveshigh: noteRules(latelyOpenSeconds * HIGH_PORT_FACTOR),
  };
}

function noteRules(seconds: number): readonly string[] {
  const port = `${PORT.destination} timeout ${seconds}s`;
  return [
    `update @lately { ${port} }`,
    ...families.map(({ number, destination, unspecified }) => {
      const isBound = `${destination} & ${unspecified} . ${PORT.destination} @lately${number}`;
      const note = (address: string) => `update @lately${number} { ${address} . ${port} }`;
      return `${isBound} ${note(destination)} ${note(`${destination} & ${unspecified}`)} return`;
    }),
    // Nobody has said what it is bound to, or the set is full.
    `update @everywhere { ${port} }`,
  ];
}

/**
 * A packet to a port that this host publishes for a container, in the words in which it has that port. At which addresses it is
 * published nobody has said.
 */
export function publishedServes(latelyOpenSeconds: number, port: string): readonly string[] {
  const note = (seconds: number) => {
    const element = `{ meta l4proto . ${port} timeout ${seconds}s }`;
    return `update @lately ${element} update @everywhere ${element}`;
  };
  return [`${port} < 1024 ${note(latelyOpenSeconds)}`, `${port} >= 1024 ${note(latelyOpenSeconds * HIGH_PORT_FACTOR)}`];
}

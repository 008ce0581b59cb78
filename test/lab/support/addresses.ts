// Where everybody lives in the lab, on documentation addresses (RFC 5737, RFC 3849):
//
//   target ---- link0 ---- scanner        203.0.113.0/24 and 2001:db8:b::/48 are all the scanner's own
//      |
//      +------- link1 ---- inner          a container behind the target, in the labs that ask for one
//
// Further hosts, in the labs that add them: scanner ---- hostN, on 192.0.2.(4N)/30 and 2001:db8:c:N::/64.

export const TARGET = { ipv4: "198.51.100.1", ipv6: "2001:db8:a::1", mac: "02:00:00:00:00:01" } as const;
export const SCANNER = { ipv4: "198.51.100.2", ipv6: "2001:db8:a::2", mac: "02:00:00:00:00:02" } as const;
/** The scanner's other addresses on the link, so that the gateway's is not needed: the gateway is in the guard. */
export const NEIGHBOURS = [
  { ipv4: "198.51.100.3", ipv6: "2001:db8:a::3" },
  { ipv4: "198.51.100.4", ipv6: "2001:db8:a::4" },
] as const;
/** A neighbour that does not exist; what is sent to it reaches no one, but a capture sees it. */
export const NOBODY = { ipv4: "198.51.100.99", mac: "02:00:00:00:00:99" } as const;
/** Behind the target, as container engines number them; gateway: the target's side. */
export const CONTAINER = {
  ipv4: "10.88.0.2",
  ipv6: "fd00:88::2",
  gateway4: "10.88.0.1",
  gateway6: "fd00:88::1",
} as const;
export const LINK = "link0";
export const INNER_LINK = "link1";

export type Family = "ipv4" | "ipv6";
export const families: readonly Family[] = ["ipv4", "ipv6"];

/** One of the scanner's many addresses, the same number in both families. */
export interface Source {
  readonly ipv4: string;
  readonly ipv6: string;
  /** What Portreeve blocks for it: the address, or the /64 of an IPv6 source that is on no link of the target. */
  readonly key: Readonly<Record<Family, string>>;
}

/** Source 1..254; each has an IPv6 /64 of its own. */
export function source(number: number): Source {
  if (number < 1 || number > 254) throw new Error(`source(${number}): the lab has 1 to 254`);
  const ipv4 = `203.0.113.${number}`;
  const subnet = `2001:db8:b:${number.toString(16)}::`;
  return { ipv4, ipv6: `${subnet}1`, key: { ipv4, ipv6: `${subnet}/64` } };
}

/** A host in a network of its own behind the scanner (Lab.addHost), 1..62. */
export interface FurtherHost extends Source {
  readonly gateway4: string;
  readonly gateway6: string;
}

export function furtherHost(number: number): FurtherHost {
  if (number < 1 || number > 62) throw new Error(`furtherHost(${number}): the lab has 1 to 62`);
  const [ipv4, gateway4] = [`192.0.2.${4 * number + 2}`, `192.0.2.${4 * number + 1}`];
  const subnet = `2001:db8:c:${number.toString(16)}::`;
  return { ipv4, ipv6: `${subnet}2`, gateway4, gateway6: `${subnet}1`, key: { ipv4, ipv6: `${subnet}/64` } };
}

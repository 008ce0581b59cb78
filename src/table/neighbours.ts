// Many addresses that are near each other are one attacker (docs/security/model.md): when many new sources of one network, or
// behind one link-layer address, try closed ports within a minute, all of them are held together. The daemon blocks such a
// network softly when that goes on (detect/neighbours.ts); both let known pairs, public ports, guard and allow list pass.
//
//   IPv4, further away    by /24, /16              held24, held16                    soft24
//   IPv6, further away    by /56, /48, /40, /32    held56, held48, held40, held32    soft56, soft48, soft40
//   on our own links      by link-layer address (a neighbour has as many addresses as it likes)    heldmac
//
// The wider a network, the more of its people have nothing to do with a scan in it, and the more new sources it takes
// (docs/decisions/0029). A /32 and a /16 are held, and never softly blocked.

export const SLASH64 = "ffff:ffff:ffff:ffff::";

/** One of several sets for the same: the end of its name, and what its keys begin with. */
export interface Part {
  readonly suffix: string;
  readonly address: string;
}

/** One width of networks: how the rules cut an address to it. */
interface Width extends Part {
  readonly key: string;
  /** New sources that are held one by one in each minute, after a burst. */
  readonly perMinute: number;
  readonly burst: number;
  readonly isBlocked: boolean;
}

const NEIGHBOURS_PER_MINUTE = 20;
/**
 * At once. In a burst of 20 a scanner with another address for each port learned all open ports of a list half of which was closed: each closed
 * port uses up one of the burst, and each open one that lies before it is answered.
 */
const NEIGHBOUR_BURST = 6;
/** A link-layer address is one machine, and has an address or two of each family. */
const NEIGHBOUR_BURST_OF_MAC = 4;
/** Three /48s with nothing but scanners. */
const PER_MINUTE_OF_40 = 60;
const PER_MINUTE_OF_32 = 240;
/** Half of an IPv4 /16 belongs to somebody else, more often than not. */
const PER_MINUTE_OF_16 = 480;

/** The narrowest first. */
export const widths4: readonly Width[] = [
  { suffix: "24", key: "255.255.255.0", perMinute: NEIGHBOURS_PER_MINUTE, burst: NEIGHBOUR_BURST, isBlocked: true },
  { suffix: "16", key: "255.255.0.0", perMinute: PER_MINUTE_OF_16, burst: PER_MINUTE_OF_16, isBlocked: false },
].map((width) => ({ ...width, key: `ip saddr & ${width.key}`, address: "ipv4_addr" }));
export const widths6: readonly Width[] = [
  {
    suffix: "56",
    key: "ffff:ffff:ffff:ff00::",
    perMinute: NEIGHBOURS_PER_MINUTE,
    burst: NEIGHBOUR_BURST,
    isBlocked: true,
  },
  { suffix: "48", key: "ffff:ffff:ffff::", perMinute: NEIGHBOURS_PER_MINUTE, burst: NEIGHBOUR_BURST, isBlocked: true },
  { suffix: "40", key: "ffff:ffff:ff00::", perMinute: PER_MINUTE_OF_40, burst: PER_MINUTE_OF_40, isBlocked: true },
  { suffix: "32", key: "ffff:ffff::", perMinute: PER_MINUTE_OF_32, burst: PER_MINUTE_OF_32, isBlocked: false },
].map((width) => ({ ...width, key: `ip6 saddr & ${width.key}`, address: "ipv6_addr" }));
export const widths = [...widths4, ...widths6];

export const neighbourChains = ["near4held", "far6held", "onlink"] as const;

/** Sources whose whole network is held, or softly blocked. */
export function wideMatches(what: "held" | "soft"): readonly string[] {
  const networks = widths
    .filter(({ isBlocked }) => what === "held" || isBlocked)
    .map(
      ({ suffix, key, address }) =>
        `${key} @${what}${suffix} ${address === "ipv4_addr" ? "ip saddr != @near4" : "ip6 saddr != @near6"}`,
    );
  const onLink = ["ip saddr @near4 ether saddr @heldmac", "ip6 saddr @near6 ether saddr @heldmac"];
  return what === "soft" ? networks : [...networks, ...onLink];
}

/** What follows when a new source has been put in the hold. */
export function neighbourRules(): Readonly<Record<string, readonly string[]>> {
  const count = (name: string, key: string, perMinute: number, burst: number) =>
    `update @many${name} { ${key} limit rate over ${perMinute}/minute burst ${burst} packets } update @held${name} { ${key} }`;
  // A network that is held has had its share in the wider one: by itself it never has that held as well. A /56 goes on to count
  // in its /48, which mostly is the same customer's.
  const counts = (of: readonly Width[]) =>
    of.flatMap(({ suffix, key, perMinute, burst }, index) => {
      const isLast = index === of.length - 1;
      const rule = count(suffix, key, perMinute, burst);
      return suffix === "56" || isLast ? [rule] : [rule, `${key} @held${suffix} return`];
    });
  return {
    near4held: ["ip saddr @near4 goto onlink", ...counts(widths4)],
    far6held: counts(widths6),
    onlink: [count("mac", "ether saddr", NEIGHBOURS_PER_MINUTE, NEIGHBOUR_BURST_OF_MAC)],
  };
}

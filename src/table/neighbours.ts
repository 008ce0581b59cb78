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

/** One width of networks: how the rules cut an address to it. */
interface Width {
  readonly name: string;
  readonly key: string;
  readonly family: "ipv4_addr" | "ipv6_addr";
  /** New sources that are held one by one: in a burst, and in each minute after it. */
  readonly perMinute: number;
  readonly isBlocked: boolean;
}

const NEIGHBOURS_PER_MINUTE = 20;
/**
 * At once, of one link-layer address: a link-layer address is one machine, and has an address or two of each family. In a burst of 20 a neighbour
 * with another address for each port learned all open ports of a list half of which was closed.
 */
const NEIGHBOUR_BURST_OF_MAC = 4;
/** Three /48s with nothing but scanners. */
const PER_MINUTE_OF_40 = 60;
const PER_MINUTE_OF_32 = 240;
/** Half of an IPv4 /16 belongs to somebody else, more often than not. */
const PER_MINUTE_OF_16 = 480;

/** The narrowest first. */
const widths4: readonly Width[] = [
  { name: "24", key: "255.255.255.0", perMinute: NEIGHBOURS_PER_MINUTE, isBlocked: true },
  { name: "16", key: "255.255.0.0", perMinute: PER_MINUTE_OF_16, isBlocked: false },
].map((width) => ({ ...width, key: `ip saddr & ${width.key}`, family: "ipv4_addr" }));
const widths6: readonly Width[] = [
  { name: "56", key: "ffff:ffff:ffff:ff00::", perMinute: NEIGHBOURS_PER_MINUTE, isBlocked: true },
  { name: "48", key: "ffff:ffff:ffff::", perMinute: NEIGHBOURS_PER_MINUTE, isBlocked: true },
  { name: "40", key: "ffff:ffff:ff00::", perMinute: PER_MINUTE_OF_40, isBlocked: true },
  { name: "32", key: "ffff:ffff::", perMinute: PER_MINUTE_OF_32, isBlocked: false },
].map((width) => ({ ...width, key: `ip6 saddr & ${width.key}`, family: "ipv6_addr" }));
const widths = [...widths4, ...widths6];

/** Bounds in elements. When `many` is full, no further network is counted; each source is held by itself all the same. */
export const neighbourSets = { many: 262_144, heldwide: 65_536, softwide: 65_536 } as const;

/**
 * How long the count of a network is kept after its last new source: by then it may have its whole burst again. So a forger
 * fills the sets with 4,400 networks a second, and with 5,000 nobody new is held anyway (rates.newHolds in log-rules.ts).
 */
const MANY_SECONDS = 60;

export const neighbourChains = ["near4held", "far6held", "onlink"] as const;

/** Sources whose whole network is held, or softly blocked. */
export function wideMatches(what: "held" | "soft"): readonly string[] {
  const networks = widths
    .filter(({ isBlocked }) => what === "held" || isBlocked)
    .map(
      ({ name, key, family }) =>
        `${key} @${what}${name} ${family === "ipv4_addr" ? "ip saddr != @near4" : "ip6 saddr != @near6"}`,
    );
  const onLink = ["ip saddr @near4 ether saddr @heldmac", "ip6 saddr @near6 ether saddr @heldmac"];
  return what === "soft" ? networks : [...networks, ...onLink];
}

/** What follows when a new source has been put in the hold. */
export function neighbourRules(): Readonly<Record<string, readonly string[]>> {
  const count = (name: string, key: string, perMinute: number, burst = perMinute) =>
    `update @many${name} { ${key} limit rate over ${perMinute}/minute burst ${burst} packets } update @held${name} { ${key} }`;
  // A network that is held has had its share in the wider one: by itself it never has that held as well. A /56 goes on to count
  // in its /48, which mostly is the same customer's.
  const counts = (of: readonly Width[]) =>
    of.flatMap(({ name, key, perMinute }, index) => {
      const isLast = index === of.length - 1;
      const rule = count(name, key, perMinute);
      return name === "56" || isLast ? [rule] : [rule, `${key} @held${name} return`];
    });
  return {
    near4held: ["ip saddr @near4 goto onlink", ...counts(widths4)],
    far6held: counts(widths6),
    onlink: [count("mac", "ether saddr", NEIGHBOURS_PER_MINUTE, NEIGHBOUR_BURST_OF_MAC)],
  };
}

export function neighbourSetDefinitions(holdSeconds: number): Readonly<Record<string, string>> {
  const dynamic = (family: string, size: number, timeout: string) =>
    `type ${family}; flags dynamic, timeout; size ${size}; timeout ${timeout};`;
  const counted = [...widths, { name: "mac", family: "ether_addr" }];
  return Object.fromEntries([
    ...counted.flatMap(({ name, family }) => [
      [`many${name}`, dynamic(family, neighbourSets.many, `${MANY_SECONDS}s`)],
      [`held${name}`, dynamic(family, neighbourSets.heldwide, `${holdSeconds}s`)],
    ]),
    ...widths
      .filter(({ isBlocked }) => isBlocked)
      .map(({ name, family }) => [`soft${name}`, `type ${family}; flags timeout; size ${neighbourSets.softwide};`]),
  ]);
}

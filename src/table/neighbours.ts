// Many addresses that are near each other are one attacker (docs/security/model.md): when many new sources of one network, or
// behind one link-layer address, try closed ports within a minute, all of them are held together. The daemon blocks such a
// network softly when that goes on (detect/neighbours.ts); both let known pairs, public ports, guard and allow list pass.
//
//   IPv4, further away    by /24         held24  soft24
//   IPv6, further away    by /56, /48    held56  held48  soft56  soft48
//   on our own links      by link-layer address (a neighbour has as many addresses as it likes)    heldmac

export const SLASH64 = "ffff:ffff:ffff:ffff::";

/** Networks by the bits of their prefix: how the rules cut an address to it. */
const widths = [
  { name: "24", key: "ip saddr & 255.255.255.0", far: "ip saddr != @near4", family: "ipv4_addr" },
  { name: "56", key: "ip6 saddr & ffff:ffff:ffff:ff00::", far: "ip6 saddr != @near6", family: "ipv6_addr" },
  { name: "48", key: "ip6 saddr & ffff:ffff:ffff::", far: "ip6 saddr != @near6", family: "ipv6_addr" },
] as const;

/** Bounds in elements. When `many` is full, no further network is counted; each source is held by itself all the same. */
export const neighbourSets = { many: 262_144, heldwide: 65_536, softwide: 65_536 } as const;

/** New sources of one network that are held one by one: in a burst, and in each minute after it. */
const NEIGHBOURS_PER_MINUTE = 20;
/**
 * How long the count of a network is kept after its last new source: by then it may have its whole burst again. So a forger
 * fills the sets with 4,400 networks a second, and with 5,000 nobody new is held anyway (rates.newHolds in ruleset.ts).
 */
const MANY_SECONDS = 60;

export const neighbourChains = ["near4held", "far6held", "onlink"] as const;

/** Sources whose whole network is held, or softly blocked. */
export function wideMatches(what: "held" | "soft"): readonly string[] {
  const networks = widths.map(({ name, key, far }) => `${key} @${what}${name} ${far}`);
  const onLink = ["ip saddr @near4 ether saddr @heldmac", "ip6 saddr @near6 ether saddr @heldmac"];
  return what === "soft" ? networks : [...networks, ...onLink];
}

/** What follows when a new source has been put in the hold. */
export function neighbourRules(): Readonly<Record<string, readonly string[]>> {
  const over = `limit rate over ${NEIGHBOURS_PER_MINUTE}/minute burst ${NEIGHBOURS_PER_MINUTE} packets`;
  const count = (name: string, key: string) => `update @many${name} { ${key} ${over} } update @held${name} { ${key} }`;
  const [wide24, wide56, wide48] = widths;
  return {
    near4held: ["ip saddr @near4 goto onlink", count(wide24.name, wide24.key)],
    far6held: [count(wide56.name, wide56.key), count(wide48.name, wide48.key)],
    onlink: [count("mac", "ether saddr")],
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
    ...widths.map(({ name, family }) => [
      `soft${name}`,
      `type ${family}; flags timeout; size ${neighbourSets.softwide};`,
    ]),
  ]);
}

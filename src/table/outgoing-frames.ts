// What programs of this host send as frames of their own making (masscan, ZMap): it passes no rule of `output`. A table of family netdev sees
// it on its way to the link, and nothing else: what the kernel sends has a route with it, what it forwards has no socket.
import type { Libnftables } from "../kernel/libnftables.ts";
import { BATCH_GROUP, log, logPrefixes } from "./log-rules.ts";
import { outgoingRates } from "./outgoing.ts";
import { outgoingSets } from "./outgoing-sets.ts";
import { TABLE } from "./ruleset-plan.ts";

/** A name of a link that may stand in a rule, as interfaces are named (config/values.ts). */
const PLAIN_NAME = /^[A-Za-z0-9_.:@+-]{1,15}$/;
const MAX_LINKS = 64;

/** A link, and its number: one of the same name that was made again has another. */
export interface Link {
  readonly name: string;
  readonly index: number;
}

export class OutgoingFrames {
  readonly #nft: Pick<Libnftables, "run">;
  /** The links that are watched now, in one text; undefined: nobody has looked, and another run may have left a table. */
  #watched: string | undefined;
  #isRefused = false;

  constructor(nft: Pick<Libnftables, "run">) {
    this.#nft = nft;
  }

  /** Watches these links, or, without any, none. `isAnew`: another program may have taken the table away. */
  watch(links: readonly Link[], isAnew: boolean): void {
    const wanted = links.filter(({ name }) => PLAIN_NAME.test(name)).slice(0, MAX_LINKS);
    const text = wanted.map(({ name, index }) => `${name} ${index}`).join(", ");
    if (text === this.#watched && !(isAnew && text !== "")) return;
    this.#isRefused = !this.#nft.run(buildFrames(wanted)).ok;
    this.#watched = text;
  }

  /** This kernel knows no such hook (before Linux 5.16), or a link has just gone. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** Takes the table away. */
  remove(): void {
    this.#nft.run(buildFrames([]));
    this.#watched = "";
  }
}

/** One transaction: the table as it is to be for these links, or none. */
export function buildFrames(links: readonly Link[]): string {
  const table = `netdev ${TABLE}`;
  const lines = [`add table ${table}`, `delete table ${table}`];
  if (links.length === 0) return `${lines.join("\n")}\n`;
  const { size, seconds } = outgoingSets.outasked;
  const families = [
    { ip: "ip", suffix: "4", type: "ipv4_addr" },
    { ip: "ip6", suffix: "6", type: "ipv6_addr" },
  ] as const;
  lines.push(`add table ${table}`);
  for (const { suffix, type } of families) {
    const definition = `type ${type} . ${type} . inet_service; flags dynamic,timeout; size ${size}; timeout ${seconds}s;`;
    lines.push(`add set ${table} asked${suffix} { ${definition} }`);
  }
  const devices = links.map(({ name }) => `"${name}"`).join(", ");
  lines.push(
    `add chain ${table} frames { type filter hook egress devices = { ${devices} } priority 0; policy accept; }`,
  );
  const contactOf = (ip: string) => `${ip} saddr . ${ip} daddr . tcp dport`;
  const rules = [
    "tcp flags & (fin|syn|rst|ack) != syn return",
    "meta l4proto != tcp return",
    // Any class: it has a route.
    "meta rtclassid >= 0 return",
    ...families.map(
      ({ ip, suffix }) => `${contactOf(ip)} @asked${suffix} update @asked${suffix} { ${contactOf(ip)} } return`,
    ),
    `limit rate over ${outgoingRates.asks}/second burst ${outgoingRates.asksBurst} packets return`,
    // Any user: a socket sends it.
    ...families.map(
      ({ ip, suffix }) =>
        `meta skuid < 4294967295 add @asked${suffix} { ${contactOf(ip)} } ${log(logPrefixes.made, BATCH_GROUP)}`,
    ),
  ];
  for (const rule of rules) lines.push(`add rule ${table} frames ${rule}`);
  return `${lines.join("\n")}\n`;
}

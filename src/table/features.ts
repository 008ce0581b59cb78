// Names the kernel feature that is missing when the table cannot be loaded: each is tried alone in a scratch table.
import type { Libnftables } from "../kernel/libnftables.ts";
import { CAME_OTHERWISE } from "./matches.ts";

interface Feature {
  /** For a person: what it is, and the module that brings it. */
  readonly name: string;
  readonly rule: string;
  /** Sets that the rule needs. */
  readonly set?: string;
  /** The hook of the chain; "input" when absent. */
  readonly hook?: "input" | "prerouting" | "forward";
}

const features: readonly Feature[] = [
  { name: "nf_tables for family inet", rule: "counter" },
  { name: "socket look-ups (module nft_socket)", rule: "socket transparent { 0, 1 } counter" },
  { name: "address types (module nft_fib_inet)", rule: "fib daddr type != local return" },
  { name: "connection tracking (modules nf_conntrack, nft_ct)", rule: "ct state new counter" },
  { name: "packet logs to user space (modules nft_log, nfnetlink_log)", rule: "log group 28786" },
  { name: "rate limits (module nft_limit)", rule: "limit rate 1/second counter" },
  {
    name: "sets filled by packets (nf_tables dynamic sets with time-outs)",
    set: "add set inet portreeve_probe s { type ipv4_addr; flags dynamic,timeout; size 16; timeout 5s; }",
    rule: "update @s { ip saddr }",
  },
  {
    name: 'transparent proxying (module nft_tproxy), which ANSWER="open" needs',
    hook: "prerouting",
    rule: "meta nfproto ipv4 meta l4proto tcp tproxy ip to 127.0.0.1:9 notrack",
  },
];

/**
 * Whether rules of `forward` can ask if a packet came by the link on which its source is: anybody may write a source that is
 * behind us into a packet from outside.
 */
export function seesWayBack(nft: Pick<Libnftables, "run">): boolean {
  return works(nft, { name: "", rule: `${CAME_OTHERWISE} return`, hook: "forward" });
}

/** The first feature that this kernel refuses, or undefined when each works alone. Leaves nothing behind. */
export function findMissingFeature(nft: Pick<Libnftables, "run">): string | undefined {
  return features.find((feature) => !works(nft, feature))?.name;
}

function works(nft: Pick<Libnftables, "run">, { rule, set, hook = "input" }: Feature): boolean {
  const commands = [
    "add table inet portreeve_probe",
    "delete table inet portreeve_probe",
    "add table inet portreeve_probe",
    ...(set === undefined ? [] : [set]),
    `add chain inet portreeve_probe c { type filter hook ${hook} priority filter; policy accept; }`,
    `add rule inet portreeve_probe c ${rule}`,
  ];
  const isTaken = nft.run(commands.join("\n")).ok;
  if (isTaken) nft.run("delete table inet portreeve_probe");
  return isTaken;
}

// The value of PROTECT: the networks behind a router that it is to guard as it guards itself.
import { formatPrefix, isIpv4, type Prefix, parsePrefix, prefixContains } from "../wire/address.ts";
import { networkList, type ValueType } from "./values.ts";

/** A wider network does not lie behind one router: PROTECT="0.0.0.0/0" would protect the scanners. */
const WIDEST = { four: 96 + 8, six: 16 } as const;
const nobodys = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::1", "fe80::/10", "ff00::/8"].flatMap(
  (text) => parsePrefix(text) ?? [],
);

/** "" and "host" are none: this host alone. */
export const protectedNetworks: ValueType<readonly Prefix[]> = {
  allowed: `"host", or ${networkList.allowed}`,
  parse(text) {
    if (text.trim() === "host") return { ok: [] };
    const parsed = networkList.parse(text);
    if ("error" in parsed) return parsed;
    const wrong = parsed.ok.map(tellWrong).find((message) => message !== undefined);
    return wrong === undefined ? parsed : { error: `${wrong}; write the networks of the hosts behind this one` };
  },
};

function tellWrong(network: Prefix): string | undefined {
  const name = formatPrefix(network);
  if (network.bits < (isIpv4(network) ? WIDEST.four : WIDEST.six)) {
    return `${name} is wider than an IPv4 /8 or an IPv6 /16, and no such network lies behind one router`;
  }
  const range = nobodys.find((one) => prefixContains(one, network));
  return range === undefined ? undefined : `no router forwards to ${name}, a part of ${formatPrefix(range)}`;
}

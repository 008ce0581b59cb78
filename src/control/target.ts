// What a person has typed for an address or a network, and how it is refused.

import { formatPrefix, type Prefix, parseAddress, parsePrefix } from "../wire/address.ts";
import type { Refusal, Reply } from "./api.ts";

export function refuse(code: Refusal["code"], message: string) {
  return { refused: { code, message } } as const;
}

export function badAddress(text: string) {
  return refuse("bad-address", `"${text.slice(0, 60)}" is not an IPv4 or IPv6 address or CIDR`);
}

/** "198.51.100.0/8" may mean the network or the address: nobody is blocked, or let in, by a guess. */
export function readTarget(text: string): Reply<Prefix> {
  const source = parsePrefix(text);
  if (source === undefined) return badAddress(text);
  const address = parseAddress(text.split("/")[0] ?? "");
  if (address === undefined || formatPrefix({ ...address, bits: source.bits }) === formatPrefix(source))
    return { ok: source };
  const [network, single] = [formatPrefix(source), formatPrefix(address)];
  return refuse(
    "bad-address",
    `"${text.slice(0, 60)}" has bits set behind its prefix: write ${network} for the network, or ${single} for the one address`,
  );
}

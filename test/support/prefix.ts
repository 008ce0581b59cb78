// Addresses in tests, written as text.
import { type Prefix, parsePrefix } from "../../src/wire/address.ts";

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`"${text}" is no address`);
  return parsed;
}

/** The n-th IPv4 address from 10.0.0.0 on. */
export function nthIpv4(index: number): Prefix {
  return prefix(`10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`);
}

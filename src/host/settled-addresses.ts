// Which addresses of this host are not new. To a new one (a renewed lease, an address that a cluster moves) a service may be on
// its way that was served at another one until now, and its clients may be there before it.
import { formatPrefix, isLoopback, type Prefix } from "../wire/address.ts";

const MAX_SETTLED = 4_096;

export class SettledAddresses {
  /** Since when each address has been there, by the looks. */
  #sinceMs: ReadonlyMap<string, number> | undefined;

  /** Those of `own` that have been there for `settleMs`; of what was there at the first look nothing is new. */
  look(own: readonly Prefix[], nowMs: number, settleMs: number): Prefix[] {
    const before = this.#sinceMs;
    const unknownMs = before === undefined ? Number.NEGATIVE_INFINITY : nowMs;
    const since = new Map(own.map(formatPrefix).map((name) => [name, before?.get(name) ?? unknownMs]));
    this.#sinceMs = since;
    const isSettled = (one: Prefix) => nowMs - (since.get(formatPrefix(one)) ?? nowMs) >= settleMs;
    return own.filter((one) => !isLoopback(one) && !isLinkLocal(one) && isSettled(one)).slice(0, MAX_SETTLED);
  }
}

/** In fe80::/10. What is announced on a link names such an address beside the others, whatever a service is bound to. */
function isLinkLocal({ w0 }: Prefix): boolean {
  return w0 >>> 22 === 0x3fa;
}

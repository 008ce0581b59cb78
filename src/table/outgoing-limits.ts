// The sets of origins whose new connections are limited (OUTGOING="limit"): the rules that ask them are in outgoing.ts.
import type { NfTables } from "../kernel/nf-tables.ts";
import { isIpv4, type Prefix } from "../wire/address.ts";
import { LIMITED_SECONDS } from "./outgoing-sets.ts";
import { keyBytes } from "./set-key.ts";

export class OutgoingLimits {
  readonly #tables: Pick<NfTables, "replace">;
  readonly counters = { outgoingLimitsRefused: 0 };

  constructor(tables: Pick<NfTables, "replace">) {
    this.#tables = tables;
  }

  /** A container, from now on; "" or the errno's name. */
  limitAddress(address: Prefix): string {
    return this.#limit(isIpv4(address) ? "outlimited4" : "outlimited6", keyBytes(address));
  }

  /** All processes of a user of this host. */
  limitUser(uid: number): string {
    const key = Buffer.alloc(4);
    // The kernel compares it in the machine's order.
    key.writeUInt32LE(uid, 0);
    return this.#limit("outlimiteduid", key);
  }

  #limit(set: string, key: Uint8Array): string {
    const refusal = this.#tables.replace([{ set, key, timeoutMs: 1_000 * LIMITED_SECONDS }]);
    if (refusal !== "") this.counters.outgoingLimitsRefused++;
    return refusal;
  }
}

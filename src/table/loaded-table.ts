// The rules and the sets that are filled from the plan: loads them in one transaction, and notices when another program
// has changed them since.

import { KernelError } from "../kernel/errors.ts";
import type { Libnftables } from "../kernel/libnftables.ts";
import type { NfTables } from "../kernel/nf-tables.ts";
import { configuredSets } from "./configured-sets.ts";
import { findMissingFeature } from "./features.ts";
import type { TableDrift } from "./kernel-sensor.ts";
import { buildConfiguredSets, buildHostSets, buildRuleset } from "./ruleset.ts";
import { type RulesetPlan, TABLE } from "./ruleset-plan.ts";

/** Elements that are read in a fraction of a millisecond. */
const SMALL_SET = 1_024;

export class LoadedTable implements TableDrift {
  readonly #nft: Pick<Libnftables, "run">;
  readonly #tables: Pick<NfTables, "fingerprint" | "digest" | "generation">;
  readonly #seesWayBack: boolean;
  #fingerprint = "";
  /** What the sets that are filled from the plan hold, as the kernel told it when they were filled. */
  readonly #digests = new Map<string, string>();

  constructor(
    nft: Pick<Libnftables, "run">,
    tables: Pick<NfTables, "fingerprint" | "digest" | "generation">,
    seesWayBack: boolean,
  ) {
    this.#nft = nft;
    this.#tables = tables;
    this.#seesWayBack = seesWayBack;
  }

  /**
   * Loads the whole table in one transaction; elements of blocks stay. A table that another version, or somebody else,
   * made in another form is replaced whole: true then, and its blocks must be added again. Throws KernelError with
   * nft's own words.
   */
  load(plan: RulesetPlan): boolean {
    const commands = buildRuleset({ ...plan, seesWayBack: this.#seesWayBack }, "on");
    const replaced = !this.#nft.run(commands).ok;
    if (replaced)
      runNft(this.#nft, `add table inet ${TABLE}\ndelete table inet ${TABLE}\n${commands}`, "cannot load the table");
    this.#fingerprint = this.#tables.fingerprint();
    this.#noteSets(plan);
    return replaced;
  }

  /** Takes the sensor out and leaves the blocks: what stays when the daemon stops. */
  rest(plan: RulesetPlan): void {
    runNft(this.#nft, buildRuleset(plan, "resting"), "cannot take out the sensor");
    this.#fingerprint = "";
  }

  /** Follows the host: its gateways, resolvers, addresses and on-link prefixes. */
  updateHostSets(plan: RulesetPlan): void {
    runNft(this.#nft, buildHostSets(plan), "cannot update the guard");
    this.#noteSets(plan);
  }

  refill(plan: RulesetPlan): void {
    runNft(this.#nft, buildConfiguredSets(plan), "cannot fill the sets");
    this.#noteSets(plan);
  }

  #noteSets(plan: RulesetPlan): void {
    for (const set of configuredSets(plan)) this.#digests.set(set, this.#tables.digest(set));
  }

  hasDrifted(): boolean {
    return this.#tables.fingerprint() !== this.#fingerprint;
  }

  driftedSets(among?: readonly string[]): string[] {
    const names = among ?? [...this.#digests].filter(([, digest]) => isSmall(digest)).map(([name]) => name);
    return names.filter((name) => {
      const before = this.#digests.get(name);
      return before !== undefined && this.#tables.digest(name) !== before;
    });
  }

  generation(): number {
    return this.#tables.generation();
  }
}

/** Throws KernelError with nft's own words, and with what the kernel lacks. */
export function runNft(nft: Pick<Libnftables, "run">, commands: string, what: string): void {
  const answer = nft.run(commands);
  if (answer.ok) return;
  const missing = findMissingFeature(nft);
  const remedy = missing === undefined ? "" : `this kernel lacks ${missing}`;
  throw new KernelError(`nftables: ${what}: ${answer.error.trim().slice(0, 500)}`, "", remedy);
}

/** A digest is "count:sum" (NfTables.digest). */
function isSmall(digest: string): boolean {
  return Number(digest.split(":")[0]) <= SMALL_SET;
}

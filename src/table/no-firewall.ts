// Stands where the firewall does when no nftables table is loaded (capture by the packet ring): holds nothing and blocks
// nothing, says so, and passes on what the kernel's sensor would have been told. Commands of the administrator's own
// (KILL_ROUTE, hosts.deny) are the enforcement then.

import type { Block } from "../judge/block.ts";
import type { SetUse } from "../kernel/nf-tables.ts";
import type { Prefix } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { Arrival } from "../wire/arrival.ts";
import type { Firewall, Held, Outcome } from "./firewall.ts";
import type { HeldNetworks, NetworkAudit } from "./network-blocks.ts";
import type { RulesetPlan } from "./ruleset.ts";

/** What the daemon asks of a firewall. */
export type FirewallLike = Pick<Firewall, keyof Firewall>;

/** The sensor in the kernel's place. */
export interface SensorInCharge {
  follow(plan: RulesetPlan, near: AddressRanges): void;
  /** Ports that have a listener now. */
  remember(ports: readonly { readonly protocol: number; readonly port: number }[], latelyOpenMs: number): void;
  delegate(source: Prefix, untilMs: number | undefined): void;
  undelegate(source: Prefix): void;
}

const FAILURE = "no nftables table is loaded (CAPTURE): only KILL_ROUTE and KILL_HOSTS_DENY can block";

export class NoFirewall implements FirewallLike {
  readonly #sensor: SensorInCharge;

  constructor(sensor: SensorInCharge) {
    this.#sensor = sensor;
  }

  load(plan: RulesetPlan, near: AddressRanges): boolean {
    this.#sensor.follow(plan, near);
    return false;
  }

  updateHostSets(plan: RulesetPlan, near: AddressRanges): void {
    this.#sensor.follow(plan, near);
  }

  rememberServed(ports: readonly { readonly protocol: number; readonly port: number }[], latelyOpenMs: number): string {
    this.#sensor.remember(ports, latelyOpenMs);
    return "";
  }

  delegate({ source, untilMs }: Block, _nowMs: number): string {
    this.#sensor.delegate(source, untilMs);
    return "";
  }

  forgetThrough(): void {}

  undelegate(source: Prefix): void {
    this.#sensor.undelegate(source);
  }

  enforce(blocks: readonly Block[], _nowMs: number): Outcome[] {
    return blocks.map((block) => ({ block, failure: FAILURE }));
  }

  lift(_blocks: readonly Block[], _nowMs: number): Outcome[] {
    return [];
  }

  liftEnded(_blocks: readonly Block[], _nowMs: number): void {}

  heldFor(_source: Prefix): Held[] {
    return [];
  }

  heldInside(_network: Prefix, _pause: () => Promise<void>): Promise<Held[]> {
    return Promise.resolve([]);
  }

  removeHeld(_held: readonly Held[]): string {
    return "";
  }

  countBlocked(): number {
    return 0;
  }

  isNetwork(_block: Block): boolean {
    return false;
  }

  readNetworks(_nowMs: number): HeldNetworks {
    return { ipv4: [], ipv6: [] };
  }

  beyondNetworks(_held: HeldNetworks, _nowMs: number): Pick<Block, "source" | "untilMs">[] {
    return [];
  }

  auditNetworks(_nowMs: number): NetworkAudit {
    return { gone: [], torn: [], foreign: [], untimely: false };
  }

  rewriteNetworks(_nowMs: number): string {
    return "";
  }

  get networkCounts() {
    return { networkBlocks: 0, networkBlocksRefused: 0 };
  }

  wasBaited(_arrival: Arrival): boolean {
    return false;
  }

  rest(_plan: RulesetPlan): void {}
  refill(_plan: RulesetPlan): void {}
  releaseHold(_source: Prefix): void {}
  emptyBlockSets(): void {}

  hasDrifted(): boolean {
    return false;
  }

  driftedSets(_among?: readonly string[]): string[] {
    return [];
  }

  generation(): number {
    return 0;
  }

  isPresent(_block: Block): boolean {
    return false;
  }

  holds(_block: Block, _nowMs: number): boolean {
    return false;
  }

  readHeld(): Held[] {
    return [];
  }

  visitHeld(_visit: (held: Held) => void): void {}

  isHeld(_source: Prefix): boolean {
    return false;
  }

  readSetUses(): SetUse[] {
    return [];
  }

  async countSet(_set: string, _pause: () => Promise<void>): Promise<number> {
    return 0;
  }

  countHeld(): number {
    return 0;
  }
}

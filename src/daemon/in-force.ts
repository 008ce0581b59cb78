// What is in force: settings, facts of the host, ports of our own listeners, and the plan for the sensor that follows from them.
// Whatever changes comes in by apply(), and goes from there to every room that goes by it.
import type { Settings } from "../config/settings.ts";
import type { HostFacts } from "../host/host.ts";
import { nearRanges } from "../host/near.ts";
import type { Decoy } from "../sense/decoy.ts";
import type { KernelSensor } from "../table/kernel-sensor.ts";
import type { RulesetPlan } from "../table/ruleset-plan.ts";
import type { Prefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import { graceLeftMs, type Listened, planRuleset } from "./plan.ts";

/** One or more of what may change. */
export interface Change {
  /** The file was read again: every room is set up anew, and who was only logged until now may be found again. */
  readonly settings?: Settings;
  /** The allow list alone. */
  readonly ignored?: readonly Prefix[];
  /** Addresses, routes, resolvers or the guard. */
  readonly host?: HostFacts;
  /** The ports on which our own listeners stand. */
  readonly listened?: Listened;
}

export interface Facts {
  readonly settings: Settings;
  readonly host: HostFacts;
  /** Links of ours. */
  readonly near: AddressRanges;
  readonly listened: Listened;
  readonly behind: AddressRanges | undefined;
}

/** A room that goes by what is in force. */
export interface Follower {
  /** InForce has the new facts already; `before` are those that were. */
  follow?(change: Change, before: Facts): void;
  /** The sensor has taken this plan. `isReplaced`: its table was made anew, and what it had learned and blocked is gone. */
  loaded?(plan: RulesetPlan, isReplaced: boolean): void;
}

export interface InForceParts {
  readonly settings: Settings;
  readonly host: HostFacts;
  readonly sensor: Pick<KernelSensor, "load">;
  /** ANSWER="open". */
  readonly decoy?: Pick<Decoy, "follow" | "plan"> | undefined;
  /** A mirror port. */
  readonly tap?: { readonly homes: AddressRanges } | undefined;
  /** How long the host has been up (BOOT_GRACE), read at each call. */
  readonly uptimeMs: () => number;
}

export class InForce {
  readonly #parts: InForceParts;
  readonly #followers: Follower[] = [];
  #facts: Facts;

  constructor(parts: InForceParts) {
    const { settings, host } = parts;
    this.#parts = parts;
    this.#facts = {
      settings,
      host,
      near: nearRanges(host),
      listened: { tcp: [], udp: [] },
      behind: behindOf(settings),
    };
  }

  /** From now on they follow every change, in this order. */
  tell(...followers: readonly Follower[]): void {
    this.#followers.push(...followers);
  }

  get settings(): Settings {
    return this.#facts.settings;
  }

  get host(): HostFacts {
    return this.#facts.host;
  }

  /** Where IPv6 sources are counted one by one: on links of ours, on a mirror port in the networks that it watches. */
  get near(): AddressRanges {
    return this.#parts.tap?.homes ?? this.#facts.near;
  }

  /** The networks behind this host (PROTECT); undefined: none. */
  get behind(): AddressRanges | undefined {
    return this.#facts.behind;
  }

  /** Whether anything can be blocked by a table of ours. */
  get enforces(): boolean {
    return this.settings.firewall !== "none";
  }

  /** How long BOOT_GRACE goes on; 0 when it is over. */
  graceLeftMs(): number {
    return graceLeftMs(this.settings, this.#parts.uptimeMs());
  }

  plan(): RulesetPlan {
    const { settings, host, listened } = this.#facts;
    return planRuleset(settings, host, { listened, decoy: this.#parts.decoy?.plan(), grace: this.graceLeftMs() > 0 });
  }

  /** Has the sensor take everything, rules too, as it must be now. Throws KernelError. */
  load(): void {
    const { decoy, sensor } = this.#parts;
    decoy?.follow(this.settings);
    const plan = this.plan();
    const isReplaced = sensor.load(plan, this.near);
    for (const follower of this.#followers) follower.loaded?.(plan, isReplaced);
  }

  /** Takes a change into force. New settings that the kernel refuses change nothing: throws KernelError then. */
  apply(change: Change): void {
    const before = this.#facts;
    const { settings = before.settings, host = before.host, listened = before.listened, ignored } = change;
    const near = change.host === undefined ? before.near : nearRanges(host);
    const behind = change.settings === undefined ? before.behind : behindOf(settings);
    this.#facts = {
      settings: ignored === undefined ? settings : { ...settings, ignored },
      host,
      near,
      listened,
      behind,
    };
    if (change.settings !== undefined) this.#loadOr(before);
    for (const follower of this.#followers) follower.follow?.(change, before);
  }

  #loadOr(before: Facts): void {
    try {
      this.load();
    } catch (error) {
      this.#facts = before;
      this.#parts.decoy?.follow(before.settings);
      throw error;
    }
  }
}

function behindOf({ protect }: Settings): AddressRanges | undefined {
  return protect.length === 0 ? undefined : new AddressRanges(protect);
}

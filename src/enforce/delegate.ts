// Blocks that are the administrator's own: KILL_ROUTE, a line in hosts.deny, KILL_RUN_CMD. Runs them when a verdict asks
// for it, hands the source over to the rule that they made (the sensor lets its packets through to it), notices when that
// rule is gone, and undoes it when the block ends.

import type { Settings } from "../config/settings.ts";
import type { Finding } from "../detect/finding.ts";
import type { Block, Trigger } from "../judge/block.ts";
import type { Recorder } from "../record/recorder.ts";
import type { KernelSensor } from "../table/kernel-sensor.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { Responder, ResponseRequest, ResponseResult } from "./commands/responder.ts";

/** Rules asked for in one look where nothing lists them all: each is a process. */
const CHECKS_PER_LOOK = 1;
/** After another program removed rules: more at once, to find what it removed. */
const CHECKS_AFTER_CHANGE = 32;
/** Of those that the list does not name. More wait for the next look. */
const SUSPECTS_PER_LOOK = 256;
/** After a look it rests so much longer than it took, so that long lists cost little; but what vanished is missed soon. */
const REST_FACTOR = 50;
const MAX_REST_MS = 2_500;
/** Rules found gone together that still count as an administrator's own hand. */
const BY_HAND_LIMIT = 1;

export interface DelegateParts {
  readonly responder: Responder;
  readonly sensor: Pick<KernelSensor, "delegation" | "hold">;
  readonly recorder: Recorder;
}

/** What came of the responses to a finding. */
export interface Responded {
  readonly results: readonly ResponseResult[];
  /** The step that shuts the source out now; undefined when none does. */
  readonly backend: "kill-route" | "hosts.deny" | undefined;
}

export class Delegate {
  readonly #parts: DelegateParts;
  #settings: Settings;
  /** Where the next look begins in the list. */
  #cursor = 0;
  #isLooking = false;
  #restUntilMs = 0;

  constructor(settings: Settings, parts: DelegateParts) {
    this.#settings = settings;
    this.#parts = parts;
  }

  setSettings(settings: Settings): void {
    this.#settings = settings;
    this.#parts.responder.setSettings(settings.responses);
  }

  /** Whether a block has anything to run. */
  get hasSteps(): boolean {
    return this.#parts.responder.steps().length > 0;
  }

  /** BLOCK_*="2". */
  async runOnly(finding: Finding): Promise<void> {
    const results = await this.#parts.responder.respond(this.#requestOf(finding.source, finding), ["run"]);
    this.#parts.recorder.responded(finding.source, results, { finding });
  }

  async respond(finding: Finding): Promise<Responded> {
    const results = await this.#parts.responder.respond(this.#requestOf(finding.source, finding));
    const works = (step: ResponseResult["step"]) => results.some((result) => result.step === step && result.ok);
    return { results, backend: works("route") ? "kill-route" : works("hosts-deny") ? "hosts.deny" : undefined };
  }

  /** From now on the administrator's rule gets the source's packets. Returns why not, or "". */
  takeOver(block: Block, nowMs: number): string {
    const { delegation, hold } = this.#parts.sensor;
    const code = delegation?.delegate(block, nowMs) ?? "";
    hold?.release(block.source);
    return code;
  }

  /** The built-in table has the source instead; what the command did is undone when the block ends. */
  giveBack(source: Prefix): void {
    this.#parts.sensor.delegation?.undelegate(source);
  }

  /** Ends a block: undoes what respond() did; what somebody has undone already is no fault. */
  async release(block: Block): Promise<void> {
    if (block.backend !== "nftables") {
      const { delegation } = this.#parts.sensor;
      delegation?.undelegate(block.source);
      delegation?.forgetThrough?.(block.source);
    }
    if (!this.#parts.responder.steps().some((step) => step !== "run")) return;
    const request = this.#requestOf(block.source, block.trigger);
    for (const { ok, text, detail } of await this.#parts.responder.undo(request)) {
      if (!ok)
        this.#parts.recorder.warning(`cannot undo the block of ${formatPrefix(block.source)}: ${detail}: ${text}`);
    }
  }

  /** Does the responses again for a block whose rules a reboot has taken. */
  async restore(block: Block): Promise<boolean> {
    const results = await this.#parts.responder.respond(this.#requestOf(block.source, block.trigger), [
      "hosts-deny",
      "route",
    ]);
    return results.some(({ ok }) => ok);
  }

  /** True or false where the kernel or the file can be asked; undefined where only the exit code is known. */
  isStillThere(block: Block): Promise<boolean | undefined> {
    return this.#parts.responder.isStillThere(
      this.#requestOf(block.source, block.trigger),
      block.backend === "hosts.deny",
    );
  }

  /**
   * Looks which of the blocks have lost their rule, and calls `onGone` with them, if any. `afterChange`: another program
   * has just removed rules.
   */
  async look(
    blocks: readonly Block[],
    afterChange: boolean,
    onGone: (blocks: readonly Block[]) => void | Promise<void>,
  ): Promise<void> {
    if (this.#isLooking || blocks.length === 0) return;
    const startMs = performance.now();
    if (!afterChange && startMs < this.#restUntilMs) return;
    this.#isLooking = true;
    try {
      const gone: Block[] = [];
      for (const block of await this.#suspects(blocks, afterChange)) {
        if ((await this.isStillThere(block)) === false) gone.push(block);
      }
      const endMs = performance.now();
      this.#restUntilMs = endMs + Math.min(MAX_REST_MS, REST_FACTOR * (endMs - startMs));
      if (gone.length > 0) await onGone(gone);
    } finally {
      this.#isLooking = false;
    }
  }

  /** Whether rules that went together were an administrator's unblock, or the doing of a program that knows nothing of it. */
  isByHand(gone: readonly Block[]): boolean {
    return gone.length <= BY_HAND_LIMIT;
  }

  /** Whom to ask for one by one: whom the kernel's own list does not name, or some, each time others. */
  async #suspects(blocks: readonly Block[], afterChange: boolean): Promise<readonly Block[]> {
    const byRoute = blocks.filter(({ backend }) => backend !== "hosts.deny");
    const requests = byRoute.map((block) => ({ ...this.#requestOf(block.source, block.trigger), block }));
    const suspects = await this.#parts.responder.suspects(requests);
    if (suspects === undefined) return this.#inTurn(blocks, afterChange);
    // The newest first: what an administrator has just seen is what he removes.
    const unlisted = suspects.slice(-SUSPECTS_PER_LOOK).map(({ block }) => block);
    const byLine = blocks.filter(({ backend }) => backend === "hosts.deny");
    return [...unlisted, ...this.#inTurn(byLine, afterChange)];
  }

  #inTurn(blocks: readonly Block[], afterChange: boolean): readonly Block[] {
    if (blocks.length === 0) return [];
    const count = Math.min(blocks.length, afterChange ? CHECKS_AFTER_CHANGE : CHECKS_PER_LOOK);
    const from = afterChange ? blocks.length - count : this.#cursor % blocks.length;
    if (!afterChange) this.#cursor = (from + count) % blocks.length;
    return Array.from({ length: count }, (_, index) => blocks[(from + index) % blocks.length]).filter(
      (block) => block !== undefined,
    );
  }

  /** Ends what runs. */
  close(): Promise<void> {
    return this.#parts.responder.close();
  }

  #requestOf(source: Prefix, about: Trigger | undefined): ResponseRequest {
    const { tcp, udp } = this.#settings;
    const isUdp = about?.protocol === IpProtocol.Udp;
    return {
      source,
      port: about?.port ?? 0,
      protocol: isUdp ? IpProtocol.Udp : IpProtocol.Tcp,
      modeName: isUdp ? udp.modeName : tcp.modeName,
    };
  }
}

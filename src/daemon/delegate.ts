// Blocks that are the administrator's own: KILL_ROUTE, a line in hosts.deny, KILL_RUN_CMD. Runs them when a verdict asks
// for it, hands the source over to the rule that they made (the sensor lets its packets through to it), notices when that
// rule is gone, and undoes it when the block ends.
import type { Block, Trigger } from "../block/block.ts";
import type { Firewall } from "../block/firewall.ts";
import type { Responder, ResponseRequest, ResponseResult } from "../block/responder.ts";
import type { Settings } from "../config/settings.ts";
import type { Finding } from "../detect/finding.ts";
import type { Recorder } from "../record/recorder.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";

/** Rules asked for in one look: each is a process. */
const CHECKS_PER_LOOK = 1;
/** After another program removed rules: more at once, to find what it removed. */
const CHECKS_AFTER_CHANGE = 32;

export interface DelegateParts {
  readonly responder: Responder;
  readonly firewall: Firewall;
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
    const code = this.#parts.firewall.delegate(block, nowMs);
    this.#parts.firewall.releaseHold(block.source);
    return code;
  }

  /** Ends a block: undoes what respond() did, in the background; what somebody has undone already is no fault. */
  release(block: Block): void {
    if (block.backend !== "nftables") this.#parts.firewall.undelegate(block.source);
    if (!this.#parts.responder.steps().some((step) => step !== "run")) return;
    const request = this.#requestOf(block.source, block.trigger);
    void this.#parts.responder.undo(request).then((results) => {
      for (const { ok, text, detail } of results) {
        if (!ok)
          this.#parts.recorder.warning(`cannot undo the block of ${formatPrefix(block.source)}: ${detail}: ${text}`);
      }
    });
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
    return this.#parts.responder.isStillThere(this.#requestOf(block.source, block.trigger));
  }

  /**
   * Looks whether the rules of some of the blocks are still there, each time of others; calls `onGone` for those that
   * somebody removed. `afterChange`: another program has just removed rules.
   */
  async look(blocks: readonly Block[], afterChange: boolean, onGone: (block: Block) => void): Promise<void> {
    if (this.#isLooking || blocks.length === 0) return;
    this.#isLooking = true;
    try {
      const count = Math.min(blocks.length, afterChange ? CHECKS_AFTER_CHANGE : CHECKS_PER_LOOK);
      // After a change the newest first: what an administrator has just seen is what he removes.
      const from = afterChange ? blocks.length - count : this.#cursor % blocks.length;
      if (!afterChange) this.#cursor = (from + count) % blocks.length;
      const chosen = Array.from({ length: count }, (_, index) => blocks[(from + index) % blocks.length]);
      for (const block of chosen) {
        if (block !== undefined && (await this.isStillThere(block)) === false) onGone(block);
      }
    } finally {
      this.#isLooking = false;
    }
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

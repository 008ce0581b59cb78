// The administrator's own responses: KILL_ROUTE, a line in hosts.deny, KILL_RUN_CMD. Runs them when a verdict asks for it,
// hands the source over to the rule that they made (the sensor lets its packets through to it), and undoes them when the
// block ends, whichever backend makes it.

import type { Troubles } from "../base/troubles.ts";
import type { Settings } from "../config/settings.ts";
import type { Finding } from "../detect/finding.ts";
import { type Block, isInTable, type Trigger } from "../judge/block.ts";
import type { Recorder } from "../record/recorder.ts";
import type { KernelSensor } from "../table/kernel-sensor.ts";
import type { Prefix } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import { type CommandBackend, undoCommands } from "./backends/command-backend.ts";
import { openCommandBackends } from "./backends.ts";
import { CommandHealth } from "./command-health.ts";
import { hasResponses, leftOver } from "./commands/made-by.ts";
import type { Responder } from "./commands/responder.ts";
import type { ResponseRequest, ResponseResult } from "./commands/response.ts";
import { RuleLook } from "./rule-look.ts";

/** Rules found gone together that still count as an administrator's own hand. */
const BY_HAND_LIMIT = 1;

export interface DelegateParts {
  readonly responder: Responder;
  readonly sensor: Pick<KernelSensor, "delegation" | "hold">;
  readonly recorder: Pick<Recorder, "responded">;
  readonly troubles: Troubles;
}

/** What came of the responses to a finding. */
export interface Responded {
  readonly results: readonly ResponseResult[];
  /** What shuts the source out now; undefined when nothing does. */
  readonly backend: Pick<CommandBackend, "name" | "suffices"> | undefined;
  /** What did it (Block.madeBy). */
  readonly madeBy: string;
}

export class Delegate {
  readonly #parts: DelegateParts;
  readonly #backends: readonly CommandBackend[];
  readonly #look: RuleLook;
  readonly #health: CommandHealth;
  #settings: Settings;

  constructor(settings: Settings, parts: DelegateParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#health = new CommandHealth(parts.troubles);
    this.#backends = openCommandBackends({ responder: parts.responder, requestOf: (block) => this.#requestFor(block) });
    this.#look = new RuleLook(this.#backends);
  }

  setSettings(settings: Settings): void {
    this.#settings = settings;
    this.#parts.responder.setSettings(settings.responses);
    this.#health.forget();
  }

  get counters(): Readonly<Record<string, number>> {
    return this.#health.counters;
  }

  /** Whether a block has anything to run. */
  get hasSteps(): boolean {
    return this.#parts.responder.steps().length > 0;
  }

  /** What a block is made by for which every command works (Block.madeBy). */
  get madeBy(): string {
    return this.#parts.responder.madeBy;
  }

  /** Runs KILL_RUN_CMD and nothing else. */
  async run(finding: Finding): Promise<void> {
    const { responder, recorder } = this.#parts;
    if (!responder.steps().includes("run")) return;
    const results = await this.#noted(
      finding.source,
      responder.run(requestFor(this.#settings, finding.source, finding)),
    );
    recorder.responded(finding.source, results, { finding });
  }

  /** Runs what blocks; KILL_RUN_CMD before it where it comes first. */
  async respond(finding: Finding): Promise<Responded> {
    const { responder } = this.#parts;
    const request = requestFor(this.#settings, finding.source, finding);
    const before = this.#runsFirst ? await this.#noted(finding.source, responder.run(request)) : [];
    const { results, madeBy } = await responder.respond(request);
    this.#health.note(finding.source, results);
    const works = ({ step }: CommandBackend) => results.some((result) => result.step === step && result.ok);
    return { results: [...before, ...results], backend: this.#backends.find(works), madeBy };
  }

  /** Runs KILL_RUN_CMD where it comes after the block, and leaves it to the caller to tell what came of it. No block waits for it. */
  async runAfter(finding: Finding): Promise<readonly ResponseResult[]> {
    const { responder } = this.#parts;
    if (this.#runsFirst || !responder.steps().includes("run")) return [];
    return await this.#noted(finding.source, responder.run(requestFor(this.#settings, finding.source, finding)));
  }

  get #runsFirst(): boolean {
    return this.#parts.responder.steps()[0] === "run" && this.#settings.responses.runCommandFirst;
  }

  async #noted(source: Prefix, work: Promise<readonly ResponseResult[]>): Promise<readonly ResponseResult[]> {
    const results = await work;
    this.#health.note(source, results);
    return results;
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

  /**
   * Ends a block: undoes what made it; what somebody has undone already is no fault. Returns what could not be undone, with
   * the reason, for a person.
   */
  async release(block: Block): Promise<readonly string[]> {
    const { responder, sensor } = this.#parts;
    const { delegation } = sensor;
    if (!isInTable(block)) {
      delegation?.undelegate(block.source);
      delegation?.forgetThrough?.(block.source);
    }
    const isKnown = block.madeBy !== undefined || responder.steps().some((step) => step !== "run");
    return isKnown && hasResponses(block) ? this.#undo(responder, block) : [];
  }

  /** Undoes what commands of other settings did for a block whose source another one shuts out now. */
  releaseLeftOver(before: Block, after: Pick<Block, "madeBy">): Promise<readonly string[]> {
    const madeBy = leftOver(before.madeBy, after.madeBy);
    return madeBy === "" ? Promise.resolve([]) : this.#undo(this.#parts.responder, { ...before, madeBy });
  }

  async #undo(responder: Responder, block: Block): Promise<readonly string[]> {
    const requestOf = (each: Block) => this.#requestFor(each);
    const failed = await undoCommands({ responder, requestOf }, [block]);
    return failed.map(({ failure }) => failure);
  }

  /**
   * Does the responses again, as the settings are now, for a block whose rules a reboot, or another program, has taken.
   * Returns the block as it stands now, or why it does not.
   */
  async restore(block: Block): Promise<Block | string> {
    const [outcome] = (await this.#backendOf(block)?.enforce([block])) ?? [];
    if (outcome === undefined) return "no command is set";
    if (outcome.failure !== "") return outcome.failure;
    await this.releaseLeftOver(block, outcome.block);
    return outcome.block;
  }

  /** Whether a command has the block, and one after which its source gets no answer from this host. */
  suffices(block: Block): boolean {
    return this.#backendOf(block)?.suffices === true;
  }

  /** True or false where the kernel or the file can be asked; undefined where only the exit code is known. */
  async stands(block: Block): Promise<boolean | undefined> {
    return this.#backendOf(block)?.stands(block);
  }

  /** Looks which of the blocks have lost their rule (RuleLook.look). */
  look(
    blocks: readonly Block[],
    afterChange: boolean,
    onGone: (blocks: readonly Block[]) => void | Promise<void>,
  ): Promise<void> {
    return this.#look.look(blocks, afterChange, onGone);
  }

  /** Whether rules that went together were an administrator's unblock, or the doing of a program that knows nothing of it. */
  isByHand(gone: readonly Block[]): boolean {
    return gone.length <= BY_HAND_LIMIT;
  }

  /** Ends what runs. */
  async close(): Promise<void> {
    await Promise.all(this.#backends.map((backend) => backend.close()));
  }

  #backendOf(block: Block): CommandBackend | undefined {
    return this.#backends.find(({ name }) => name === block.backend);
  }

  #requestFor({ source, trigger, madeBy }: Block): ResponseRequest {
    return { ...requestFor(this.#settings, source, trigger), madeBy };
  }
}

/** The request that the steps get for a source; `about` is the probe that decided. */
export function requestFor({ tcp, udp }: Settings, source: Prefix, about: Trigger | undefined): ResponseRequest {
  const isUdp = about?.protocol === IpProtocol.Udp;
  return {
    source,
    port: about?.port ?? 0,
    protocol: isUdp ? IpProtocol.Udp : IpProtocol.Tcp,
    modeName: isUdp ? udp.modeName : tcp.modeName,
  };
}

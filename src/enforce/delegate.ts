// The administrator's own responses: KILL_ROUTE, a line in hosts.deny, KILL_RUN_CMD. Runs them when a verdict asks for it,
// hands the source over to the rule that they made (the sensor lets its packets through to it), and undoes them when the
// block ends, whichever backend makes it.

import type { Settings } from "../config/settings.ts";
import type { Finding } from "../detect/finding.ts";
import { type Block, isInTable, type Trigger } from "../judge/block.ts";
import type { Recorder } from "../record/recorder.ts";
import type { KernelSensor } from "../table/kernel-sensor.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import { type CommandBackend, undoCommands } from "./backends/command-backend.ts";
import { openCommandBackends } from "./backends.ts";
import type { Responder } from "./commands/responder.ts";
import type { ResponseRequest, ResponseResult } from "./commands/response.ts";
import { RuleLook } from "./rule-look.ts";

/** Rules found gone together that still count as an administrator's own hand. */
const BY_HAND_LIMIT = 1;

export interface DelegateParts {
  readonly responder: Responder;
  readonly sensor: Pick<KernelSensor, "delegation" | "hold">;
  readonly recorder: Pick<Recorder, "responded" | "warning">;
}

/** What came of the responses to a finding. */
export interface Responded {
  readonly results: readonly ResponseResult[];
  /** What shuts the source out now; undefined when nothing does. */
  readonly backend: Pick<CommandBackend, "name" | "suffices"> | undefined;
}

export class Delegate {
  readonly #parts: DelegateParts;
  readonly #backends: readonly CommandBackend[];
  readonly #look: RuleLook;
  #settings: Settings;

  constructor(settings: Settings, parts: DelegateParts) {
    this.#settings = settings;
    this.#parts = parts;
    const { responder } = parts;
    const requestOf = ({ source, trigger }: Block) => requestFor(this.#settings, source, trigger);
    this.#backends = openCommandBackends({ responder, requestOf });
    this.#look = new RuleLook(this.#backends);
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
    const results = await this.#parts.responder.respond(requestFor(this.#settings, finding.source, finding), ["run"]);
    this.#parts.recorder.responded(finding.source, results, { finding });
  }

  /** Runs every step. */
  async respond(finding: Finding): Promise<Responded> {
    const results = await this.#parts.responder.respond(requestFor(this.#settings, finding.source, finding));
    const works = ({ step }: CommandBackend) => results.some((result) => result.step === step && result.ok);
    return { results, backend: this.#backends.find(works) };
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
    const { responder, recorder, sensor } = this.#parts;
    const { delegation } = sensor;
    if (!isInTable(block)) {
      delegation?.undelegate(block.source);
      delegation?.forgetThrough?.(block.source);
    }
    if (!responder.steps().some((step) => step !== "run")) return;
    // Beside a block of the table the same steps have run.
    const requestOf = ({ source, trigger }: Block) => requestFor(this.#settings, source, trigger);
    const failed = await (this.#backendOf(block)?.lift([block]) ?? undoCommands({ responder, requestOf }, [block]));
    for (const { failure } of failed)
      recorder.warning(`cannot undo the block of ${formatPrefix(block.source)}: ${failure}`);
  }

  /** Does the responses again for a block whose rules a reboot, or another program, has taken. */
  async restore(block: Block): Promise<boolean> {
    const [outcome] = (await this.#backendOf(block)?.enforce([block])) ?? [];
    return outcome?.failure === "";
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

// The allow list while the daemon runs: follows its files, edits them for `portreeve allow` and `disallow`, and tells `status`
// which of their lines exempt nobody.
import type { Troubles } from "../base/troubles.ts";
import { allowIn, disallowIn, type IgnoreEdited } from "../config/edit-ignore.ts";
import { IgnoreWatch } from "../config/ignore-watch.ts";
import type { AllowListChange, AllowRequest, DisallowRequest, Reply } from "../control/api.ts";
import { readTarget, refuse } from "../control/target.ts";
import type { Daemon } from "../daemon/daemon.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";

const TOPIC = "IGNORE_FILE";

export class AllowList {
  readonly #daemon: Daemon;
  readonly #troubles: Troubles;
  #watch: IgnoreWatch | undefined;

  constructor(daemon: Daemon, troubles: Troubles) {
    this.#daemon = daemon;
    this.#troubles = troubles;
  }

  /** Follows the files that the settings in force name. */
  watch(): void {
    this.close();
    const { ignoreFile: path, ignored: loaded } = this.#daemon.settings;
    if (path !== undefined)
      this.#watch = new IgnoreWatch(
        { path, loaded },
        {
          onChange: (prefixes, paths) => this.#changed(prefixes, paths),
          onProblem: (message) => this.#daemon.recorder.warning(message),
        },
      );
    this.#tellLeftOut();
  }

  /** To be called every few seconds. */
  poll(): void {
    this.#watch?.poll();
  }

  close(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }

  /** Answers when the entry is in force. */
  allow({ source, reason, force }: AllowRequest): Promise<Reply<AllowListChange>> {
    return this.#edit(source, (path, entry) => allowIn(path, entry, { reason, force }));
  }

  disallow({ source }: DisallowRequest): Promise<Reply<AllowListChange>> {
    return this.#edit(source, disallowIn);
  }

  async #edit(
    text: string,
    edit: (path: string, entry: Prefix) => Promise<IgnoreEdited>,
  ): Promise<Reply<AllowListChange>> {
    const parsed = readTarget(text);
    if ("refused" in parsed) return parsed;
    const { blocker, sources, settings } = this.#daemon;
    if (settings.ignoreFile === undefined)
      return refuse("no-list", "the configuration names no IGNORE_FILE: name a file there, and reload");
    const edited = await edit(settings.ignoreFile, parsed.ok);
    if ("refused" in edited) return edited;
    const before = blocker.list.inside(parsed.ok).map((block) => block.source);
    this.#watch?.readNow();
    sources.release(parsed.ok);
    const unblocked = before.filter((one) => blocker.list.get(one) === undefined).map(formatPrefix);
    return { ok: { source: formatPrefix(parsed.ok), ...edited.ok, unblocked } };
  }

  #changed(prefixes: readonly Prefix[], paths: readonly string[]): void {
    const { inForce, recorder } = this.#daemon;
    inForce.apply({ ignored: prefixes });
    const have = paths.length === 1 ? "has" : "have";
    recorder.notice(`${paths.join(" and ")} ${have} changed: ${prefixes.length} entries are exempt now`);
    this.#tellLeftOut();
  }

  #tellLeftOut(): void {
    const sentences = this.#watch?.leftOut() ?? [];
    if (sentences.length === 0) this.#troubles.clear(TOPIC);
    else this.#troubles.set(TOPIC, sentences.join("; "));
  }
}

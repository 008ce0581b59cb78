// What happens when a trial comes near its end, is over, or is confirmed.
import { messageOf } from "../base/errors.ts";
import { plural } from "../base/plural.ts";
import type { Confirmation, Reply } from "../control/api.ts";
import type { Daemon } from "../daemon/daemon.ts";
import type { Trial } from "../enforce/trial.ts";

/** The parts of the daemon that a trial acts on. */
export type OnTrial = Pick<Daemon, "settings"> & {
  readonly inForce: Pick<Daemon["inForce"], "apply">;
  readonly blocker: Pick<Daemon["blocker"], "list" | "lift" | "keepAfterTrial">;
  readonly recorder: Pick<Daemon["recorder"], "warning" | "notice">;
};

/** Once a second. */
export function tickTrial(trial: Trial, daemon: OnTrial): void {
  switch (trial.tick()) {
    case "warn":
      daemon.recorder.warning(trial.warning([...daemon.blocker.list.onTrial()].length));
      break;
    case "end":
      endTrial(trial, daemon);
      break;
    case undefined:
      break;
  }
}

function endTrial(trial: Trial, daemon: OnTrial): void {
  const { blocker, recorder } = daemon;
  const blocks = [...blocker.list.onTrial()];
  const failures = blocker.lift(blocks, "the trial is over");
  // The kernel ends them by itself as well; that one could not be removed may mean that it has just done so.
  for (const failure of failures) recorder.warning(`the end of the trial: ${failure}`);
  recorder.warning(
    `the trial is over and was not confirmed: ${plural(blocks.length, "block")} lifted; scans are only logged now, until "portreeve confirm" or a restart`,
  );
  daemon.inForce.apply({ settings: trial.current(daemon.settings) });
}

/** `portreeve confirm`. Again is no error. */
export function confirmTrial(trial: Trial | undefined, daemon: OnTrial): Reply<Confirmation> {
  if (trial === undefined) {
    const message = 'this daemon is not on trial (it was not started by "portreeve run --trial"): nothing to confirm';
    return { refused: { code: "no-trial", message } };
  }
  const { phase } = trial;
  if (phase === "confirmed") return { ok: { inTime: true, kept: 0 } };
  trial.confirm();
  const settings = trial.current(daemon.settings);
  try {
    daemon.inForce.apply({ settings });
  } catch (error) {
    const message = `confirmed, but the rules cannot be loaded: ${messageOf(error)}`;
    daemon.recorder.warning(message);
    return { refused: { code: "kernel", message } };
  }
  const kept = daemon.blocker.keepAfterTrial();
  daemon.recorder.notice(
    phase === "running"
      ? `The trial is confirmed: blocking goes on, ${plural(kept, "block")} of it stay until their own time.`
      : "The trial is confirmed after its end: blocking is on again.",
  );
  return { ok: { inTime: phase === "running", kept } };
}

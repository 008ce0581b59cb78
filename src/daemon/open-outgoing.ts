// OUTGOING: joins the watch for outgoing scans with what is in force.
import type { Judge } from "../judge/judge.ts";
import type { Recorder } from "../record/recorder.ts";
import { OutgoingWatch } from "../sense/outgoing-watch.ts";
import { prefixContains } from "../wire/address.ts";
import type { DaemonParts } from "./daemon-parts.ts";
import type { InForce } from "./in-force.ts";

interface Joined extends Pick<DaemonParts, "outgoing" | "capture" | "clock" | "troubles"> {
  readonly inForce: InForce;
  readonly recorder: Recorder;
  readonly judge: Judge;
}

/** undefined where the kernel's table does not tell of what is sent. */
export function openOutgoing({ outgoing, capture, clock, troubles, inForce, recorder, judge }: Joined) {
  if (outgoing === undefined) return undefined;
  return new OutgoingWatch({
    ...{ ...outgoing, settings: () => inForce.settings, clock, recorder, troubles, lost: () => capture.lost },
    isOwn: ({ w0, w1, w2, w3 }) => judge.spares(w0, w1, w2, w3) === "own",
    isContainer: (address) =>
      inForce.host.guarded?.some(
        ({ because, source }) => because === "container" && prefixContains(source, address),
      ) === true,
    isLeftOut: (...words) => judge.spares(...words) !== undefined,
  });
}

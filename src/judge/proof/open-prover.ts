// The silence test with a raw socket to answer from.
import { randomInt } from "node:crypto";
import { ResetSender } from "../../kernel/tcp-reset.ts";
import { DelayedAnswers } from "./delayed-answers.ts";
import { Prover } from "./prover.ts";

/**
 * Throws KernelError where no raw socket is to be had. `keep` keeps the sockets that it opens, and closes them at the
 * end.
 */
export function openProver(keep: <T extends { close(): void | Promise<void> }>(resource: T) => T, nowMs: () => number) {
  const sender = keep(new ResetSender());
  const later = (task: () => void, delayMs: number) => void setTimeout(task, delayMs).unref();
  const answers = keep(new DelayedAnswers({ sender, random: () => randomInt(2 ** 32) / 2 ** 32, later }));
  return keep(new Prover(answers, nowMs));
}

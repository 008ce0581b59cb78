import assert from "node:assert/strict";
import { test } from "node:test";
import { DelayedAnswers, MAX_DELAY_MS } from "../../../src/judge/proof/delayed-answers.ts";
import type { AnsweredSyn } from "../../../src/kernel/tcp-reset.ts";

function room() {
  const sent: AnsweredSyn[] = [];
  const waiting: { readonly task: () => void; readonly delayMs: number }[] = [];
  let draws = 0;
  const sender = { answer: (syn: AnsweredSyn) => void sent.push(syn), sent: 0, refused: 0 };
  const answers = new DelayedAnswers({
    sender,
    random: () => [0, 0.5, 0.999][draws++ % 3] ?? 0,
    later: (task, delayMs) => void waiting.push({ task, delayMs }),
  });
  return { answers, sender, sent, waiting };
}

const syn = {
  family: 4,
  source0: 0,
  source1: 0,
  source2: 0xffff,
  source3: 1,
  destination0: 0,
  destination1: 0,
  destination2: 0xffff,
  destination3: 2,
  sourcePort: 40_000,
  destinationPort: 81,
  tcpSequence: 7,
};

test("each answer waits for a time of its own, from nothing to the most", () => {
  const { answers, sent, waiting } = room();
  for (const destinationPort of [81, 82, 83]) answers.answer({ ...syn, destinationPort });
  assert.deepEqual(sent, []);
  assert.deepEqual(
    waiting.map(({ delayMs }) => Math.round(delayMs)),
    [0, MAX_DELAY_MS / 2, MAX_DELAY_MS],
  );
  for (const { task } of waiting.toReversed()) task();
  assert.deepEqual(
    sent.map(({ destinationPort }) => destinationPort),
    [83, 82, 81],
  );
});

test("the record that was answered may be used again at once", () => {
  const { answers, sent, waiting } = room();
  const reused = { ...syn };
  answers.answer(reused);
  reused.destinationPort = 9;
  for (const { task } of waiting) task();
  assert.equal(sent[0]?.destinationPort, 81);
});

test("no more than 512 wait, the rest is counted; nothing is sent after the end", () => {
  const { answers, sent, waiting } = room();
  for (let count = 0; count < 600; count++) answers.answer(syn);
  assert.equal(waiting.length, 512);
  assert.equal(answers.refused, 88);
  answers.close();
  for (const { task } of waiting) task();
  assert.deepEqual(sent, []);
});

test("what the sender has sent and refused is told, with what had no room to wait", () => {
  const { answers, sender } = room();
  Object.assign(sender, { sent: 7, refused: 3 });
  assert.deepEqual([answers.sent, answers.refused], [7, 3]);
  for (let count = 0; count < 513; count++) answers.answer(syn);
  assert.deepEqual([answers.sent, answers.refused], [7, 4]);
});

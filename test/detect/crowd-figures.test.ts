// docs/reference/detection.md has the figures of "Many sources", and they are as promised.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readRepositoryFile } from "../config/support.ts";
import { alarmsADay, DAY, MINUTE, probesOfBots, randomFrom, shipped, toldAfter } from "./crowd-figures.ts";

const page = readRepositoryFile("docs/reference/detection.md");

function assertOnPage(line: string): void {
  assert.ok(page.includes(line), `docs/reference/detection.md has no line\n${line}`);
}

function rate(probability: number): string {
  if (probability === 0) return "never";
  if (probability >= 0.1) return probability.toFixed(2);
  return probability < 1e-30 ? "< 1e-30" : probability.toExponential(1);
}

test("the page has how seldom innocent neighbours are found in a day", () => {
  for (const [name, perDay, clients] of [
    ["20 clients, one wrong port a day each", 20, 20],
    ["254 clients, one a month each", 254 / 30, 254],
    ["254 clients, one a week each", 254 / 7, 254],
    ["254 clients, one a day each", 254, 254],
    ["a carrier's gateway, 1,500 a day", 1_500, 256],
    ["64 bots of 256, 250 packets/s each", probesOfBots(64, 250), 64],
    ["256 bots of 256, 250 packets/s each", probesOfBots(256, 250), 256],
    ["256 bots of 256, 1,000 packets/s each", probesOfBots(256, 1_000), 256],
  ] as const) {
    const fast = alarmsADay(perDay, clients, shipped.neighbours, MINUTE);
    const slow = alarmsADay(perDay, clients, shipped.slowNeighbours, DAY);
    assert.ok(fast < 1e-5, `${name}: the fast memory blocks, so it must not err`);
    assertOnPage(`| ${name} | ${perDay.toFixed(1)} | ${rate(fast)} | ${rate(slow)} |`);
  }
});

test("the page has after how many strangers their scan is told of", () => {
  const next = randomFrom(5);
  const zipf = (share: number) => () => (next() < share ? Math.floor(next() * 65_536) : Math.floor(65_536 ** next()));
  for (const [name, portOf] of [
    ["each another port", (at: number) => 1 + ((at * 97) % 65_535)],
    ["any of 65,535 ports at random", () => 1 + Math.floor(next() * 65_535)],
    ["any of 1,000 ports at random", () => 1 + Math.floor(next() * 1_000)],
    ["any of 100 ports at random", () => 1 + Math.floor(next() * 100)],
    ["half of them any port, half by popularity", zipf(0.5)],
    ["three quarters any port, a quarter by popularity", zipf(0.75)],
  ] as const) {
    const after = toldAfter(4_096, portOf);
    assertOnPage(`| ${name} | ${after === undefined ? "not of 4,096" : after} |`);
  }
});

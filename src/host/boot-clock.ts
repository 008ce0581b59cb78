// The clock that blocks run on (base/clock.ts): the kernel's monotonic clock, which nobody can set, counted from a start
// that is kept in STATE_DIR. So an end that one daemon has stored means the same to the next daemon of the same boot,
// whatever was done to the wall clock meanwhile. Over a reboot the wall clock tells how much time has passed: no other
// clock does. See docs/decisions/0023.

import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  readFileSync,
  readlinkSync,
  renameSync,
  writeSync,
} from "node:fs";
import { uptime } from "node:os";
import type { Clock } from "../base/clock.ts";
import { openOurs, readOurs, statOurs } from "../base/trust.ts";

/** The state that is kept: a line of JSON. */
export interface ClockState {
  /** The boot, and the time namespace, in which startMs was taken. */
  readonly boot: string;
  /** nowMs() when the monotonic clock of this boot stood at nought. */
  readonly startMs: number;
  /** How far the wall clock was ahead of nowMs() when it was last looked at. */
  readonly aheadMs: number;
  /** nowMs() when this was written: a later boot does not begin before it. */
  readonly lastMs: number;
}

/** Where the times come from; tests give their own. */
export interface ClockSources {
  readonly boot: () => string;
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
  /** Throws when there is one that cannot be read; undefined where there is none. */
  readonly load: () => ClockState | undefined;
  readonly save: (state: ClockState) => void;
}

/** Moves of the wall clock below this, or measured across an interruption, are not followed. */
const JITTER_MS = 100;
const MAX_INTERRUPTION_MS = 20;
/** A difference that is reported, and kept at once. */
const SET_MS = 2_000;
/** How often the state is kept even though nobody sets a clock. */
const SAVE_MS = 600_000;

export class BootClock implements Clock {
  readonly #sources: ClockSources;
  readonly #boot: string;
  readonly #startMs: number;
  readonly #say: (message: string) => void;
  #aheadMs: number;
  /** The difference that was reported and kept last. */
  #toldAheadMs: number;
  #savedMs = Number.NEGATIVE_INFINITY;
  #isFailing = false;

  constructor(sources: ClockSources, say: (message: string) => void) {
    this.#sources = sources;
    this.#say = say;
    this.#boot = sources.boot();
    const kept = this.#load();
    const monotonicMs = sources.monotonicMs();
    this.#startMs = startOf(kept, this.#boot, { monotonicMs, wallMs: sources.wallMs() });
    this.#aheadMs = kept?.aheadMs ?? 0;
    this.#follow();
    this.#toldAheadMs = this.#aheadMs;
    this.save();
  }

  readonly nowMs = (): number => Math.floor(this.#startMs + this.#sources.monotonicMs());

  readonly wallMs = (timeMs: number): number => {
    this.#follow();
    return timeMs + this.#aheadMs;
  };

  readonly ofWallMs = (wallMs: number): number => wallMs - this.#aheadMs;

  /** nowMs() when this boot began. */
  get bootMs(): number {
    return this.#startMs;
  }

  /** Once a second: follows the wall clock, says when it was set, and keeps what the next daemon must know. */
  tick(): void {
    this.#follow();
    const movedMs = this.#aheadMs - this.#toldAheadMs;
    if (Math.abs(movedMs) >= SET_MS) {
      this.#toldAheadMs = this.#aheadMs;
      const how = `${Math.round(Math.abs(movedMs) / 1000)} s ${movedMs > 0 ? "forward" : "back"}`;
      this.#say(`the wall clock was set ${how}, or this host slept: each block keeps the time that it has left`);
      this.save();
    } else if (this.nowMs() - this.#savedMs >= SAVE_MS) {
      this.save();
    }
  }

  /** Never throws; a failure to write is reported once. */
  save(): void {
    this.#savedMs = this.nowMs();
    const state = { boot: this.#boot, startMs: this.#startMs, aheadMs: this.#aheadMs, lastMs: this.#savedMs };
    try {
      this.#sources.save(state);
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing)
        this.#say(
          `cannot keep the clock in STATE_DIR: ${String(error)}; if the wall clock is set, a restart shifts blocks`,
        );
      this.#isFailing = true;
    }
  }

  #load(): ClockState | undefined {
    try {
      return this.#sources.load();
    } catch (error) {
      this.#say(
        `the clock that was kept in STATE_DIR cannot be used: ${String(error)}; the wall clock is taken instead`,
      );
      return undefined;
    }
  }

  #follow(): void {
    const { monotonicMs, wallMs } = this.#sources;
    const beforeMs = monotonicMs();
    const aheadMs = wallMs() - this.#startMs - beforeMs;
    if (Math.abs(aheadMs - this.#aheadMs) <= JITTER_MS || monotonicMs() - beforeMs > MAX_INTERRUPTION_MS) return;
    this.#aheadMs = Math.round(aheadMs);
  }
}

interface Times {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

function startOf(kept: ClockState | undefined, boot: string, { monotonicMs, wallMs }: Times): number {
  // A monotonic clock that ran back is that of another boot, whatever it is called.
  if (kept?.boot === boot && kept.startMs + monotonicMs >= kept.lastMs) return kept.startMs;
  const byWallMs = Math.floor(wallMs - (kept?.aheadMs ?? 0) - monotonicMs);
  // A host whose clock starts anew at each boot: time goes on where it stopped.
  return Math.max(byWallMs, kept?.lastMs ?? byWallMs);
}

/** The clock of this host, kept in `path`. */
export function openBootClock(path: string, say: (message: string) => void): BootClock {
  const baseMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  return new BootClock(
    {
      boot: readBoot,
      // CLOCK_MONOTONIC.
      monotonicMs: () => baseMs + performance.now(),
      wallMs: Date.now,
      load: () => readState(path),
      save: (state) => writeState(path, state),
    },
    say,
  );
}

/** How long this host has been up, sleep included; setting the wall clock does not change it. */
export function uptimeMs(): number {
  return uptime() * 1000;
}

function readBoot(): string {
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  try {
    // A daemon in a time namespace has a monotonic clock of its own.
    return `${bootId} ${readlinkSync("/proc/self/ns/time")}`;
  } catch {
    // A kernel without them.
    return bootId;
  }
}

const MAX_STATE_BYTES = 1_024;
/** Whether a Date can print it. */
const MAX_TIME_MS = 8.64e15;

function readState(path: string): ClockState | undefined {
  let text: string;
  try {
    text = readOurs(path, MAX_STATE_BYTES).toString("utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  return parseClockState(text);
}

/** Throws when the text is no state. */
export function parseClockState(text: string): ClockState {
  const value: unknown = JSON.parse(text);
  const { boot, startMs, aheadMs, lastMs } = Object(value) as Record<string, unknown>;
  if (typeof boot !== "string" || !isTime(startMs) || !isTime(aheadMs) || !isTime(lastMs))
    throw new Error("it is damaged");
  return { boot, startMs, aheadMs, lastMs };
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Math.abs(value) <= MAX_TIME_MS;
}

function writeState(path: string, state: ClockState): void {
  const beside = `${path}.new`;
  // What stands there and is no file of ours is not replaced.
  statOurs(path);
  const file = openOurs(beside, constants.O_WRONLY | constants.O_CREAT);
  try {
    ftruncateSync(file);
    writeSync(file, `${JSON.stringify(state)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(beside, path);
}

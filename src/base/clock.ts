// The two clocks of the daemon. Everything that ends, lasts or is counted in a window goes by a clock that nobody sets; times
// that a person or another program reads are the wall clock's, converted when they are printed.

export interface Clock {
  /**
   * For ends, windows, rates and ages, and for everything that is stored to be compared later: milliseconds on a clock that
   * nobody sets. It never runs back, and neither NTP, an administrator nor a resumed virtual machine moves it; like the
   * kernel's timers it stands still while the machine sleeps. Its numbers are the wall clock's as long as that is not set.
   */
  readonly nowMs: () => number;
  /** The wall clock's time at the moment `timeMs` of nowMs(), as that clock is set now. For print only: never compare it. */
  readonly wallMs: (timeMs: number) => number;
  /** The other way, for packets of a ring, which the kernel has stamped with the wall clock a moment ago. */
  readonly ofWallMs: (wallMs: number) => number;
}

/** One clock, the wall's, for tests and for programs that only read the files of a daemon. */
export const wallClock: Clock = { nowMs: Date.now, wallMs: (timeMs) => timeMs, ofWallMs: (wallMs) => wallMs };

/** A moment of the clock as events, `blocked --json` and `why` print it. */
export function printTime(clock: Pick<Clock, "wallMs">, timeMs: number): string {
  return isoTime(clock.wallMs(timeMs));
}

/** A capture can hold any time: what is beyond the calendar is told as its nearest end. */
export function isoTime(wallMs: number): string {
  const limit = 8.64e15;
  return new Date(Number.isFinite(wallMs) ? Math.min(limit, Math.max(-limit, wallMs)) : 0).toISOString();
}

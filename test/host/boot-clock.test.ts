import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { BootClock, type ClockState, openBootClock, parseClockState } from "../../src/host/boot-clock.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOON = Date.UTC(2026, 0, 1, 12);

/** A host whose clocks, boots and file the test sets. */
class FakeHost {
  boot = "one";
  monotonicMs = 100_000;
  wallMs = NOON;
  kept: ClockState | undefined;
  canSave = true;
  readonly said: string[] = [];

  open(): BootClock {
    return new BootClock(
      {
        boot: () => this.boot,
        monotonicMs: () => this.monotonicMs,
        wallMs: () => this.wallMs,
        load: () => this.kept,
        save: (state) => {
          if (!this.canSave) throw new Error("EROFS");
          this.kept = state;
        },
      },
      (message) => this.said.push(message),
    );
  }

  pass(ms: number): void {
    this.monotonicMs += ms;
    this.wallMs += ms;
  }

  reboot(offMs: number): void {
    this.boot += "+";
    this.monotonicMs = 5_000;
    this.wallMs += offMs;
  }
}

test("as long as nobody sets the wall clock both show the same", () => {
  const host = new FakeHost();
  const clock = host.open();
  assert.equal(clock.nowMs(), NOON);
  host.pass(HOUR);
  assert.equal(clock.nowMs(), NOON + HOUR);
  assert.equal(clock.wallMs(clock.nowMs()), NOON + HOUR);
  assert.deepEqual(host.said, []);
});

for (const stepMs of [HOUR, -HOUR, 400 * DAY, -40 * 365 * DAY]) {
  test(`a wall clock that is set by ${stepMs / HOUR} h moves what is printed and nothing else`, () => {
    const host = new FakeHost();
    const clock = host.open();
    const endMs = clock.nowMs() + DAY;
    host.wallMs += stepMs;
    assert.equal(clock.nowMs(), NOON);
    // In an hour it ends in 23 hours, and the wall clock will then show what is printed.
    host.pass(HOUR);
    assert.equal(endMs - clock.nowMs(), 23 * HOUR);
    assert.equal(clock.wallMs(endMs), host.wallMs + 23 * HOUR);
    assert.equal(clock.ofWallMs(host.wallMs), clock.nowMs());
  });

  test(`the next daemon of the same boot goes on, whatever the wall clock was set by (${stepMs / HOUR} h)`, () => {
    const host = new FakeHost();
    const endMs = host.open().nowMs() + DAY;
    // Set while no daemon runs: nobody has noticed.
    host.wallMs += stepMs;
    host.pass(HOUR);
    const clock = host.open();
    assert.equal(endMs - clock.nowMs(), 23 * HOUR);
    assert.equal(clock.wallMs(clock.nowMs()), host.wallMs);
  });
}

test("what was set is told once, and kept for the next boot", () => {
  const host = new FakeHost();
  const clock = host.open();
  clock.tick();
  assert.deepEqual(host.said, []);
  host.wallMs += 2 * HOUR;
  clock.tick();
  clock.tick();
  assert.equal(host.said.length, 1);
  assert.match(host.said[0] ?? "", /set 7200 s forward/);
  assert.equal(host.kept?.aheadMs, 2 * HOUR);
  host.wallMs -= 3 * HOUR;
  clock.tick();
  assert.match(host.said[1] ?? "", /set 10800 s back/);
});

test("over a reboot the wall clock tells how much time has passed", () => {
  const host = new FakeHost();
  const first = host.open();
  // It came up with a wrong clock, and was set right.
  host.wallMs += 2 * HOUR;
  first.tick();
  const endMs = first.nowMs() + DAY;
  host.reboot(HOUR);
  const second = host.open();
  assert.equal(endMs - second.nowMs(), 23 * HOUR);
  assert.equal(second.wallMs(endMs), host.wallMs + 23 * HOUR);
  assert.equal(second.bootMs, second.nowMs() - 5_000);
});

test("a host whose wall clock begins anew at each boot goes on where it stopped", () => {
  const host = new FakeHost();
  const first = host.open();
  host.pass(HOUR);
  first.save();
  const endMs = first.nowMs() + DAY;
  host.reboot(0);
  host.wallMs = 0;
  const second = host.open();
  assert.equal(endMs - second.nowMs(), DAY - 5_000);
  assert.ok(second.bootMs >= endMs - DAY, "nothing of an earlier boot looks like one of this");
  // NTP has come.
  host.wallMs = NOON + DAY;
  second.tick();
  assert.equal(endMs - second.nowMs(), DAY - 5_000);
  assert.equal(second.wallMs(second.nowMs()), NOON + DAY);
});

test("a monotonic clock that has run back is of another boot", () => {
  const host = new FakeHost();
  const first = host.open();
  host.pass(HOUR);
  first.save();
  const nowMs = first.nowMs();
  host.monotonicMs = 1_000;
  host.wallMs += HOUR;
  assert.equal(host.open().nowMs(), nowMs + HOUR);
});

test("a moment between two readings of the clocks is no step", () => {
  const host = new FakeHost();
  const clock = host.open();
  host.wallMs += 90;
  assert.equal(clock.wallMs(clock.nowMs()), NOON);
});

test("what cannot be kept is said once, and the clock runs all the same", () => {
  const host = new FakeHost();
  host.canSave = false;
  const clock = host.open();
  for (let times = 0; times < 5; times++) {
    host.pass(HOUR);
    clock.tick();
  }
  assert.equal(host.said.length, 1);
  assert.match(host.said[0] ?? "", /cannot keep the clock.*EROFS/);
  assert.equal(clock.nowMs(), NOON + 5 * HOUR);
});

test("this host: a file that holds over daemons, is replaced when damaged, and follows no link", () => {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-clock-"));
  const path = join(folder, "clock");
  const said: string[] = [];
  const open = () => openBootClock(path, (message) => said.push(message));
  try {
    const first = open();
    assert.ok(Math.abs(first.nowMs() - Date.now()) < 60_000);
    const kept = parseClockState(readFileSync(path, "utf8"));
    // As if the wall clock had been set since.
    writeFileSync(path, JSON.stringify({ ...kept, startMs: kept.startMs - DAY, lastMs: kept.lastMs - DAY }));
    const second = open();
    assert.ok(Math.abs(second.nowMs() + DAY - Date.now()) < 60_000);
    assert.ok(Math.abs(second.wallMs(second.nowMs()) - Date.now()) < 60_000);
    assert.deepEqual(said, []);
    writeFileSync(path, '{"boot":"one","startMs":"x"}');
    assert.ok(Math.abs(open().nowMs() - Date.now()) < 60_000);
    assert.match(said.join(), /cannot be used: Error: it is damaged/);
    said.length = 0;
    symlinkSync("/dev/null", `${path}.new`);
    open();
    assert.match(said.join(), /symbolic link/);
    for (const [name, why] of [
      ["clock.new", /no regular file/],
      ["clock", /no regular file/],
    ] as const) {
      rmSync(join(folder, name), { force: true });
      rmSync(join(folder, "clock.new"), { force: true });
      assert.equal(spawnSync("mkfifo", [join(folder, name)]).status, 0);
      said.length = 0;
      open();
      assert.match(said.join(), why);
      assert.ok(lstatSync(join(folder, name)).isFIFO(), "what is not ours stays");
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what is kept is checked", () => {
  const good = { boot: "one", startMs: 1, aheadMs: -2, lastMs: 3 };
  assert.deepEqual(parseClockState(JSON.stringify(good)), good);
  for (const bad of ["", "null", "[]", '"x"', "{}", JSON.stringify({ ...good, lastMs: 9e15 })]) {
    assert.throws(() => parseClockState(bad), Error, bad);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { BootGrace } from "../../src/table/boot-grace.ts";

/** A host with a BOOT_GRACE, and a kernel that may refuse rules. */
class FakeHost {
  uptimeMs = 0;
  graceMs = 120_000;
  refuses = false;
  loads = 0;
  readonly said: string[] = [];
  readonly grace = new BootGrace({
    leftMs: () => Math.max(0, this.graceMs - this.uptimeMs),
    load: () => this.load(),
    failed: (message) => this.said.push(`failed ${message}`),
    recovered: () => this.said.push("recovered"),
  });

  load(): void {
    if (this.refuses) throw new Error("EBUSY");
    this.loads++;
    this.grace.loaded(this.grace.isRunning);
  }
}

test("when it is over the rules are loaded, once", () => {
  const host = new FakeHost();
  host.load();
  host.uptimeMs = 119_999;
  host.grace.tick();
  assert.equal(host.loads, 1);
  host.uptimeMs = 120_000;
  for (let second = 0; second < 5; second++) host.grace.tick();
  assert.equal(host.loads, 2);
});

test("a reload that raises it begins one only on a host that has not been up for so long, and it ends", () => {
  const host = new FakeHost();
  host.uptimeMs = 3 * 86_400_000;
  host.load();
  host.graceMs = 900_000;
  assert.ok(!host.grace.isRunning);
  host.uptimeMs = 600_000;
  host.load();
  assert.ok(host.grace.isRunning);
  host.uptimeMs = 900_000;
  host.grace.tick();
  assert.ok(!host.grace.isRunning);
  assert.equal(host.loads, 3);
});

test("rules that cannot be loaded at its end are tried again each second, which is said once", () => {
  const host = new FakeHost();
  host.load();
  host.uptimeMs = 200_000;
  host.refuses = true;
  for (let second = 0; second < 5; second++) host.grace.tick();
  assert.deepEqual(host.said, ["failed EBUSY"]);
  host.refuses = false;
  host.grace.tick();
  host.grace.tick();
  assert.deepEqual(host.said, ["failed EBUSY", "recovered"]);
  assert.equal(host.loads, 2);
});

test("nothing is loaded before the daemon has loaded its rules for the first time", () => {
  const host = new FakeHost();
  host.uptimeMs = 200_000;
  host.grace.tick();
  assert.equal(host.loads, 0);
});

// Interfaces that come, go and change their names, as those of PPP, WireGuard and containers do: the defence goes on at the others,
// what comes is watched, and the host's own addresses are followed. The tun device stands for each of them.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { LINK, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import type { Running } from "./support/exec.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh, type Settings } from "./support/settings.ts";
import { program } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const DIALLED = "ppp7";
const RENAMED = "wan7";
const ADDRESS = "192.0.2.77";
const captures: Readonly<Record<"nflog" | "ring", Settings>> = {
  nflog: {},
  ring: { CAPTURE: "ring", FIREWALL: "none" },
};

class Town {
  readonly lab: Lab;
  readonly daemon: Daemon;
  #number = 0;

  private constructor(lab: Lab, daemon: Daemon) {
    this.lab = lab;
    this.daemon = daemon;
  }

  static async open(t: TestContext, settings: Settings): Promise<Town> {
    const lab = await Lab.open();
    t.after(() => lab.close());
    return new Town(lab, await Daemon.start(lab, { ...harsh, ...settings }));
  }

  ip(command: string): Promise<string> {
    return this.lab.target.mustRun(["ip", ...command.split(" ")]);
  }

  async dial(): Promise<Running> {
    const tun = this.lab.spawn(this.lab.target, program("tun", { dev: DIALLED }));
    await tun.waitForLine(/^ready$/);
    await this.ip(`addr add ${ADDRESS}/32 dev ${DIALLED}`);
    await this.ip(`link set ${DIALLED} up`);
    return tun;
  }

  /** A new source probes by the tun device until that is noticed: an address that has just come may not be known yet. */
  async isFoundBy(tun: Running): Promise<void> {
    const from = source(++this.#number).ipv4;
    await waitUntil(`a finding about ${from}, by the tun device`, async () => {
      tun.write(`${Buffer.from(syn({ from, to: ADDRESS, port: 23 })).toString("hex")}\n`);
      return await this.#isFound(from);
    });
  }

  async isFoundAt(to: string): Promise<void> {
    const from = source(++this.#number).ipv4;
    await waitUntil(`a finding about ${from}, by ${LINK}`, async () => {
      await sendPackets(this.lab, [syn({ from, to, port: 23 })]);
      return await this.#isFound(from);
    });
  }

  /** What comes by LINK behind it is found, and it is not. */
  async isPassedOver(tun: Running): Promise<void> {
    const from = source(++this.#number).ipv4;
    tun.write(`${Buffer.from(syn({ from, to: ADDRESS, port: 23 })).toString("hex")}\n`);
    await this.isFoundAt(TARGET.ipv4);
    assert.deepEqual(await this.daemon.eventsOf(from), []);
  }

  async #isFound(from: string): Promise<boolean> {
    return (await this.daemon.eventsOf(from)).some(({ type }) => type === "finding");
  }

  untilWarned(isWarned: boolean): Promise<void> {
    const text = `INTERFACE names ${DIALLED}, and this interface is not there`;
    return waitUntil(`status ${isWarned ? "warns" : "does not warn"} of ${DIALLED}`, async () => {
      const { warnings } = await this.daemon.status();
      return warnings.some((warning) => warning.startsWith(text)) === isWarned;
    });
  }
}

for (const [capture, more] of Object.entries(captures)) {
  test(`an interface of INTERFACE that is absent at start, comes, is renamed, and goes (${capture})`, async (t) => {
    const town = await Town.open(t, { ...more, INTERFACE: `${LINK},${DIALLED}` });
    await town.untilWarned(true);
    await town.isFoundAt(TARGET.ipv4);
    const tun = await town.dial();
    await town.untilWarned(false);
    await town.isFoundBy(tun);
    const seen = town.daemon.lines.length;
    await town.ip(`link set ${DIALLED} down`);
    await town.ip(`link set ${DIALLED} name ${RENAMED}`);
    await town.ip(`link set ${RENAMED} up`);
    await town.untilWarned(true);
    // The ring looks for itself, every two seconds.
    await town.daemon.waitForLine(new RegExp(`${DIALLED}.* not there: `), seen);
    await town.isPassedOver(tun);
    await town.ip(`link set ${RENAMED} down`);
    await town.ip(`link set ${RENAMED} name ${DIALLED}`);
    await town.ip(`link set ${DIALLED} up`);
    await town.untilWarned(false);
    await town.isFoundBy(tun);
    await tun.stop();
    await town.untilWarned(true);
    await town.isFoundAt(TARGET.ipv4);
    assert.equal(await town.daemon.stop(), 0);
  });

  test(`without INTERFACE what comes is watched, and addresses are followed when they change (${capture})`, async (t) => {
    const town = await Town.open(t, more);
    const tun = await town.dial();
    await town.isFoundBy(tun);
    await tun.stop();
    await town.ip(`addr add ${ADDRESS}/32 dev ${LINK}`);
    await town.isFoundAt(ADDRESS);
    if (capture === "nflog") {
      const block = () => town.daemon.cli(["block", ADDRESS, "--for", "1m", "--force"]);
      await waitUntil("its own address cannot be blocked", async () => (await block()).code === 1);
      await town.ip(`addr del ${ADDRESS}/32 dev ${LINK}`);
      await waitUntil("an address that is no more its own can be blocked", async () => (await block()).code === 0);
    }
    assert.equal(await town.daemon.stop(), 0);
  });
}

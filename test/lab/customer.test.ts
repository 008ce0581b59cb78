// Packets forged in the name of a customer who used a service before: the customer is at most softly blocked, and where
// it was known it is neither cut off nor slowed down. What it never used stays closed to it while the forging lasts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { families, source, TARGET } from "./support/addresses.ts";
import { Capture } from "./support/capture.ts";
import { Daemon } from "./support/daemon.ts";
import { blockedInKernel, setElements } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { keepSending } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";
import { exchange, serve, talk, visit } from "./support/traffic.ts";

const KNOWN = 80;
const NEVER_USED = 81;
const TALKING = 82;
const VISITS = 50;

for (const family of families) {
  test(`a known customer over ${family} while packets are forged in its name`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const daemon = await Daemon.start(lab, { ...harsh, PROOF: "on" });
    await serve(lab, lab.target, { tcp: [KNOWN, NEVER_USED] });
    await serve(lab, lab.target, { tcp: [TALKING], mode: "echo" });
    const customer = source(1);
    const [to, from, key] = [TARGET[family], customer[family], customer.key[family]];
    const first = await visit(lab.scanner, { to, from, port: KNOWN });
    assert.deepEqual(first, { opened: 1, failed: 0, errors: {} });
    const conversation = await talk(lab, lab.scanner, { to, from, port: TALKING });

    const closed = Array.from({ length: 64 }, (_, index) =>
      syn({ from, to, port: 2000 + index, fromPort: 1024 + index }),
    );
    keepSending(lab, closed, { perSecond: 200 });
    const block = await daemon.waitForBlock(key);
    assert.equal(block.soft, true);

    const capture = await Capture.start(lab);
    const visits = await visit(lab.scanner, { to, from, port: KNOWN, count: VISITS });
    assert.deepEqual(visits, { opened: VISITS, failed: 0, errors: {} });
    const asked = (await capture.stop()).filter(
      (each) => each.from === from && each.toPort === KNOWN && /^S[EW]*$/.test(each.flags),
    );
    assert.equal(asked.length, VISITS, "SYNs had to be repeated: the customer was slowed down");
    await exchange(conversation, "still there");

    const never = await visit(lab.scanner, { to, from, port: NEVER_USED, timeout: 1_500 });
    // The silence test answers half of the ports of a source that is found, open ones too: nobody learns which are which.
    assert.deepEqual([never.opened, never.failed], [0, 1], "the soft block is not in force: the test does not test");
    assert.deepEqual(await blockedInKernel(lab), []);
    assert.deepEqual(await daemon.blocked().then((all) => all.filter((entry) => !entry.soft)), []);
    assert.deepEqual(daemon.history(), [], "a history line bans through fail2ban: it is for proven sources");
    assert.equal((await setElements(lab, family === "ipv4" ? "soft4" : "soft6"))?.length, 1);
  });
}

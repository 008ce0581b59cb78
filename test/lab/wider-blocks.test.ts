// An IPv6 scanner that changes its /64: three of a /56 blocked in full and the /56 is, as an interval in the kernel, unless
// somebody in it is a customer. The rest of the /56 cannot connect then, until it is unblocked by its own name.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { nmap } from "./support/scan.ts";
import { harsh } from "./support/settings.ts";
import { serve, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const SERVED = 8_000;
/** One look at the known clients in ten seconds. */
const LOOK_MS = 20_000;

/** A host in a /64 of its own of the scanner's /48. */
function sourceIn(block: number, child: number): Source {
  const subnet = `2001:db8:b:${((block << 8) | child).toString(16)}::`;
  const ipv4 = `203.0.113.${child}`;
  return { ipv4, ipv6: `${subnet}1`, key: { ipv4, ipv6: `${subnet}/64` } };
}

describe("an IPv6 scanner that changes its /64", () => {
  let lab: Lab;
  let daemon: Daemon;
  before(async () => {
    lab = await Lab.open();
    await serve(lab, lab.target, { tcp: [SERVED] });
    daemon = await Daemon.start(lab, { ...harsh, POLICY: "score", PROOF: "off", BLOCK_WIDER: "1" });
  });
  after(() => lab.close());

  async function scanFrom(source: Source): Promise<void> {
    await nmap(lab, { family: "ipv6", source, options: ["-sS", "-p", "1-10"] });
    await daemon.waitForBlock(source.key.ipv6);
  }

  const connects = async (from: Source): Promise<boolean> => {
    const { opened } = await visit(lab.scanner, { to: TARGET.ipv6, port: SERVED, from: from.ipv6, timeout: 1_000 });
    return opened === 1;
  };
  const isBlocked = async (source: string) => (await daemon.blocked()).some((block) => block.source === source);

  test("its /56 is blocked as a whole, with the count for a reason", async () => {
    assert.ok(await connects(sourceIn(0, 4)), "nobody of the /56 is blocked yet");
    // Who has connected is a known client for ever; the scans come from another /56.
    for (const child of [1, 2, 3]) await scanFrom(sourceIn(1, child));
    const block = await daemon.waitForBlock("2001:db8:b:100::/56");
    assert.deepEqual([block.grade, block.soft, block.backend, block.enforced], ["direct", false, "nftables", true]);
    assert.equal(block.reason, "3 /64 networks of one /56 were blocked as scanners");
    const set = await lab.target.mustRun(["nft", "list", "set", "inet", "portreeve", "blockednet6"]);
    assert.match(set, /2001:db8:b:100::\/56/);
    assert.equal(await connects(sourceIn(1, 9)), false);
    assert.ok(await connects(sourceIn(2, 9)), "the next /56 is not blocked");
  });

  test("unblocking an address in it is refused and names it; by its own name it is lifted with what is in it", async () => {
    const refused = await daemon.cli(["unblock", sourceIn(1, 9).ipv6]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /is blocked as part of 2001:db8:b:100::\/56 \(3 \/64 networks of one \/56/);
    assert.equal(await connects(sourceIn(1, 9)), false);
    await daemon.unblock("2001:db8:b:100::/56");
    assert.equal(await isBlocked("2001:db8:b:100::/56"), false);
    assert.equal(await isBlocked(sourceIn(1, 1).key.ipv6), false);
    assert.ok(await connects(sourceIn(1, 9)));
  });

  test("with a customer in it a /56 is not blocked, and that is said", async () => {
    assert.ok(await connects(sourceIn(3, 77)));
    const seen = daemon.lines.length;
    for (const child of [1, 2, 3]) await scanFrom(sourceIn(3, child));
    await waitUntil(
      "it is said",
      () =>
        daemon.lines.slice(seen).some((line) => /2001:db8:b:300::\/56 is not .* a known client is in it/.test(line)),
      LOOK_MS,
    );
    assert.equal(await isBlocked("2001:db8:b:300::/56"), false);
    assert.ok(await connects(sourceIn(3, 77)));
  });

  test("the tool is in the events of a host too, and why tells of it", async () => {
    const events = await daemon.eventsOf(sourceIn(1, 2).key.ipv6);
    for (const type of ["finding", "block"] as const)
      assert.ok(
        events.some((event) => event.type === type && event.tool === "nmap"),
        `${type}: ${JSON.stringify(events)}`,
      );
    const { stdout } = await daemon.cli(["why", sourceIn(1, 2).ipv6]);
    assert.match(stdout, /bear the marks of nmap/);
  });
});

// `portreeve block`, `unblock` and `why` as a person types them: slips are refused, networks lie in networks, and what is
// said is what the kernel holds. Random ones: networks.test.ts.
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { waitUntil } from "./support/wait.ts";

const TABLE = ["inet", "portreeve"];

describe("blocks by hand", () => {
  let lab: Lab;
  let daemon: Daemon;
  before(async () => {
    lab = await Lab.open();
    daemon = await Daemon.start(lab);
  });
  after(() => lab.close());

  async function does(line: string): Promise<string> {
    const { code, stdout, stderr } = await daemon.cli(line.split(" "));
    assert.equal(code, 0, `${line}: ${stderr}`);
    return stdout;
  }
  async function refuses(line: string, code: number, message: RegExp): Promise<void> {
    const outcome = await daemon.cli(line.split(" "));
    assert.equal(outcome.code, code, `${line}: ${outcome.stdout}${outcome.stderr}`);
    assert.match(outcome.stderr, message);
  }
  const nft = (...argv: readonly string[]) => lab.target.mustRun(["nft", ...argv]);
  const listed = async () => (await daemon.blocked()).map(({ source }) => source).sort();

  test("three networks that touch, the lowest last: each is held, listed and lifted (attacks.md T1)", async () => {
    const networks = ["192.0.2.240/28", "192.0.2.32/28", "192.0.2.16/28"];
    for (const network of networks) assert.match(await does(`block ${network}`), /^blocked/);
    assert.deepEqual(await listed(), [...networks].sort());
    for (const network of networks) assert.equal(await does(`unblock ${network}`), `unblocked ${network}\n`);
    assert.doesNotMatch(await nft("list", "set", ...TABLE, "blockednet4"), /elements/);
  });

  test("a network over one in it, and either lifted (field-reports.md F20)", async () => {
    await does("block 203.0.113.64/28 --reason inner");
    await does("block 203.0.113.0/24 --reason ticket-4711");
    assert.match(await does("why 203.0.113.65"), /part of 203\.0\.113\.64\/28, which is blocked: inner\./);
    assert.match(await does("why 203.0.113.1"), /part of 203\.0\.113\.0\/24, which is blocked: ticket-4711\./);
    await refuses("unblock 203.0.113.0/25", 1, /lifted 203\.0\.113\.64\/28, but .* as part of 203\.0\.113\.0\/24/);
    await refuses(
      "unblock 203.0.113.1",
      1,
      /^portreeve: 203\.0\.113\.1 is blocked as part of 203\.0\.113\.0\/24 \(ticket/,
    );
    assert.deepEqual(await listed(), ["203.0.113.0/24"]);
    await does("block 203.0.113.64/28");
    assert.equal(await does("unblock 203.0.113.0/24"), "unblocked 203.0.113.0/24\nunblocked 203.0.113.64/28\n");
    await refuses("unblock 203.0.113.0/24", 1, /is not blocked/);
  });

  test("slips are refused: host bits, more than a /16, a shorter time; a reason is not lost", async () => {
    await refuses(
      "block 198.51.100.0/8",
      64,
      /198\.0\.0\.0\/8 for the network, or 198\.51\.100\.0 for the one address/,
    );
    await refuses("unblock 198.51.100.7/24", 64, /198\.51\.100\.0\/24 for the network, or 198\.51\.100\.7 for/);
    await refuses("block 172.16.0.0/12", 1, /wider than a \/16; use --force/);
    await refuses("block 2001:1200::/24", 1, /wider than a \/32; use --force/);
    await does("block 172.16.0.0/12 --force");
    await does("block 192.0.2.7 --for 2w --reason ticket-4711");
    await refuses("block 192.0.2.7 --for 5m", 1, /is blocked until .* \(ticket-4711\); use --force to shorten/);
    await does("block 192.0.2.7 --for 3w");
    await does("block 192.0.2.7 --reason again");
    const [entry] = (await daemon.blocked()).filter(({ source }) => source === "192.0.2.7");
    assert.equal(entry?.reason, "again (before: ticket-4711)");
    assert.ok(Date.parse(entry.until ?? "") > Date.now() + 20 * 86_400_000);
    await does("block 192.0.2.7 --for 5m --force");
    await does("unblock --all");
    assert.deepEqual(await listed(), []);
  });

  test("allow lets a blocked source go at once, and disallow has it judged again", async () => {
    const list = join(daemon.folder, "portsentry.ignore");
    await does("block 192.0.2.9 --for 1h");
    await does("block 203.0.113.64/28");
    const allowed = `allowed 192.0.2.8/30: it stands in ${list}, and is never held or blocked\nunblocked 192.0.2.9\n`;
    assert.equal(await does("allow 192.0.2.8/30 --reason office"), allowed);
    assert.equal(readFileSync(list, "utf8"), "\n192.0.2.8/30  # office\n");
    assert.deepEqual(await listed(), ["203.0.113.64/28"]);
    assert.match(await nft("list", "set", ...TABLE, "ignored4"), /192\.0\.2\.8\/30/);
    assert.doesNotMatch(await nft("list", "set", ...TABLE, "blocked4"), /192\.0\.2\.9/);
    await refuses("allow 192.0.2.9", 1, /on the allow list already as part of 192\.0\.2\.8\/30/);
    await refuses(
      "block 192.0.2.9",
      1,
      /192\.0\.2\.9 is on the allow list \(IGNORE_FILE\) as part of 192\.0\.2\.8\/30/,
    );
    await refuses("block 192.0.0.0/16", 1, /192\.0\.0\.0\/16 holds 192\.0\.2\.8\/30 of the allow list/);
    await does("block 192.0.2.9 --force");
    const why = await does("why 192.0.2.9");
    assert.match(why, /^192\.0\.2\.9 is on the allow list\.\n/);
    assert.match(why, /A block of 192\.0\.2\.9 is listed as well, and the allow list lets the source pass it/);
    await does("unblock 192.0.2.9");
    assert.match(await does("disallow 192.0.2.8/30"), /^192\.0\.2\.8\/30 is off the allow list/);
    assert.equal(readFileSync(list, "utf8"), "\n");
    assert.doesNotMatch(await nft("list", "set", ...TABLE, "ignored4"), /elements/);
    await does("unblock 203.0.113.64/28");
  });

  test("status tells lines of the allow list that exempt nobody, and the log the file that changed", async () => {
    const fixed = join(daemon.folder, "portsentry.ignore.static");
    writeFileSync(fixed, "office.example.org\n192.0.2.66\n");
    await daemon.waitForLine(/portsentry\.ignore\.static has changed: 1 entries are exempt now/);
    assert.match(
      await does("status"),
      /portsentry\.ignore\.static: 1 line exempts nobody \(line 1\): "portreeve check" says why/,
    );
    writeFileSync(fixed, "");
    await daemon.waitForLine(/portsentry\.ignore\.static has changed: 0 entries/);
    assert.doesNotMatch(await does("status"), /exempts nobody/);
    rmSync(fixed);
  });

  test("a network that comes onto a link of ours, and goes, is held in the way that the rules have for it", async () => {
    const sets = async () => {
      const [single, networks] = await Promise.all(
        ["blocked6", "blockednet6"].map((set) => nft("list", "set", ...TABLE, set)),
      );
      return [single?.includes("2001:db8:77::"), networks?.includes("2001:db8:77::/64")];
    };
    await does("block 2001:db8:77::/64");
    assert.deepEqual(await sets(), [true, false]);
    await lab.target.mustRun(["ip", "link", "add", "near0", "type", "veth", "peer", "name", "near1"]);
    for (const link of ["near0", "near1"]) await lab.target.mustRun(["ip", "link", "set", link, "up"]);
    await lab.target.mustRun(["ip", "addr", "add", "2001:db8:77::1/64", "dev", "near0", "nodad"]);
    await waitUntil("it is an interval", async () => (await sets()).join() === "false,true");
    await lab.target.mustRun(["ip", "link", "del", "near0"]);
    await waitUntil("it is a key", async () => (await sets()).join() === "true,false");
    assert.equal(await does("unblock 2001:db8:77::/64"), "unblocked 2001:db8:77::/64\n");
    assert.deepEqual(await sets(), [false, false]);
  });

  test("what another program puts into the kernel's sets is listed, and what it takes out is not", async () => {
    await nft("add", "element", ...TABLE, "blockednet4", "{ 198.51.100.0/26 timeout 1h }");
    await daemon.waitForBlock("198.51.100.0/26");
    await nft("add", "element", ...TABLE, "blocked4", "{ 192.0.2.9 }");
    assert.match((await daemon.waitForBlock("192.0.2.9")).reason, /added to the kernel's set by nft/);
    await nft("delete", "element", ...TABLE, "blockednet4", "{ 198.51.100.0/26 }");
    await daemon.waitForLine(/198\.51\.100\.0\/26 was removed from the kernel by nft, which is taken as an unblock/);
    assert.equal(await does("unblock 192.0.2.9"), "unblocked 192.0.2.9\n");
    assert.deepEqual(await listed(), []);
  });
});

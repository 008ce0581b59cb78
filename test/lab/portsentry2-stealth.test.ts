// PortSentry 2.x's stealth mode, started as its users start it: each kind of scan, both families, both methods, ranges,
// ignore files, what this host sends to itself, interfaces and the switches. Nothing is cleaned up between the runs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import {
  CONTAINER,
  type Family,
  INNER_LINK,
  LINK,
  NEIGHBOURS,
  type Source,
  source,
  TARGET,
} from "./support/addresses.ts";
import { Lab } from "./support/lab.ts";
import { nmap } from "./support/scan.ts";
import { blocks, HOSTS_DENY, SecondHost, scanOf, TRUE_ROUTE } from "./support/second.ts";
import { serve } from "./support/traffic.ts";

const PORTS = ['TCP_PORTS="1,11,22"', 'UDP_PORTS="1,7,9,11"'];
const [one, two] = NEIGHBOURS.map((each): Source => ({ ...each, key: each }));
assert.ok(one !== undefined && two !== undefined);
const blockedFlags = "IP opts: [not set] ignored: [false] triggered: [true] noblock: [false] blocked: [true]";

describe("portsentry --stealth", () => {
  let lab: Lab;
  let host: SecondHost;
  before(async () => {
    lab = await Lab.open({ inner: true });
    host = new SecondHost(lab);
  });
  after(() => lab.close());
  const scan = (from: Source, how: string, { family = "ipv4", port = 11 }: { family?: Family; port?: number } = {}) =>
    nmap(lab, { family, source: from, options: [how, "-p", String(port)] });
  /** From this host to itself. */
  const scanSelf = async (how: string, to: string) => {
    const six = to.includes(":") ? ["-6"] : [];
    const options = ["-Pn", "-n", "--max-retries", "0", "-p", "11"];
    assert.equal((await lab.target.run(["nmap", ...six, ...options, how, to])).code, 0);
  };

  test("-m pcap -i ALL -L: every kind of scan has its name, its block, its record and its line in hosts.deny", async () => {
    await host.start("--stealth -m pcap -d -i ALL -L", [...PORTS, ...blocks(1), HOSTS_DENY]);
    const kinds = [
      ["-sS", "TCP", "TCP SYN/Normal scan"],
      ["-sN", "TCP", "TCP NULL scan"],
      ["-sX", "TCP", "TCP XMAS scan"],
      ["-sF", "TCP", "TCP FIN scan"],
      ["-sU", "UDP", "UDP"],
    ] as const;
    for (const [index, [how, protocol, type]] of kinds.entries()) {
      const from = source(index + 1);
      await scan(from, how);
      await host.printed(scanOf(from.ipv4, protocol, type) + blockedFlags);
      await host.remembered(scanOf(from.ipv4, protocol, type));
      await host.printed(
        `attackalert: Host ${from.ipv4} has been blocked via wrappers with string: "ALL: ${from.ipv4}"`,
      );
    }
    const ipv4 = ["01", "02", "03", "04", "05"].map((last) => `0200cb0071${last}`).join("");
    assert.equal(host.blocked, ipv4);
    for (const how of ["-sT", "-sU"]) await scan(source(1), how);
    await host.printed(`attackalert: Host: ${source(1).ipv4}/${source(1).ipv4} is already blocked Ignoring`, 2);

    await scan(one, "-sT", { family: "ipv6" });
    // 2.x knows no IP options of an IPv6 packet.
    await host.printed(scanOf(one.ipv6, "TCP", "TCP SYN/Normal scan"));
    await scan(one, "-sT", { family: "ipv6" });
    await host.printed(`attackalert: Host: ${one.ipv6}/${one.ipv6} is already blocked Ignoring`);
    assert.equal(host.blocked, `${ipv4}0a0020010db8000a00000000000000000003`);
    assert.equal(host.stage.read("etc/hosts.deny").split("\n").length, 7);
  });

  test("-m raw: ranges with BLOCK 0, twice each, and no line for a port beside them", async () => {
    await host.start("--stealth -m raw -d", ['TCP_PORTS="1,5-11"', 'UDP_PORTS="1,7-11"', ...blocks(0)]);
    await scan(source(9), "-sT", { port: 12 });
    for (const [how, protocol, type] of [
      ["-sT", "TCP", "TCP SYN/Normal scan"],
      ["-sU", "UDP", "UDP"],
    ] as const) {
      await scan(source(1), how);
      await scan(source(1), how);
      await host.printed(scanOf(source(1).ipv4, protocol, type), 2);
      await host.remembered(scanOf(source(1).ipv4, protocol, type));
    }
    assert.equal(host.count(source(9).ipv4), 0);
    assert.deepEqual([host.count("already blocked"), host.blocked], [0, ""]);
  });

  test("-v: a source of the ignore file is named, with mask and without, of both families, and makes no history", async () => {
    const ignored = [`${one.ipv4}/32`, two.ipv4, `${one.ipv6}/128`, two.ipv6].join("\n");
    await host.start("--stealth -m pcap -d -i ALL -v", [...PORTS, ...blocks(0), 'IGNORE_FILE="./portsentry.ignore"'], {
      "portsentry.ignore": `${ignored}\n`,
    });
    await host.printed(`Ignoring IP: ${one.ipv6}`);
    for (const from of [one, two]) {
      for (const family of ["ipv4", "ipv6"] as const) {
        await scan(from, "-sT", { family });
        await host.printed(
          `Host: ${from[family]} found in ignore file ${host.folder}/portsentry.ignore, aborting actions`,
        );
      }
    }
    await scan(source(1), "-sT");
    await host.remembered(scanOf(source(1).ipv4, "TCP", "TCP SYN/Normal scan"));
    assert.equal(host.read("portsentry.history").includes("198.51.100."), false);
  });

  test("what this host sends to itself is passed over, said with -d; -L has it count", async () => {
    await host.start("--stealth -m pcap -d -i ALL", [...PORTS, ...blocks(1), TRUE_ROUTE]);
    await scanSelf("-sT", "127.0.0.1");
    await host.printed("\ndebug: Source address 127.0.0.1 same as destination address 127.0.0.1, skipping\n");
    await scanSelf("-sT", TARGET.ipv6);
    await host.printed(`\ndebug: Source address ${TARGET.ipv6} same as destination address ${TARGET.ipv6}, skipping\n`);
    assert.deepEqual([host.blocked, host.read("portsentry.history")], ["", ""]);

    await host.start("--stealth -m raw -L", [...PORTS, ...blocks(1), TRUE_ROUTE]);
    for (const [address, how, type] of [
      ["127.0.0.1", "-sS", "TCP SYN/Normal scan"],
      ["::1", "-sT", "TCP SYN/Normal scan"],
    ] as const) {
      await scanSelf(how, address);
      await host.printed(scanOf(address, "TCP", type));
      await host.remembered(scanOf(address, "TCP", type));
      await scanSelf(how, address);
      await host.printed(`attackalert: Host: ${address}/${address} is already blocked Ignoring`);
    }
    assert.equal(host.blocked, `02007f0000010a00${"00".repeat(15)}01`);
  });

  test("-i: a scan that comes by another interface is none, and INTERFACE says the same", async () => {
    const scanInside = (how: string) =>
      lab.inner.mustRun(["nmap", "-Pn", "-n", "--max-retries", "0", "-p", "11", how, CONTAINER.gateway4]);
    const lines = [...PORTS, ...blocks(0)];
    for (const [switches, more] of [
      [`--stealth -i ${INNER_LINK}`, []],
      ["--stealth", [`INTERFACE="${INNER_LINK}"`]],
    ] as const) {
      await host.start(switches, [...lines, ...more]);
      await scan(source(1), "-sS");
      await scanInside("-sS");
      await host.printed(scanOf(CONTAINER.ipv4, "TCP", "TCP SYN/Normal scan"));
      assert.equal(host.count(source(1).ipv4), 0);
    }
    await host.start(`--stealth -i ${LINK} -i nowhere0`, lines);
    await scanInside("-sS");
    await scan(source(1), "-sS");
    await host.printed(scanOf(source(1).ipv4, "TCP", "TCP SYN/Normal scan"));
    assert.equal(host.count(CONTAINER.ipv4), 0);
  });

  test("-S: a port that a program serves counts as well; without it no probe of it is one", async () => {
    await serve(lab, lab.target, { tcp: [11], udp: [11] });
    for (const [switches, times] of [
      ["--stealth", 0],
      ["--stealth -S", 1],
    ] as const) {
      await host.start(switches, [...PORTS, ...blocks(0)]);
      for (const how of ["-sS", "-sU"]) await scan(source(1), how);
      await scan(source(2), "-sS", { port: 1 });
      await host.printed(scanOf(source(2).ipv4, "TCP", "TCP SYN/Normal scan", 1));
      for (const [protocol, type] of [
        ["TCP", "TCP SYN/Normal scan"],
        ["UDP", "UDP"],
      ] as const)
        await host.printed(scanOf(source(1).ipv4, protocol, type), times);
    }
  });

  test("ps shows the command line as it was typed, and pidof finds portsentry", () => {
    const read = (name: string) => readFileSync(`/proc/${host.pid}/${name}`, "utf8");
    assert.equal(read("comm"), "portsentry\n");
    assert.match(read("cmdline"), /^\S*\/bin\/portsentry -c portsentry\.conf --stealth -S\0/);
  });
});

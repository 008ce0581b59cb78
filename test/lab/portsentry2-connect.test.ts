// PortSentry 2.x's connect mode, started as its users start it: listeners, banners, blocks, commands in both orders, triggers,
// ranges and files are as 2.x's readers look for them. Nothing is cleaned up between the runs.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { NEIGHBOURS, source } from "./support/addresses.ts";
import { Lab } from "./support/lab.ts";
import { Prober } from "./support/prober.ts";
import { nmap } from "./support/scan.ts";
import { blocks, HOSTS_DENY, SecondHost, scanOf, TRUE_ROUTE } from "./support/second.ts";

const BANNER = "Nothing is here for you";
const PORTS = ['TCP_PORTS="1,11"', 'UDP_PORTS="1,7,9,11"'];
const ROUTE_SCRIPT = '#!/bin/sh\necho "$1" >>@/route.out\n';
const COMMAND_SCRIPT = '#!/bin/sh\necho "$1 $2" >>@/command.out\n';
const SCRIPTS = { "route.sh": ROUTE_SCRIPT, "command.sh": COMMAND_SCRIPT };
const ROUTE = 'KILL_ROUTE="@/route.sh $TARGET$"';
const COMMAND = 'KILL_RUN_CMD="@/command.sh $TARGET$ $PORT$"';
const [A, B] = [source(1).ipv4, source(2).ipv4];
const blockedFlags = "IP opts: [unknown] ignored: [false] triggered: [true] noblock: [false] blocked: [true]";
const loggedFlags = "IP opts: [unknown] ignored: [false] triggered: [true] noblock: [true] blocked: [false]";

describe("portsentry --connect", () => {
  let lab: Lab;
  let host: SecondHost;
  let prober: Prober;
  before(async () => {
    lab = await Lab.open();
    host = new SecondHost(lab);
    prober = await Prober.start(lab);
  });
  after(() => lab.close());
  const connect = (from: string) => prober.connect({ from, port: 11 });
  const send = (from: string) => prober.datagram({ from, port: 11 }, 5);

  test("one block a source over both protocols and families, a banner for each, and 2.x's files", async () => {
    await host.start("--connect -d", [...PORTS, ...blocks(1), TRUE_ROUTE, `PORT_BANNER="${BANNER}"`]);
    assert.equal(await connect(A), BANNER);
    const scan = scanOf(A, "TCP", "Connect") + blockedFlags;
    await host.printed(scan);
    assert.equal(host.blocked, "0200cb007101", "the record is there before the line");
    await host.remembered(scan);
    await host.printed(`attackalert: Host ${A} has been blocked via dropped route using command: "true ${A}"`);
    assert.equal(await connect(A), BANNER);
    await host.printed(`attackalert: Host: ${A}/${A} is already blocked Ignoring`);
    assert.equal(await send(A), BANNER);
    await send(A);
    await host.printed(scanOf(A, "UDP", "Connect"), 2);
    await host.printed(scanOf(A, "TCP", "Connect"), 2);
    assert.equal(host.blocked, "0200cb007101");

    assert.equal(await send(B), BANNER, "a longer answer than the question");
    await host.printed(scanOf(B, "UDP", "Connect") + blockedFlags);
    const [neighbour] = NEIGHBOURS;
    await nmap(lab, { family: "ipv6", source: { ...neighbour, key: neighbour }, options: ["-sT", "-p", "11"] });
    await host.printed(scanOf(neighbour.ipv6, "TCP", "Connect") + blockedFlags);
    assert.equal(host.blocked, "0200cb0071010200cb0071020a0020010db8000a00000000000000000003");
  });

  test("the list survives a restart, and its deletion forgets who is blocked", async () => {
    await host.again("--connect");
    assert.equal(host.blocked.length, 60, "two of IPv4, one of IPv6");
    assert.equal(await connect(A), BANNER);
    await host.printed(`attackalert: Host: ${A}/${A} is already blocked Ignoring`);
    await host.stop();
    host.remove("portsentry.blocked");
    await host.again("--connect");
    assert.equal(host.blocked, "");
    await connect(A);
    await host.printed(scanOf(A, "TCP", "Connect") + blockedFlags);
    assert.equal(host.count("is already blocked"), 0);
    assert.equal(host.blocked, "0200cb007101");
  });

  test("BLOCK 0 logs each packet of ports and ranges, and what is no port of the list is no probe", async () => {
    await host.start("--connect -d -i ALL", ['TCP_PORTS="1,5-11"', 'UDP_PORTS="1,7-11"', ...blocks(0)]);
    await prober.connect({ from: B, port: 12 });
    for (const knock of [connect, send]) {
      await knock(A);
      await knock(A);
    }
    for (const protocol of ["TCP", "UDP"] as const) {
      await host.printed(scanOf(A, protocol, "Connect") + loggedFlags, 2);
      await host.remembered(scanOf(A, protocol, "Connect"));
    }
    assert.equal(host.count(`[${B}]`), 0);
    assert.deepEqual([host.count("already blocked"), host.blocked], [0, ""]);
  });

  test("BLOCK 2 runs KILL_RUN_CMD, with source and port, and nothing else", async () => {
    await host.start("--connect -d", [...PORTS, ...blocks(2), COMMAND, ROUTE], SCRIPTS);
    await connect(A);
    await send(B);
    for (const from of [A, B])
      await host.printed(
        `attackalert: External command run for host: ${from} using command: "${host.folder}/command.sh`,
      );
    await host.printed(scanOf(A, "TCP", "Connect"));
    await host.printed(scanOf(B, "UDP", "Connect"));
    await host.holds("command.out", `${A} 11\n${B} 11\n`);
    assert.equal(host.read("route.out"), "");
  });

  test("SCAN_TRIGGER: the first connection is below it, the second a scan, the third blocked already", async () => {
    await host.start("--connect -d", [...PORTS, ...blocks(1), 'SCAN_TRIGGER="2"', TRUE_ROUTE]);
    await connect(A);
    const below = "IP opts: [unknown] ignored: [false] triggered: [false] noblock: [unset] blocked: [unset]";
    await host.printed(scanOf(A, "TCP", "Connect") + below);
    assert.deepEqual([host.read("portsentry.history"), host.blocked], ["", ""]);
    await connect(A);
    await host.printed(scanOf(A, "TCP", "Connect") + blockedFlags);
    assert.equal(host.blocked, "0200cb007101");
    await connect(A);
    await host.printed(`attackalert: Host: ${A}/${A} is already blocked Ignoring`);
  });

  for (const isFirst of [false, true]) {
    test(`KILL_RUN_CMD_FIRST="${Number(isFirst)}": hosts.deny, route and command are told in their order, then the scan`, async () => {
      const more = [ROUTE, COMMAND, HOSTS_DENY, `KILL_RUN_CMD_FIRST="${Number(isFirst)}"`];
      await host.start("--connect -d", [...PORTS, ...blocks(1), ...more], SCRIPTS);
      await connect(A);
      await host.printed(scanOf(A, "TCP", "Connect") + blockedFlags);
      const told = {
        command: `attackalert: External command run for host: ${A} using command: "${host.folder}/command.sh ${A} 11"`,
        wrappers: `attackalert: Host ${A} has been blocked via wrappers with string: "ALL: ${A}"`,
        route: `attackalert: Host ${A} has been blocked via dropped route using command: "${host.folder}/route.sh ${A}"`,
        scan: scanOf(A, "TCP", "Connect") + blockedFlags,
      };
      const order = isFirst
        ? [told.command, told.wrappers, told.route, told.scan]
        : [told.wrappers, told.route, told.command, told.scan];
      assert.ok(host.log.includes(`${order.join("\n")}\n`), host.log);
      assert.equal(host.blocked, "0200cb007101");
      assert.equal(host.read("route.out"), `${A}\n`);
      assert.equal(host.read("command.out"), `${A} 11\n`);
      assert.equal(host.stage.read("etc/hosts.deny"), `ALL: ${A}\n`);
    });
  }
});

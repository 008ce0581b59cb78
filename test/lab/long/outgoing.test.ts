// The other programs that OUTGOING is about: scanners that make their own frames, and programs that ask many hosts for other reasons.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { LINK, SCANNER, TARGET } from "../support/addresses.ts";
import { Daemon } from "../support/daemon.ts";
import { Lab } from "../support/lab.ts";
import { foundOutgoing, outgoingEvents, watching } from "../support/outgoing.ts";
import { program, serve } from "../support/traffic.ts";
import { waitUntil } from "../support/wait.ts";

const PREFIX = "2001:db8:b:1::";

test("a crawler, a torrent client, a blockchain client and a monitor are no scanners", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.scanner, { tcp: [80, 443, 30303, 9999] });
  // By the last digit of a host: of 16 web hosts 3 are dead, of the others' peers 11 and 12.
  const rules = [
    "ip6 daddr & ::f == { ::1, ::2 } tcp dport { 80, 443 } drop",
    "ip6 daddr & ::f == ::3 tcp dport { 80, 443 } reject with tcp reset",
    "ip6 daddr & ::f == { ::0, ::1, ::2, ::3, ::4, ::5, ::6 } tcp dport >= 10000 drop",
    "ip6 daddr & ::f == { ::7, ::8, ::9, ::a, ::b } tcp dport >= 10000 reject with tcp reset",
  ];
  const redirect = "tcp dport 10000-29999 redirect to :9999";
  await lab.scanner.mustRun(
    ["nft", "-f", "-"],
    `table ip6 town {
      chain nat {
        type nat hook prerouting priority -100;
        ${redirect}
      }
      chain dead {
        type filter hook prerouting priority -150;
        ${rules.join("\n        ")}
      }
    }\n`,
  );
  const daemon = await Daemon.start(lab, watching);
  const ask = (options: Readonly<Record<string, string | number | true>>) =>
    lab.target.mustRun(program("peers", { prefix: PREFIX, timeout: 2_000, lanes: 150, ...options }));
  await Promise.all([
    ask({ hosts: 200, ports: "80,443" }),
    ask({ hosts: 150, ports: "any" }),
    ask({ hosts: 150, ports: "30303" }),
    ask({ prefix: "203.0.113.", hosts: 6, ports: "9001,9002,9003,9004,9005,9006,9007,9008", "every-port": true }),
  ]);
  await waitUntil("what was asked is decided", async () => {
    const counters = z.record(z.string(), z.number()).parse((await daemon.status()).counters);
    const { outgoingContacts = 0, outgoingContactsDecided } = counters;
    // The kernel tells 500 at once.
    return outgoingContacts >= 500 && outgoingContacts === outgoingContactsDecided;
  });
  assert.deepEqual(await outgoingEvents(daemon), []);
});

test("a load balancer and a monitor go on asking forty backends that have gone down", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const backends = Array.from({ length: 40 }, (_, index) => 8_000 + index);
  const service = await serve(lab, lab.scanner, { tcp: backends });
  const daemon = await Daemon.start(lab, watching);
  const ask = async (prefix: string) =>
    await lab.target.mustRun(program("peers", { prefix, hosts: 1, ports: backends.join(","), "every-port": true }));
  assert.match(await ask("203.0.113."), /"opened":40/);
  await service.stop();
  for (let round = 0; round < 5; round++) assert.match(await ask("203.0.113."), /"failed":40/);
  // The same forty ports of a host that never served them are a scan: what was told above was nothing.
  await ask("203.0.113.20");
  const event = await foundOutgoing(daemon, /./);
  assert.match(event.message ?? "", /asks many ports of 203\.0\.113\.201: /);
  assert.equal((await outgoingEvents(daemon)).length, 1);
});

test("masscan and ZMap on this host are told, though their frames pass no rule of output", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, watching);
  const link = ["--adapter-ip", TARGET.ipv4, "-e", LINK, "--router-mac", SCANNER.mac];
  await lab.target.mustRun(["masscan", ...link, "-p8081", "203.0.113.0/24", "--rate", "200", "--wait", "2"]);
  await foundOutgoing(daemon, /^this host \(198\.51\.100\.1\) asks tcp\/8081 of many hosts: .*user root/);
  await daemon.stop();
  const left = await lab.target.mustRun(["nft", "list", "tables"]);
  assert.doesNotMatch(left, /netdev/, "the daemon takes its table with it");
  await daemon.restart();
  await lab.target.mustRun(["nft", "flush", "ruleset"]);
  await waitUntil("both tables are back", async () => {
    const tables = await lab.target.mustRun(["nft", "list", "tables"]);
    return tables.includes("inet portreeve") && tables.includes("netdev portreeve");
  });
  const where = ["-i", LINK, "-G", SCANNER.mac, "-S", TARGET.ipv4, "-b", "/dev/null", "-r", "200", "-c", "2"];
  await lab.target.mustRun(["zmap", ...where, "-p", "8082", "-o", "/dev/null", "203.0.113.0/24"]);
  await foundOutgoing(daemon, /^this host \(198\.51\.100\.1\) asks tcp\/8082 of many hosts/);
});

// KILL_ROUTE with each kind of rule, and whether it shuts anybody out: one that does is left alone; one that succeeds and
// blocks nothing is said, and the built-in table takes its blocks over, before a single answer has reached the scanner.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Family, LINK, type Source, source, TARGET } from "./support/addresses.ts";
import { Capture, portsThatAnswered } from "./support/capture.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { syn, udp } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { nmap, spreadPorts } from "./support/scan.ts";
import { harsh, type Settings } from "./support/settings.ts";
import { Stage } from "./support/stage.ts";
import { serve } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const SERVED = [8000, 8001, 8002];
const CLOSED = [8003, 8004];
/** The sources are neighbours, and many: what is done about that is not what is tried here. */
const settings: Settings = { ...harsh, FIREWALL: "auto", NEIGHBOURS: "0", SLOW_NEIGHBOURS: "0" };
const neighbourSets = ["24", "16", "56", "48", "40", "32"].flatMap((width) => [`many${width}`, `held${width}`]);

interface Rule {
  readonly killRoute: string;
  readonly family?: Family;
}

const blocking: readonly Rule[] = [
  { killRoute: "/usr/sbin/iptables-nft -I INPUT -s $TARGET$ -j DROP" },
  { killRoute: "/usr/sbin/iptables-legacy -I INPUT -s $TARGET$ -j DROP" },
  { killRoute: "/sbin/iptables -I INPUT -s $TARGET$ -j DROP", family: "ipv6" },
  { killRoute: "/sbin/iptables -I INPUT -p tcp -s $TARGET$ -j REJECT --reject-with tcp-reset" },
  { killRoute: "/sbin/iptables -I INPUT -s $TARGET$ -j REJECT --reject-with icmp-host-unreachable" },
  { killRoute: "/sbin/iptables -I INPUT -p tcp -s $TARGET$ -j REJECT --reject-with tcp-reset", family: "ipv6" },
  { killRoute: "/sbin/iptables -t raw -I PREROUTING -s $TARGET$ -j DROP" },
  { killRoute: "/sbin/iptables -t mangle -I INPUT -s $TARGET$ -j DROP" },
  { killRoute: "/sbin/iptables -I OUTPUT -d $TARGET$ -j DROP" },
  { killRoute: "/sbin/iptables -t mangle -I POSTROUTING -d $TARGET$ -j DROP" },
  { killRoute: "/sbin/iptables -A ufw-user-input -s $TARGET$ -j DROP" },
  { killRoute: "/sbin/ip route add blackhole $TARGET$" },
  { killRoute: "/sbin/ip route add unreachable $TARGET$" },
  { killRoute: "/sbin/ip route add prohibit $TARGET$" },
  { killRoute: "/sbin/ip route add unreachable $TARGET$", family: "ipv6" },
  { killRoute: "/sbin/route add -host $TARGET$ reject" },
  { killRoute: "/sbin/route add -host $TARGET$ gw 127.0.0.1" },
  { killRoute: "/usr/sbin/nft add element inet admin used { $TARGET$ }" },
];

const idle: readonly Rule[] = [
  { killRoute: "/usr/sbin/nft add element inet admin unused { $TARGET$ }" },
  { killRoute: "/sbin/iptables -A lonely -s $TARGET$ -j DROP" },
  { killRoute: "/sbin/iptables -I FORWARD -s $TARGET$ -j DROP" },
  { killRoute: "/sbin/iptables -I FORWARD -s $TARGET$ -j DROP", family: "ipv6" },
  { killRoute: "/sbin/iptables -I INPUT -p tcp --dport 9 -s $TARGET$ -j DROP" },
  { killRoute: "/sbin/iptables -I INPUT -i nowhere0 -s $TARGET$ -j DROP" },
  { killRoute: "/sbin/iptables -I OUTPUT -s $TARGET$ -j DROP" },
  { killRoute: "/bin/true $TARGET$" },
];

describe("KILL_ROUTE", () => {
  let lab: Lab;
  let daemon: Daemon;
  let stage: Stage;
  let number = 0;
  const next = (): Source => source(++number);

  before(async () => {
    lab = await Lab.open();
    const rules = `table inet admin {
      set used { type ipv4_addr; }
      set unused { type ipv4_addr; }
      chain input { type filter hook input priority filter; ip saddr @used drop; }
    }`;
    await lab.target.mustRun(["nft", "-f", "-"], rules);
    for (const program of ["iptables", "ip6tables"]) {
      for (const words of ["-N ufw-user-input", "-A INPUT -j ufw-user-input", "-N lonely"])
        await lab.target.mustRun([program, ...words.split(" ")]);
    }
    // Half-open connections are to stay so: the scanner's kernel knows nothing of what is sent for it.
    await lab.scanner.mustRun(["iptables", "-A", "OUTPUT", "-p", "tcp", "--tcp-flags", "RST", "RST", "-j", "DROP"]);
    stage = new Stage(join(lab.folder, "stage"));
    daemon = await Daemon.start(lab, settings, [], stage);
    await serve(lab, lab.target, { tcp: SERVED, udp: SERVED });
  });
  after(() => lab.close());

  async function use(killRoute: string, more: Settings = {}): Promise<void> {
    const flushes = neighbourSets.map((set) => `flush set inet portreeve ${set}`);
    await lab.target.mustRun(["nft", flushes.join("; ")]);
    const from = daemon.lines.length;
    daemon.configure({ ...settings, KILL_ROUTE: killRoute, ...more });
    daemon.signal("SIGHUP");
    await daemon.waitForLine(/reload: .* is in force/, from);
  }

  async function knock(from: Source, family: Family, ports: readonly number[]): Promise<void> {
    await sendPackets(
      lab,
      ports.map((port) => syn({ from: from[family], to: TARGET[family], port })),
    );
  }

  const entryOf = async (key: string) => (await daemon.blocked()).find((entry) => entry.source === key);
  const counter = async (name: string) => Number(Object(await daemon.status()).counters[name]);
  const found = () => counter("commandsWithoutEffect");

  for (const { killRoute, family = "ipv4" } of blocking) {
    test(`blocks, and is left alone: ${killRoute} (${family})`, async () => {
      await use(killRoute);
      const [from, later] = [next(), next()];
      const capture = await Capture.start(lab);
      // Whose answer the kernel repeats after the block.
      await knock(from, family, [SERVED[0] ?? 0]);
      await knock(from, family, [23]);
      const { backend } = await daemon.waitForBlock(from.key[family]);
      assert.equal(backend, "kill-route");
      await knock(from, family, [SERVED[1] ?? 0, SERVED[2] ?? 0, ...CLOSED]);
      // What the kernel told of the first has been read when the second is blocked.
      await knock(later, family, [23]);
      await daemon.waitForBlock(later.key[family]);
      const answered = portsThatAnswered(await capture.stop(), from[family]);
      assert.deepEqual(answered, SERVED.slice(0, 1), "only what was asked before the block");
      const { backend: still, enforced } = (await entryOf(from.key[family])) ?? {};
      assert.deepEqual([await found(), still, enforced], [0, "kill-route", true]);
    });
  }

  for (const { killRoute, family = "ipv4" } of idle) {
    test(`blocks nothing: said, and the built-in table takes over: ${killRoute} (${family})`, async () => {
      await use(killRoute);
      const said = daemon.lines.length;
      const from = next();
      const key = from.key[family];
      await knock(from, family, [23]);
      const before = await daemon.waitForBlock(key);
      assert.equal(before.backend, "kill-route");
      const capture = await Capture.start(lab);
      await knock(from, family, [...SERVED, ...CLOSED]);
      await waitUntil("the built-in table has it", async () => (await entryOf(key))?.backend === "nftables");
      await knock(from, family, [...SERVED, ...CLOSED]);
      const answers = (await capture.stop()).filter(({ to }) => to === from[family]);
      assert.deepEqual(answers, [], "not one answer has come through");
      const after = await entryOf(key);
      assert.deepEqual([after?.enforced, after?.until], [true, before.until]);
      const lines = daemon.lines.slice(said).filter((line) => /succeeds and blocks nothing/.test(line));
      assert.equal(lines.length, 1, lines.join("\n"));
      assert.ok(lines[0]?.includes(key) && lines[0].includes(killRoute), lines[0]);
      const { warnings } = await daemon.status();
      assert.ok(warnings.some((warning) => warning.includes(killRoute) && /\d sources? w/.test(warning)));
      await daemon.unblock(key);
      assert.equal(await entryOf(key), undefined);
    });
  }

  test("nmap's top thousand from a source that such a command has blocked: 0 of 20 open ports; 20 where nothing enforces", async () => {
    const more = spreadPorts(20 - SERVED.length);
    const open = [...more, ...SERVED].sort((a, b) => a - b);
    assert.equal(new Set(open).size, 20);
    await serve(lab, lab.target, { tcp: more });
    for (const [firewall, learned] of [
      ["auto", []],
      ["none", open],
    ] as const) {
      await use("/usr/sbin/nft add element inet admin unused { $TARGET$ }", { FIREWALL: firewall });
      const from = next();
      await knock(from, "ipv4", [23]);
      assert.equal((await daemon.waitForBlock(from.ipv4)).backend, "kill-route");
      const capture = await Capture.start(lab);
      const options = ["-sS", "-T4", "--top-ports", "1000"];
      await nmap(lab, { family: "ipv4", source: from, options, timeoutSeconds: 20 });
      assert.deepEqual(portsThatAnswered(await capture.stop(), from.ipv4), learned, firewall);
    }
  });

  test("a scan of UDP ports alone proves it as well", async () => {
    await use("/bin/true $TARGET$");
    const from = next();
    const ask = async (ports: readonly number[]) =>
      await sendPackets(
        lab,
        ports.map((port) => udp({ from: from.ipv4, to: TARGET.ipv4, port })),
      );
    await ask([23]);
    assert.equal((await daemon.waitForBlock(from.ipv4)).backend, "kill-route");
    const filter = `src host ${TARGET.ipv4} and dst host ${from.ipv4}`;
    const tcpdump = lab.spawn(lab.scanner, ["tcpdump", "-i", LINK, "-lnnt", "--immediate-mode", filter]);
    await tcpdump.waitForLine(/listening on/);
    await ask([...SERVED, ...CLOSED]);
    await waitUntil("the built-in table has it", async () => (await entryOf(from.ipv4))?.backend === "nftables");
    await tcpdump.stop("SIGINT");
    assert.deepEqual(
      tcpdump.lines.filter((line) => line.startsWith("IP")),
      [],
    );
  });

  test("a rule that somebody deletes is an unblock, and no fault of the command", async () => {
    await use("/sbin/iptables -I INPUT -s $TARGET$ -j DROP");
    const from = next();
    await knock(from, "ipv4", [23]);
    await daemon.waitForBlock(from.ipv4);
    await lab.target.mustRun(["iptables", "-D", "INPUT", "-s", from.ipv4, "-j", "DROP"]);
    await knock(from, "ipv4", SERVED);
    await waitUntil("it is not listed", async () => (await entryOf(from.ipv4)) === undefined);
    assert.equal(await found(), 0);
  });

  test('FIREWALL="none": only said, and listed as not enforced', async () => {
    await use("/bin/true $TARGET$", { FIREWALL: "none" });
    const from = next();
    await knock(from, "ipv4", [23]);
    await daemon.waitForBlock(from.ipv4);
    const capture = await Capture.start(lab);
    await knock(from, "ipv4", SERVED);
    await waitUntil("it is said", async () => (await entryOf(from.ipv4))?.enforced === false);
    assert.deepEqual(portsThatAnswered(await capture.stop(), from.ipv4), SERVED, "nothing is ever dropped");
    assert.match((await daemon.status()).warnings.join("\n"), /nothing blocks \(FIREWALL is "none"\) them/);
    const { stdout } = await daemon.cli(["blocked"]);
    assert.match(stdout, /NOT ENFORCED/);
  });

  test('FIREWALL="none" and a line in hosts.deny: libwrap refuses in the program, so that answers are no fault', async () => {
    await use("/bin/false $TARGET$", { FIREWALL: "none", KILL_HOSTS_DENY: "ALL: $TARGET$" });
    const [from, later] = [next(), next()];
    await knock(from, "ipv4", [23]);
    await daemon.waitForBlock(from.ipv4);
    await knock(from, "ipv4", SERVED);
    await waitUntil("the kernel has told of it", async () => (await counter("answersThrough")) > 0);
    await knock(later, "ipv4", [23]);
    await daemon.waitForBlock(later.ipv4);
    const { backend, enforced } = (await entryOf(from.ipv4)) ?? {};
    assert.deepEqual([await found(), backend, enforced], [0, "hosts.deny", true]);
  });

  test("a line in hosts.deny beside a command that failed: the built-in table blocks", async () => {
    await use("/bin/false $TARGET$", { KILL_HOSTS_DENY: "ALL: $TARGET$" });
    const from = next();
    await knock(from, "ipv4", [23]);
    const { backend, enforced } = await daemon.waitForBlock(from.ipv4);
    assert.deepEqual([backend, enforced], ["nftables", true]);
    assert.match(stage.read("/etc/hosts.deny"), new RegExp(`^ALL: ${from.ipv4}$`, "m"));
    await daemon.unblock(from.ipv4);
    await waitUntil("the line is gone", () => !stage.read("/etc/hosts.deny").includes(from.ipv4));
  });
});

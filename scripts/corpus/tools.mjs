// The other scanners of Debian against home, each from an address of its own: masscan, zmap, hping3, nc; and scans that
// several addresses or several tools share.
import { join } from "node:path";
import { HOME, homeHost, LINK, scannerAddress, scannerAddress6, WORLD } from "./lab.mjs";
import { range, TCP_PORTS } from "./nmap.mjs";
import { addZombie, removeZombie } from "./props.mjs";
import { openTcpPorts } from "./services.mjs";

/** nc ends with 1 when a port was closed, timeout with 137 when it killed (null: it kills itself in the same way). */
const FINE = [0, 1, 137, null];
const CLIENTS = join(import.meta.dirname, "clients.mjs");
const SWEPT = "198.51.100.0/27";
const sweptHosts = range(0, 31).map(homeHost);
const ports = (list) => ({ ports: list, openPorts: list.filter((port) => openTcpPorts.includes(port)) });

const MASSCAN = ["timeout", "-s", "KILL", "4", "masscan"];
const masscan = (source, targets, ...more) => {
  const adapter = ["--adapter", LINK, "--adapter-ip", source, "--adapter-mac", WORLD.mac, "--router-mac", HOME.mac];
  // It waits for one more packet before it ends, which never comes here.
  return [...MASSCAN, ...targets, "--rate", "300", "--wait", "1", ...adapter, ...more];
};
const zmap = (source, ...more) => {
  const link = ["-i", LINK, "-S", source, "-G", HOME.mac];
  return [
    "zmap",
    ...link,
    "-b",
    "/dev/null",
    "-C",
    "/dev/null",
    "-r",
    "200",
    "-c",
    "1",
    "-q",
    "-o",
    "-",
    ...more,
    SWEPT,
  ];
};
const hping = (source, ...more) => ["hping3", "-a", source, "-I", LINK, "-i", "u5000", ...more, HOME.ipv4];

/** One tool, one source. */
function simple(name, number, tool, kinds, argvOf, about = {}) {
  const source = about.source ?? scannerAddress(number);
  const argv = argvOf(source);
  const { targets = [HOME.ipv4], listed = TCP_PORTS, capture = {}, ...facts } = about;
  return {
    name,
    capture,
    run: (lab) => lab.run(lab.world, argv, { codes: FINE }),
    expected: {
      how: argv.join(" ").replace(/^timeout.* masscan/, "masscan"),
      scanners: [{ source, kinds, tool, targets, ...(listed === null ? {} : ports(listed)), ...facts }],
      decoys: [],
      innocent: [],
    },
  };
}

const masscanPorts = (list) => ["-p", list.join(",")];

export const toolCases = [
  simple("masscan", 60, "masscan", ["syn"], (source) => masscan(source, [HOME.ipv4], ...masscanPorts(TCP_PORTS))),
  simple("masscan-sweep", 61, "masscan", ["syn"], (source) => masscan(source, [SWEPT], "-p", "23"), {
    targets: sweptHosts,
    listed: [23],
  }),
  simple(
    "masscan-udp",
    63,
    null,
    ["udp"],
    (source) => masscan(source, [HOME.ipv4], "-pU:53,123,137,161,500,1434,1900,5353"),
    {
      listed: null,
    },
  ),
  simple("masscan-ping", 64, null, ["icmp-echo"], (source) => masscan(source, [SWEPT], "--ping"), {
    targets: sweptHosts,
    listed: null,
  }),
  simple(
    "masscan6",
    65,
    "masscan",
    ["syn"],
    (source) => masscan(source, [HOME.ipv6], ...masscanPorts(TCP_PORTS), "--router-mac-ipv6", HOME.mac),
    {
      source: scannerAddress6(65),
      targets: [HOME.ipv6],
    },
  ),
  simple("zmap", 66, "zmap", ["syn"], (source) => zmap(source, "-p", "23"), { targets: sweptHosts, listed: [23] }),
  simple(
    "zmap-udp",
    67,
    "zmap",
    ["udp"],
    (source) => zmap(source, "-M", "udp", "-p", "1900", "--probe-args=text:M-SEARCH"),
    {
      targets: sweptHosts,
      listed: null,
    },
  ),
  simple("zmap-ping", 68, "zmap", ["icmp-echo"], (source) => zmap(source, "-M", "icmp_echoscan"), {
    targets: sweptHosts,
    listed: null,
  }),
  simple("hping3-syn", 69, "hping3", ["syn"], (source) => hping(source, "-S", "-p", "++75", "-c", "20"), {
    listed: range(75, 94),
  }),
  simple("hping3-scan", 70, "hping3", ["syn"], (source) => hping(source, "-S", "--scan", "70-95"), {
    listed: range(70, 95),
  }),
  simple("hping3-fin", 71, "hping3", ["fin"], (source) => hping(source, "-F", "-p", "++75", "-c", "20"), {
    listed: range(75, 94),
  }),
  simple("hping3-xmas", 72, "hping3", ["xmas"], (source) => hping(source, "-F", "-P", "-U", "-p", "++75", "-c", "20"), {
    listed: range(75, 94),
  }),
  simple("hping3-udp", 73, null, ["udp"], (source) => hping(source, "-2", "-p", "++75", "-c", "20"), { listed: null }),
  simple(
    "connect-fin",
    74,
    null,
    ["connect"],
    (source) => [process.execPath, CLIENTS, "connect", source, HOME.ipv4, "70-95"],
    {
      listed: range(70, 95),
    },
  ),
  slow(),
  behindNat(),
  behindDnat(),
  coordinated(),
  idle(),
  idleThroughHome(),
];

/** Two seconds between the probes. */
function slow() {
  const often = ["-n", "-Pn", "--send-ip", "-e", LINK, "--max-retries", "0", "--scan-delay", "2s"];
  const listed = [21, 23, 110, 1433, 3389, 5900, 8443];
  const argvOf = (source) => ["nmap", "-sS", ...often, "-S", source, "-p", listed.join(","), HOME.ipv4];
  return simple("nmap-slow", 75, "nmap", ["syn"], argvOf, { listed });
}

/** masscan and nmap behind one address, at the same time. */
function behindNat() {
  const source = scannerAddress(76);
  const first = masscan(source, [HOME.ipv4], ...masscanPorts(TCP_PORTS.slice(0, 15)));
  const often = ["-n", "-Pn", "-T4", "--max-retries", "1", "--send-ip", "-e", LINK, "-S", source];
  const second = ["nmap", "-sS", ...often, "-p", TCP_PORTS.slice(10).join(","), HOME.ipv4];
  return {
    name: "two-tools-one-address",
    run: (lab) => Promise.all([lab.run(lab.world, first, { codes: FINE }), lab.run(lab.world, second)]),
    expected: {
      how: `${first.join(" ")} & ${second.join(" ")}`,
      scanners: [
        {
          source,
          kinds: ["syn"],
          tool: "masscan",
          tools: ["masscan", "nmap"],
          targets: [HOME.ipv4],
          ...ports(TCP_PORTS),
        },
      ],
      decoys: [],
      innocent: [],
    },
  };
}

/** home is behind a router that maps a public address onto it, so that the destination is not the one masscan aimed at. */
function behindDnat() {
  const source = scannerAddress(77);
  const publicAddress = "198.51.100.33";
  const argv = masscan(source, [publicAddress], ...masscanPorts(TCP_PORTS));
  const rules = [
    "table netdev router {",
    `chain out { type filter hook egress device ${LINK} priority 0; ip daddr ${publicAddress} ip daddr set ${HOME.ipv4}; }`,
    `chain in { type filter hook ingress device ${LINK} priority 0; ip saddr ${HOME.ipv4} ip daddr ${source} ip saddr set ${publicAddress}; }`,
    "}",
  ].join("\n");
  return {
    name: "masscan-behind-dnat",
    run: async (lab) => {
      await lab.run(lab.world, ["nft", rules]);
      await lab.run(lab.world, argv, { codes: FINE });
      await lab.run(lab.world, ["nft", "delete table netdev router"]);
    },
    expected: {
      how: `${argv.join(" ")}, with ${publicAddress} translated to ${HOME.ipv4} on the way`,
      scanners: [{ source, kinds: ["syn"], tool: "masscan", targets: [HOME.ipv4], ...ports(TCP_PORTS) }],
      decoys: [],
      innocent: [],
    },
  };
}

/** Eight addresses share one masscan: each takes every eighth port of the same shuffled list. */
function coordinated() {
  const sources = range(80, 87).map(scannerAddress);
  const list = range(1000, 1287);
  const argvOf = (source, shard) =>
    masscan(source, [HOME.ipv4], "-p", "1000-1287", "--seed", "4711", "--shard", `${shard}/${sources.length}`);
  return {
    name: "coordinated",
    run: (lab) =>
      Promise.all(sources.map((source, index) => lab.run(lab.world, argvOf(source, index + 1), { codes: FINE }))),
    expected: {
      how: `${argvOf("SOURCE", "N").join(" ")}, from ${sources.length} addresses`,
      coordinated: [{ members: sources, ports: list, targets: [HOME.ipv4] }],
      scanners: sources.map((source) => ({ source, kinds: ["syn"], tool: "masscan", targets: [HOME.ipv4] })),
      decoys: [],
      innocent: [],
    },
  };
}

/** home sees the zombie's address only. */
function idle() {
  const argvOf = (zombie) => [
    "nmap",
    "-n",
    "-Pn",
    "-T4",
    "--max-retries",
    "1",
    "-sI",
    `${zombie}:80`,
    "-p",
    "22,80,81,82,8443",
    HOME.ipv4,
  ];
  const zombie = "203.0.113.130";
  return {
    name: "nmap-idle",
    run: async (lab) => {
      await addZombie(lab, zombie);
      await lab.run(lab.world, argvOf(zombie));
      removeZombie(lab, zombie);
    },
    expected: {
      how: `${argvOf(zombie).join(" ")}; the scanner itself asks only the zombie`,
      scanners: [
        {
          source: zombie,
          isForged: true,
          kinds: ["syn"],
          tool: "nmap",
          targets: [HOME.ipv4],
          ...ports([22, 80, 81, 82, 8443]),
        },
      ],
      decoys: [],
      innocent: [],
    },
  };
}

/** home is the zombie. Linux is no good one, and nmap gives up, once it has read home's identifications. */
function idleThroughHome() {
  const argv = ["nmap", "-n", "-Pn", "-T4", "--max-retries", "1", "-sI", `${HOME.ipv4}:81`, "-p", "22", homeHost(2)];
  return {
    name: "nmap-idle-zombie",
    run: (lab) => lab.run(lab.world, argv, { codes: [0, 1] }),
    expected: {
      how: argv.join(" "),
      scanners: [{ source: WORLD.ipv4, kinds: ["idle-scan"], tool: "nmap", targets: [HOME.ipv4], ...ports([81]) }],
      decoys: [],
      innocent: [],
    },
  };
}

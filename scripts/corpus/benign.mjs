// Everyday traffic with home: real clients and servers, each from innocent addresses. Nothing in these captures is a
// scan, though some of it asks closed ports, many ports, or comes from very many connections.
import { join } from "node:path";
import { HOME, innocentAddress, innocentAddress6, WORLD } from "./lab.mjs";
import { range } from "./nmap.mjs";
import { beginSession, greetNeighbours, withServer, withSshd } from "./props.mjs";

const SERVICES = join(import.meta.dirname, "services.mjs");
const CLIENTS = join(import.meta.dirname, "clients.mjs");
const client = (...args) => [process.execPath, CLIENTS, ...args.map(String)];
const curl = (source, ...more) => ["curl", "-s", "-o", "/dev/null", "--max-time", "5", "--interface", source, ...more];
const ping = (source, count, target = HOME.ipv4) => [
  "ping",
  "-n",
  "-q",
  "-i",
  "0.2",
  "-c",
  String(count),
  "-I",
  source,
  target,
];
/** curl ends with 7 when it is refused, ping with 1 when nothing comes. */
const FINE = { codes: [0, 1, 7, 28, 52, 56] };

function benign(name, how, sources, work, capture = {}) {
  return {
    name,
    capture: { snapBytes: 128, ...capture },
    run: work,
    expected: { how, scanners: [], decoys: [], innocent: sources },
  };
}
const inWorld = (lab, argvs) => Promise.all(argvs.map((argv) => lab.run(lab.world, argv, FINE)));
async function oneByOne(lab, argvs) {
  for (const argv of argvs) await lab.run(lab.world, argv, FINE);
}

const web = range(10, 15).map(innocentAddress);
const web6 = range(10, 12).map(innocentAddress6);
const mail = range(20, 23).map(innocentAddress);
const names = range(24, 27).map(innocentAddress);
const peers = range(30, 69).map(innocentAddress);
const office = innocentAddress(77);
const monitor = innocentAddress(78);

export const benignCases = [
  benign(
    "web",
    "curl: several requests on one connection; two of the clients try 443 and 8443 (closed) first",
    web,
    (lab) =>
      inWorld(lab, [
        ...web.map((source) =>
          curl(source, "http://198.51.100.1/300", "http://198.51.100.1/900", "http://198.51.100.1:8080/50"),
        ),
        ...web.slice(0, 2).map((source) => client("talk", source, HOME.ipv4, 443, 8443, 80)),
      ]),
  ),
  benign("web6", "the same over IPv6, and one whose IPv6 fails and who goes on with IPv4", [...web6, web[0]], (lab) =>
    inWorld(lab, [
      ...web6.map((source) => curl(source, "-g", "http://[2001:db8:a::1]/300", "http://[2001:db8:a::1]/900")),
      client("talk", web6[0], HOME.ipv6, 8443, 80),
      curl(web[0], "http://198.51.100.1/300"),
    ]),
  ),
  benign("mail", "curl speaks SMTP with home; home asks the senders' port 113, which is closed", mail, async (lab) => {
    const envelope = [
      "--mail-from",
      "a@example.net",
      "--mail-rcpt",
      "b@example.org",
      "-T",
      join(import.meta.dirname, "send.mjs"),
    ];
    for (const source of mail) {
      await lab.run(lab.home, client("talk", HOME.ipv4, source, 113), FINE);
      await lab.run(lab.world, curl(source, "smtp://198.51.100.1/client.example", ...envelope), FINE);
    }
  }),
  benign("dns", "stub resolvers ask home's dnsmasq, by IPv4 and IPv6", [...names, innocentAddress6(24)], (lab) =>
    inWorld(lab, [
      ...names.map((source) => client("resolve", source, HOME.ipv4, "www.example", "mail.example", "a.test", "b.test")),
      client("resolve", innocentAddress6(24), HOME.ipv6, "www.example", "c.test"),
    ]),
  ),
  benign(
    "dns-late",
    "home asks a name server that answers after 1.5 s, when home's socket is closed",
    [innocentAddress(28)],
    async (lab) => {
      const server = await lab.start(lab.world, client("answer-late", innocentAddress(28), 53, 1500), /ready/);
      for (let i = 0; i < 6; i++) await lab.run(lab.home, client("ask", HOME.ipv4, innocentAddress(28), 53, 1), FINE);
      await lab.stop(server);
    },
  ),
  benign("ntp", "clients of home's NTP port", range(24, 27).map(innocentAddress), (lab) =>
    inWorld(
      lab,
      names.map((source) => client("ask", source, HOME.ipv4, 123, 4)),
    ),
  ),
  benign("ssh", "ssh sessions, and two connections that say nothing", [innocentAddress(29)], (lab) =>
    withSshd(lab, async (port, key) => {
      const options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes"];
      const ssh = [
        "ssh",
        "-F",
        "/dev/null",
        "-T",
        "-b",
        innocentAddress(29),
        "-i",
        key,
        "-p",
        String(port),
        ...options,
      ];
      await oneByOne(lab, [
        ...range(1, 2).map(() => [...ssh, `root@${HOME.ipv4}`, "true"]),
        client("talk", innocentAddress(29), HOME.ipv4, port),
      ]);
    }),
  ),
  benign(
    "bulk",
    "curl fetches 600 kB; headers only",
    [innocentAddress(16)],
    (lab) => lab.run(lab.world, curl(innocentAddress(16), "http://198.51.100.1/600000"), FINE),
    { snapBytes: 68 },
  ),
  benign(
    "peer-to-peer",
    "40 peers ask home's port 6881 by TCP and UDP, some an old port of home's; home asks theirs",
    peers,
    async (lab) => {
      await withServer(lab, 6881, () =>
        inWorld(lab, [
          ...peers.map((source, index) =>
            client("talk", source, HOME.ipv4, ...(index % 8 === 0 ? [51_413, 6881] : [6881])),
          ),
          ...peers.slice(0, 12).map((source) => client("ask", source, HOME.ipv4, 6881, 1)),
        ]),
      );
      await Promise.all(
        peers
          .slice(0, 20)
          .map((peer, index) => lab.run(lab.home, client("talk", HOME.ipv4, peer, 20_000 + index * 37), FINE)),
      );
    },
  ),
  benign(
    "busy-nat",
    "30 users behind one address: 90 connections to open ports, and one user's wrong port",
    [office],
    (lab) =>
      inWorld(lab, [
        ...range(1, 29).map((user) => client("talk", office, HOME.ipv4, 80, [25, 443, 993][user % 3], 8080)),
        client("talk", office, HOME.ipv4, 587, 80),
      ]),
  ),
  benign("monitoring", "checks of five ports each second, one of them closed; ping", [monitor], async (lab) => {
    const checks = range(1, 6).map(() => client("talk", monitor, HOME.ipv4, 22, 25, 80, 443, 8081));
    await Promise.all([lab.run(lab.world, ping(monitor, 20), FINE), oneByOne(lab, checks)]);
  }),
  benign(
    "outgoing",
    "home as a client: web, names, a closed port of the world; the answers are no probes",
    [innocentAddress(90)],
    async (lab) => {
      const world = await lab.start(lab.world, [process.execPath, SERVICES, innocentAddress(90)], /ready/);
      const talk = client("talk", HOME.ipv4, innocentAddress(90), 80, 443, 25, 9999, 8080);
      await lab.run(lab.home, talk, FINE);
      await lab.run(lab.home, client("ask", HOME.ipv4, innocentAddress(90), 123, 5), FINE);
      await lab.run(lab.home, client("ask", HOME.ipv4, innocentAddress(90), 9999, 2), FINE);
      await lab.stop(world);
    },
  ),
  {
    ...benign(
      "midstream",
      "a session that began before the capture and ends in it",
      [innocentAddress(17)],
      (_, { ended }) => ended,
      {
        snapBytes: 68,
      },
    ),
    before: (lab) => beginSession(lab, innocentAddress(17)),
  },
  benign(
    "link",
    "neighbours on the link: ARP and neighbour solicitations of hosts that exist",
    [WORLD.ipv4, WORLD.ipv6],
    greetNeighbours,
    {
      filter: "arp or icmp6 or icmp",
    },
  ),
];

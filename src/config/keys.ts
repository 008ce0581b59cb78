// Every key of the configuration file, once: the reader, `check`, the shipped file and the reference are made from
// this table and that of tap-keys.ts. It holds no logic; types of values are in values.ts, what the keys mean together in load.ts and checks.ts.
import { type Key, key, old } from "./key.ts";
import { tapKeys } from "./tap-keys.ts";
import {
  choice,
  duration,
  flag,
  integer,
  interfaceList,
  optionalPath,
  optionalText,
  packetMark,
  path,
  portList,
  syslogIdent,
} from "./values.ts";

const reaction = choice(
  new Map([
    ["0", "log" as const],
    ["1", "block" as const],
    ["2", "run" as const],
  ]),
);

export const keys = {
  tcpMode: key(
    "watch",
    "TCP_MODE",
    choice(
      new Map([
        ["", "all" as const],
        ["tcp", "listen" as const],
        ["stcp", "listed" as const],
        ["atcp", "advanced" as const],
      ]),
      new Map([
        ["connect", 'write "tcp"'],
        ["stealth", 'write "stcp"'],
      ]),
    ),
    {
      absent: "",
      shipped: "",
      meaning:
        'Which closed TCP ports are traps: every one (""), those in TCP_PORTS ("stcp"), or those below ADVANCED_PORTS_TCP ' +
        '("atcp"); with "tcp" the daemon itself listens on those in TCP_PORTS. A port that a program serves is never a trap. ' +
        "A mode on the command line of `portsentry` comes before this.",
    },
  ),
  udpMode: key(
    "watch",
    "UDP_MODE",
    choice(
      new Map([
        ["", "all" as const],
        ["udp", "listen" as const],
        ["sudp", "listed" as const],
        ["audp", "advanced" as const],
      ]),
      new Map([
        ["connect", 'write "udp"'],
        ["stealth", 'write "sudp"'],
      ]),
    ),
    {
      absent: "",
      shipped: "",
      meaning:
        'The same for UDP: every closed port (""), those in UDP_PORTS ("sudp"), those below ADVANCED_PORTS_UDP ("audp"), or ' +
        'real listeners on those in UDP_PORTS ("udp"). Ports from which this host itself asks others (ip_local_port_range) are never traps.',
    },
  ),
  tcpPorts: old("watch", "TCP_PORTS", portList, {
    absent: "",
    shipped:
      "1,11,15,79,111,119,143,540,635,1080,1524,2000,5742,6667,12345-12346,20034,27665,31337,32771-32774,40421,49724,54320",
    meaning: 'The TCP ports to watch with TCP_MODE="stcp" or "tcp".',
  }),
  udpPorts: old("watch", "UDP_PORTS", portList, {
    absent: "",
    shipped: "1,7,9,69,161-162,513,635,640-641,700,31335,31337,32770-32774,34555,37444,54321",
    meaning: 'The UDP ports to watch with UDP_MODE="sudp" or "udp".',
  }),
  advancedPortsTcp: old("watch", "ADVANCED_PORTS_TCP", integer(2, 65536), {
    absent: "1024",
    shipped: "65536",
    meaning: 'With TCP_MODE="atcp" every TCP port below this number is watched; 65536 means all.',
  }),
  advancedPortsUdp: old("watch", "ADVANCED_PORTS_UDP", integer(2, 65536), {
    absent: "1024",
    shipped: "1024",
    meaning: 'With UDP_MODE="audp" every UDP port below this number is watched; 65536 means all.',
  }),
  advancedExcludeTcp: old("watch", "ADVANCED_EXCLUDE_TCP", portList, {
    absent: "",
    meaning:
      'TCP ports that are not watched with TCP_MODE="atcp" or "": probes of them are not even logged. ' +
      "TOLERATED_PORTS_TCP is the gentler way.",
  }),
  advancedExcludeUdp: old("watch", "ADVANCED_EXCLUDE_UDP", portList, {
    absent: "",
    meaning: 'UDP ports that are not watched with UDP_MODE="audp" or "".',
  }),
  capture: key(
    "watch",
    "CAPTURE",
    choice(
      new Map([
        ["auto", "auto" as const],
        ["nflog", "nflog" as const],
        ["ring", "ring" as const],
      ]),
    ),
    {
      absent: "auto",
      meaning:
        'How probes are seen. "nflog": by rules of the nftables table "inet portreeve", which know of each packet whether ' +
        'somebody is listening. "ring": by a packet ring on the interfaces (INTERFACE) and the list of sockets, for hosts ' +
        "where nftables is not to be used: it needs the right CAP_NET_RAW only and loads no table, so nothing is held, and " +
        'only KILL_ROUTE and KILL_HOSTS_DENY block. "auto": nflog where this process may use nftables, else the ring.',
    },
  ),
  interface: key("watch", "INTERFACE", interfaceList, {
    absent: "ALL_NLO",
    meaning:
      'The interfaces that CAPTURE="ring" hears: "ALL_NLO" (all but the loopback), "ALL", or names with commas between them. ' +
      "One that is not there is waited for. `portsentry -i` comes before this. With nflog every interface but the loopback is " +
      "watched. A change of this key or of CAPTURE needs a restart.",
  }),
  latelyOpen: key("watch", "LATELY_OPEN", duration({ minMs: 1000, maxMs: 604_800_000, zero: "off" }), {
    absent: "1h",
    meaning:
      "A port that a program served within this time is no trap while it is closed, so that clients that come back " +
      "during a restart are no scanners. Ports above 1023 get 24 times as long.",
  }),
  guardSsh: key("block", "GUARD_SSH", flag, {
    absent: "1",
    shipped: "1",
    meaning:
      '"1": a source with a live SSH session is never blocked, not even when it is proven to scan; that is reported. "0": it ' +
      "is blocked when it is proven. Without a proof it is never held or blocked either way (see `portreeve guard`).",
  }),
  guardTime: key("block", "GUARD_TIME", duration({ minMs: 1000, maxMs: 604_800_000 }), {
    absent: "1h",
    meaning:
      "For how long the other end of a connection that this host has opened stays in the guard after its last answer: no full " +
      "block and no command without a proof. It is held and softly blocked like anybody, which cuts none of its answers.",
  }),
  bootGrace: key("watch", "BOOT_GRACE", duration({ minMs: 1000, maxMs: 3_600_000, zero: "off" }), {
    absent: "120s",
    meaning:
      "For this long after the host has booted no closed port is a trap, because services are still starting. " +
      "It counts from the boot, also when it is changed later: a host that has been up for longer has its traps.",
  }),

  policy: key(
    "scan",
    "POLICY",
    choice(
      new Map([
        ["score", "score" as const],
        ["trigger", "trigger" as const],
      ]),
    ),
    {
      // An old file says by SCAN_TRIGGER, or by having none of the two keys (1.2 then takes 0), that it means PortSentry's rule.
      absent: "trigger",
      shipped: "score",
      meaning:
        '"score" counts how many different ports a source tried lately. "trigger" is PortSentry\'s rule: ' +
        "SCAN_TRIGGER probes, whichever ports they go to. A file without this key means PortSentry's rule.",
    },
  ),
  scorePorts: key("scan", "SCORE_PORTS", integer(2, 6), {
    absent: "3",
    meaning:
      'With POLICY="score": this many different closed ports are a scan. Each counts 1, half as much a SCORE_WINDOW ' +
      "later, a quarter after two; a scan is when the sum is above this number less 1 (of two ports: above 1.5).",
  }),
  scoreWindow: key("scan", "SCORE_WINDOW", duration({ minMs: 1000, maxMs: 86_400_000 }), {
    absent: "10m",
    meaning: "The time in which a port that was tried counts half as much for SCORE_PORTS.",
  }),
  slowScorePorts: key("scan", "SLOW_SCORE_PORTS", integer(2, 24), {
    absent: "10",
    meaning:
      'With POLICY="score": this many different closed ports within SLOW_SCORE_WINDOW are a scan too, however slowly ' +
      "they were tried; tolerated ports do not count. Who tries one wrong port a day on average is found by the " +
      "default with a probability below 1 in 10,000 a week.",
  }),
  slowScoreWindow: key(
    "scan",
    "SLOW_SCORE_WINDOW",
    duration({ minMs: 86_400_000, maxMs: 2_419_200_000, zero: "slow scans are not looked for" }),
    {
      absent: "1d",
      meaning:
        "The time within which SLOW_SCORE_PORTS counts at least; a port is forgotten after one to two such times.",
    },
  ),
  neighbours: key("scan", "NEIGHBOURS", integer(0, 128), {
    absent: "16",
    meaning:
      "So many neighbours that each try a closed port within a minute or two, and half as many different ports together, are " +
      "one scan, however little each of them did: addresses of an IPv4 /24, /64 networks of an IPv6 /56 or /48. The network " +
      "is a finding and is blocked softly for SOFT_BLOCK_TIME, never in full; on a link of this host it is told of " +
      'only. "0": none is looked for.',
  }),
  slowNeighbours: key("scan", "SLOW_NEIGHBOURS", integer(0, 128), {
    absent: "32",
    meaning:
      "The same within SLOW_SCORE_WINDOW, however slowly they come. Such a network is told of only: a soft block would be over " +
      'before the next of them. "0": none is looked for.',
  }),
  scatteredSources: key("scan", "SCATTERED_SOURCES", integer(0, 4_096), {
    absent: "64",
    meaning:
      "So many sources from anywhere that try closed ports within SCORE_WINDOW, one or two ports each, are told of as one " +
      "scan when they are four times as many as this host is used to and meet at the same port more seldom than by " +
      'chance. Nobody is blocked for it: they may be forged. "0": none is looked for.',
  }),
  toleratedKinds: key("scan", "TOLERATED_KINDS", integer(0, 16), {
    absent: "5",
    meaning:
      'With POLICY="score": who tries closed tolerated ports of so many kinds within SCORE_WINDOW is a scanner, and is blocked ' +
      "softly, never in full; three are enough of a source whose packets bear the marks of a scanner. Kinds are habits: web, mail, names, SSH, ident, Windows shares, time, VPN, local discovery, " +
      'traceroute; any other port is a kind of its own. "0": tolerated ports alone never make a scanner.',
  }),
  scanTrigger: old("scan", "SCAN_TRIGGER", integer(0, 10_000), {
    absent: "0",
    meaning:
      'With POLICY="trigger": the number of probes that make a scan; 0 and 1 mean the first probe, ' +
      "which shuts out everyone who mistypes a port once.",
  }),
  toleratedTcp: key("scan", "TOLERATED_PORTS_TCP", portList, {
    absent: "",
    shipped: "22,25,53,80,110,113,139,143,443,445,465,587,993,995,8080,8443",
    meaning:
      "TCP ports that people and ordinary programs try by habit: a browser tries 443 where only 80 is served. While " +
      "closed they are weak evidence: they count only beside other ports, or when many kinds of them are tried (TOLERATED_KINDS). A file without this key tolerates none.",
  }),
  toleratedUdp: key("scan", "TOLERATED_PORTS_UDP", portList, {
    absent: "",
    shipped: "53,123,137-138,443,500,1900,5353,33434-33534",
    meaning: "The same for UDP: name services, time, QUIC, traceroute. A file without this key tolerates none.",
  }),

  publicTcp: key("block", "PUBLIC_PORTS_TCP", portList, {
    absent: "25,80,443",
    shipped: "25,80,443",
    meaning:
      "Served TCP ports that are meant for strangers, and are no secret: mail, the web. Neither a hold nor a soft block cuts " +
      "them, so that nobody can shut customers out by packets forged in their names; a full block does. " +
      'Add the ports of your own public services; "" protects none.',
  }),
  publicUdp: key("block", "PUBLIC_PORTS_UDP", portList, {
    absent: "53,443",
    shipped: "53,443",
    meaning: "The same for UDP: name service, QUIC.",
  }),
  blockTcp: old("block", "BLOCK_TCP", reaction, {
    absent: "0",
    shipped: "0",
    meaning:
      '"0" logs TCP scans and holds or drops nothing; "1" shuts their sources out; "2" only runs KILL_RUN_CMD. ' +
      "Put your own addresses into IGNORE_FILE before you write 1.",
  }),
  blockUdp: old("block", "BLOCK_UDP", reaction, {
    absent: "0",
    shipped: "0",
    meaning: "The same for UDP scans.",
  }),
  firewall: key(
    "block",
    "FIREWALL",
    choice(
      new Map([
        ["auto", "auto" as const],
        ["nftables", "nftables" as const],
        ["none", "none" as const],
      ]),
    ),
    {
      absent: "auto",
      meaning:
        'Whether the built-in firewall, the nftables table "inet portreeve", shuts sources out. "auto": unless KILL_ROUTE ' +
        'is set, which then does it. "nftables": always, beside it. "none": never; then only KILL_ROUTE and ' +
        "KILL_HOSTS_DENY block.",
    },
  ),
  proof: key(
    "block",
    "PROOF",
    choice(
      new Map([
        ["on", "on" as const],
        ["off", "off" as const],
      ]),
    ),
    {
      absent: "off",
      shipped: "on",
      meaning:
        'Anyone can send a packet in somebody else\'s name. With "on" a source that is not proven to be at work itself is ' +
        "blocked softly for SOFT_BLOCK_TIME: its established connections and the ports that it used before go on. With " +
        '"off" every scan is blocked in full, as PortSentry does. A file without this key means "off". What proves a source: ' +
        "see ANSWER, and a connection that a listener of ours accepted (modes tcp and connect).",
    },
  ),
  answer: key(
    "block",
    "ANSWER",
    choice(
      new Map([
        ["reset", "reset" as const],
        ["open", "open" as const],
        ["silent", "silent" as const],
      ]),
    ),
    {
      absent: "reset",
      meaning:
        'How closed TCP ports answer. "reset", with PROOF="on": to a source that scans a secret half of them with RST, the ' +
        "others not at all; who repeats exactly the others sees our answers, is proven, and is blocked in full. " +
        '"open": every closed port that is watched answers like an open one, so that a scanner cannot tell them apart; who ' +
        "then connects to one is proven. While a source is held or softly blocked the real ports answer it in the same " +
        'way, and behind the answer is nothing. "silent": no answers, so nobody is proven in this way.',
    },
  ),
  decoyMark: key("block", "DECOY_MARK", packetMark, {
    absent: "0x70727600",
    meaning:
      'With ANSWER="open": the mark (`meta mark`, fwmark) of the packets that the decoy answers, and of its answers. Choose ' +
      "another where rules of yours use this one.",
  }),
  maxUnproven: key("block", "MAX_UNPROVEN_PER_SECOND", integer(1, 1_000_000), {
    absent: "50",
    meaning:
      'With PROOF="on": so many unproven sources a second are softly blocked. When more are found scanning, somebody forges ' +
      "them; then those to be blocked are chosen at random among all that go on, and who sends more than the others is chosen " +
      "sooner. Proven sources are blocked all the same.",
  }),
  maxBlocks: key("block", "MAX_BLOCKS_PER_SECOND", integer(1, 1_000_000), {
    absent: "10",
    meaning:
      'With PROOF="off": so many sources a second are blocked in full on packets that anybody can forge, counted over ten ' +
      "minutes: with the default 6,000 that come at once are all blocked at once, and a flood of forged ones makes no more than " +
      "864,000 blocks a day. When more ask, those to be blocked are chosen at random, as with MAX_UNPROVEN_PER_SECOND.",
  }),
  sharedConnections: key("block", "SHARED_ADDRESS_CONNECTIONS", integer(0, 1_000_000), {
    absent: "4",
    meaning:
      "A source that has as many established connections to this host's services is taken for a shared address (a household, a " +
      "provider's NAT): it is softly blocked where it would be blocked in full, so that they go on. 0: it is blocked in full. " +
      "Who has finished a connection within 7 days is blocked softly whatever this says.",
  }),
  softBlockTime: key("block", "SOFT_BLOCK_TIME", duration({ minMs: 1000, maxMs: 2_592_000_000 }), {
    absent: "10m",
    meaning:
      'With PROOF="on": how long an unproven source, or a proven client of this host, may open no new connection.',
  }),
  blockWider: key("block", "BLOCK_WIDER", flag, {
    absent: "0",
    meaning:
      '"1": when IPV6_SOURCES_PER_56 of the /64 networks of an IPv6 /56 are blocked in full, the whole /56 is, and likewise a ' +
      "/48, unless own, ignored or guarded addresses or known clients lie in it. Others may live there: hence not by default.",
  }),
  blockTime: key("block", "BLOCK_TIME", duration({ minMs: 1000, maxMs: 315_360_000_000, zero: "for ever" }), {
    absent: "1d",
    meaning: "How long the first full block of a source lasts.",
  }),
  blockTimeFactor: key("block", "BLOCK_TIME_FACTOR", integer(1, 100), {
    absent: "4",
    meaning: "Each further block of the same source lasts this many times as long as the one before.",
  }),
  blockTimeMax: key("block", "BLOCK_TIME_MAX", duration({ minMs: 1000, maxMs: 315_360_000_000 }), {
    absent: "30d",
    meaning: 'No block lasts longer than this, unless BLOCK_TIME is "0".',
  }),

  killRoute: old("respond", "KILL_ROUTE", optionalText, {
    absent: "",
    examples: [
      { when: "iptables", value: "/sbin/iptables -I INPUT -s $TARGET$ -j DROP" },
      {
        when: "iptables, with a few packets logged",
        value:
          "/sbin/iptables -I INPUT -s $TARGET$ -j DROP && /sbin/iptables -I INPUT -s $TARGET$ -m limit --limit 3/minute " +
          "--limit-burst 5 -j LOG --log-level DEBUG --log-prefix 'Portsentry: dropping: '",
      },
      {
        when: "a set of nftables that you have made",
        value: "/usr/sbin/nft add element inet filter scanners { $TARGET$ }",
      },
      { when: "iproute2: only cuts our answers", value: "/sbin/ip route add blackhole $TARGET$" },
      { when: "net-tools: only cuts our answers", value: "/sbin/route add -host $TARGET$ reject" },
      {
        when: "net-tools, by a dead host of the local network, whose address you have to fill in",
        value: "/sbin/route add -host $TARGET$ gw 333.444.555.666",
      },
    ],
    meaning:
      "The command that shuts a source out, instead of the built-in firewall (see FIREWALL). $TARGET$ is replaced by the " +
      "address and has to be there, $PORT$ by the port, $MODE$ by the mode. Only one such line counts.",
  }),
  unkillRoute: key("respond", "UNKILL_ROUTE", optionalText, {
    absent: "",
    meaning:
      "The command that undoes KILL_ROUTE when a block ends. Without it the inverse of a known KILL_ROUTE (iptables, " +
      "ip6tables, nft add element, ip route, route) is run.",
  }),
  killHostsDeny: old("respond", "KILL_HOSTS_DENY", optionalText, {
    absent: "",
    shipped: "ALL: $TARGET$ : DENY",
    meaning:
      "The line that is put into /etc/hosts.deny, with $TARGET$ in it. Only programs that use libwrap read that file, and " +
      "few do today: sshd has given it up. Written beside what FIREWALL says. Where hosts.deny knows no extended options: " +
      '"ALL: $TARGET$".',
  }),
  killRunCmd: old("respond", "KILL_RUN_CMD", optionalText, {
    absent: "",
    examples: [{ when: "a program of yours", value: "/usr/local/bin/tell-me $TARGET$ $PORT$ $MODE$" }],
    meaning:
      'A command to run for each scanning source that is blocked, and with BLOCK_TCP="2" or BLOCK_UDP="2" the only thing ' +
      "that happens. Never answer an attack with one: addresses can be forged.",
  }),
  killRunCmdFirst: old("respond", "KILL_RUN_CMD_FIRST", flag, {
    absent: "0",
    meaning: '"1" runs KILL_RUN_CMD before the block, "0" after it.',
  }),
  portBanner: old("respond", "PORT_BANNER", optionalText, {
    absent: "",
    meaning:
      'A text that is sent to whoever connects to a port on which the daemon listens (TCP_MODE="tcp", UDP_MODE="udp").',
  }),

  ignoreFile: old("files", "IGNORE_FILE", optionalPath, {
    absent: "",
    shipped: "/etc/portsentry/portsentry.ignore",
    meaning:
      "Addresses and networks that are never held or blocked, one a line, with # before comments. The file " +
      "of the same name with .static at its end counts too. Changes of both are seen without a restart.",
  }),
  historyFile: old("files", "HISTORY_FILE", optionalPath, {
    absent: "",
    shipped: "/var/lib/portsentry/portsentry.history",
    meaning: "Where each scanning source gets a line in PortSentry's format, which fail2ban and others read.",
  }),
  blockedFile: old("files", "BLOCKED_FILE", optionalPath, {
    absent: "",
    shipped: "/var/lib/portsentry/portsentry.blocked",
    meaning:
      "Where the sources that are blocked now are listed in PortSentry's format, for programs that read it; with 1.2's " +
      "modes the name gets .tcp, .atcp and so on. The list itself is in STATE_DIR and survives a restart.",
  }),
  resolveHost: old("files", "RESOLVE_HOST", flag, {
    absent: "0",
    shipped: "0",
    meaning: '"1" looks up the name of each source for the log lines, in the background; a name proves nothing.',
  }),
  stateDir: key("files", "STATE_DIR", path(), {
    absent: "/var/lib/portsentry",
    meaning: "The directory of what is remembered over a restart: blocks, offences, events.",
  }),
  controlSocket: key("files", "CONTROL_SOCKET", path(107), {
    absent: "/run/portreeve/control.sock",
    meaning: "The Unix socket through which `portreeve status`, `blocked`, `why` and the like talk to the daemon.",
  }),
  syslogIdent: key("files", "SYSLOG_IDENT", syslogIdent, {
    absent: "portsentry",
    meaning: "The program name in syslog lines; log readers for PortSentry look for this one.",
  }),
  logFormat: key(
    "files",
    "LOG_FORMAT",
    choice(
      new Map([
        ["", undefined],
        ["portsentry1", "portsentry1" as const],
        ["portsentry2", "portsentry2" as const],
        ["json", "json" as const],
      ]),
    ),
    {
      absent: "",
      meaning:
        'The form of log lines: those of PortSentry 1.2, those of 2.x, or one JSON object a line. "" means that of the ' +
        "PortSentry whose command line is used, else 1.2's.",
    },
  ),
  maxSources: key("files", "MAX_SOURCES", integer(1024, 16_777_215), {
    absent: "1048576",
    meaning: "How many sources are remembered at once; beyond that the least interesting one makes room.",
  }),
  maxEvents: key("files", "MAX_EVENTS", integer(100, 100_000_000), {
    absent: "100000",
    meaning:
      "How many events the store in STATE_DIR keeps: half are for probes, the rest for findings, blocks and warnings, whose places no flood " +
      "of probes takes; of each kind the oldest go first.",
  }),
  ...tapKeys,
} as const;

export const allKeys: readonly Key<unknown>[] = Object.values(keys);

export const keyNames: readonly string[] = allKeys.map((one) => one.name);

/** The keys of PortSentry 1.2 and 2.x. */
export const portSentryKeyNames: readonly string[] = allKeys
  .filter((one) => one.origin === "portsentry")
  .map((one) => one.name);

const byName: ReadonlyMap<string, Key<unknown>> = new Map(allKeys.map((one) => [one.name, one]));

export function findKey(name: string): Key<unknown> | undefined {
  return byName.get(name);
}

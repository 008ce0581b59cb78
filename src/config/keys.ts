// Every key of the configuration file, once: the reader, `check`, the shipped file and the reference are made from
// this table and that of tap-keys.ts. It holds no logic; types of values are in values.ts, what the keys mean together in load.ts and checks.ts.
import { type LogFormat, logFormats } from "../base/log-format.ts";
import { type Key, key, old } from "./key.ts";
import { oldAdvancedPorts, oldFile, oldFlag, oldPath, oldPortList, oldReaction, oldTrigger } from "./old-values.ts";
import { controlSocketKey, optionalFile, optionalPath, path } from "./paths.ts";
import { protectedNetworks } from "./protected.ts";
import { tapKeys } from "./tap-keys.ts";
import {
  choice,
  duration,
  flag,
  groupName,
  integer,
  interfaceList,
  optionalText,
  packetMark,
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

/** From these keys and from reactionKeys, watch.ts makes the settings `tcp` and `udp`. */
const portKeys = {
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
      inOldFiles: true,
      meaning:
        'TCP_MODE says which closed TCP ports are traps: every closed port (""), the ports of TCP_PORTS ("stcp"), or ' +
        'the ports below ADVANCED_PORTS_TCP ("atcp"); with "tcp" the daemon itself listens on the ports of TCP_PORTS. A ' +
        "port that a program serves is never a trap. A mode on the command line of `portsentry` takes precedence over " +
        "this key.",
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
      inOldFiles: true,
      meaning:
        'UDP_MODE says the same for UDP: every closed port is a trap (""), or the ports of UDP_PORTS are ("sudp"), or ' +
        'the ports below ADVANCED_PORTS_UDP ("audp"), or the daemon listens on the ports of UDP_PORTS ("udp"). Ports ' +
        "from which this host itself asks other hosts (ip_local_port_range, without ip_local_reserved_ports) are never traps.",
    },
  ),
  tcpPorts: old("watch", "TCP_PORTS", portList, {
    oldReading: oldPortList,
    absent: "",
    shipped:
      "1,11,15,79,111,119,143,540,635,1080,1524,2000,5742,6667,12345-12346,20034,27665,31337,32771-32774,40421,49724,54320",
    meaning: 'These TCP ports are watched with TCP_MODE="stcp" or "tcp".',
  }),
  udpPorts: old("watch", "UDP_PORTS", portList, {
    oldReading: oldPortList,
    absent: "",
    shipped: "1,7,9,69,161-162,513,635,640-641,700,31335,31337,32770-32774,34555,37444,54321",
    meaning: 'These UDP ports are watched with UDP_MODE="sudp" or "udp".',
  }),
  advancedPortsTcp: old("watch", "ADVANCED_PORTS_TCP", integer(2, 65536), {
    oldReading: oldAdvancedPorts,
    absent: "1024",
    shipped: "65536",
    meaning: 'With TCP_MODE="atcp" every TCP port below this number is watched; 65536 means all.',
  }),
  advancedPortsUdp: old("watch", "ADVANCED_PORTS_UDP", integer(2, 65536), {
    oldReading: oldAdvancedPorts,
    absent: "1024",
    shipped: "1024",
    meaning: 'With UDP_MODE="audp" every UDP port below this number is watched; 65536 means all.',
  }),
  advancedExcludeTcp: old("watch", "ADVANCED_EXCLUDE_TCP", portList, {
    oldReading: oldPortList,
    absent: "",
    meaning:
      'These TCP ports are not watched with TCP_MODE="atcp" or "": probes of them are not even logged. ' +
      "TOLERATED_PORTS_TCP is the gentler way.",
  }),
  advancedExcludeUdp: old("watch", "ADVANCED_EXCLUDE_UDP", portList, {
    oldReading: oldPortList,
    absent: "",
    meaning: 'These UDP ports are not watched with UDP_MODE="audp" or "".',
  }),
};

const scanKeys = {
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
        'CAPTURE says how probes are seen. With "nflog" rules of the nftables table "inet portreeve" see them; these ' +
        'rules know of each packet whether a program is listening. With "ring" a packet ring on the interfaces ' +
        "(INTERFACE) and the list of sockets see them. The ring is for hosts where nftables must not be used: it needs " +
        "only the right CAP_NET_RAW and loads no table, so no source is held, and only KILL_ROUTE and KILL_HOSTS_DENY " +
        'block. "auto" takes nflog where the daemon may use nftables, and the ring elsewhere.',
    },
  ),
  interfaces: key("watch", "INTERFACE", interfaceList, {
    absent: "ALL_NLO",
    meaning:
      'INTERFACE names the interfaces on which probes are looked for: "ALL_NLO" (all but the loopback), "ALL", or names ' +
      "with commas between them. On the others nothing is found and no source is held; a blocked source is blocked on " +
      "all. The daemon waits for an interface that does not exist yet, and `check` and `status` name it. Listeners (modes tcp, udp and connect) take " +
      "connections from every interface. `portsentry -i` takes precedence over this key. A change of CAPTURE, or of this " +
      'key with CAPTURE="ring", needs a restart.',
  }),
  protect: key("watch", "PROTECT", protectedNetworks, {
    absent: "",
    meaning:
      "A router guards the hosts of these networks, which lie behind it, as it guards itself: a contact that a host there refuses " +
      'is a probe, the refusal is dropped, and its source is held. What these hosts ask of others is left alone. "" and "host" ' +
      "mean this host alone. docs/guides/gateway.md says what it needs.",
  }),
  latelyOpenMs: key("watch", "LATELY_OPEN", duration({ minMs: 1000, maxMs: 604_800_000, zero: "off" }), {
    absent: "1h",
    meaning:
      "A port that a program served within this time is no trap while it is closed, so that clients that come back " +
      "during a restart do not count as scanners. Ports above 1023 get 24 times as long. What a program serves at one " +
      "address of this host counts there; in doubt it counts at every address.",
  }),
  guardSsh: key("block", "GUARD_SSH", flag, {
    absent: "1",
    shipped: "1",
    meaning:
      '"1": a source with a live SSH session is never blocked, even when it is proven to scan; the scan is reported. ' +
      '"0": such a source is blocked when it is proven to scan. Without a proof it is never held or blocked either ' +
      "way (see `portreeve guard`).",
  }),
  guardMs: key("block", "GUARD_TIME", duration({ minMs: 1000, maxMs: 604_800_000 }), {
    absent: "1h",
    meaning:
      "When this host has opened a connection, the other end stays in the guard for this long after its last answer: " +
      "it gets no full block and no command without a proof. It is held and softly blocked like any other source, " +
      "which cuts none of its answers.",
  }),
  bootGraceMs: key("watch", "BOOT_GRACE", duration({ minMs: 1000, maxMs: 3_600_000, zero: "off" }), {
    absent: "120s",
    meaning:
      "For this long after the host has booted no closed port is a trap, because services are still starting. The " +
      "time counts from the boot, also when this key is changed later: a host that has been up for longer has its " +
      "traps.",
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
      // An old file has SCAN_TRIGGER or neither of the two keys (1.2 then takes 0). Either way it means PortSentry's rule.
      absent: "trigger",
      shipped: "score",
      meaning:
        '"score" counts how many different ports a source tried lately. "trigger" is the rule of PortSentry: ' +
        "SCAN_TRIGGER probes are a scan, whichever ports they go to. A file without this key means PortSentry's rule.",
    },
  ),
  scorePorts: key("scan", "SCORE_PORTS", integer(2, 6), {
    absent: "3",
    meaning:
      'With POLICY="score" this many different closed ports are a scan. Each port counts 1, half as much a ' +
      "SCORE_WINDOW later, and a quarter after two; a source scans when the sum is above this number less 1 (with 2 " +
      "ports: above 1.5).",
  }),
  scoreWindowMs: key("scan", "SCORE_WINDOW", duration({ minMs: 1000, maxMs: 86_400_000 }), {
    absent: "10m",
    meaning: "After this time a port that a source tried counts half as much for SCORE_PORTS.",
  }),
  slowScorePorts: key("scan", "SLOW_SCORE_PORTS", integer(2, 24), {
    absent: "10",
    meaning:
      'With POLICY="score" this many different closed ports within SLOW_SCORE_WINDOW are a scan too, however slowly ' +
      "they were tried; tolerated ports do not count. A source that tries one wrong port a day on average is found by " +
      "the default with a probability below 1 in 10,000 a week.",
  }),
  slowScoreWindowMs: key(
    "scan",
    "SLOW_SCORE_WINDOW",
    duration({ minMs: 86_400_000, maxMs: 2_419_200_000, zero: "slow scans are not looked for" }),
    {
      absent: "1d",
      meaning: "SLOW_SCORE_PORTS counts at least within this time; a port is forgotten after one to two such times.",
    },
  ),
  neighbours: key("scan", "NEIGHBOURS", integer(0, 128), {
    absent: "16",
    meaning:
      "This many neighbours are one scan when each tries a closed port within a minute or two, and together they try " +
      "half as many different ports, however little each of them did. Neighbours are addresses of an IPv4 /24, or /64 " +
      "networks of an IPv6 /56 or /48; of an IPv6 /40 three times as many /48 networks are one scan, and of a /32 eight " +
      "times as many. The network is reported and is blocked softly, never in full; a /32 and a network on a link of " +
      'this host are only reported. "0": such scans are not looked for.',
  }),
  slowNeighbours: key("scan", "SLOW_NEIGHBOURS", integer(0, 128), {
    absent: "32",
    meaning:
      "This many neighbours within SLOW_SCORE_WINDOW are one scan, however slowly they come. Such a network is only " +
      'reported: a soft block would be over before the next of the neighbours comes. "0": such scans are not looked ' +
      "for.",
  }),
  scatteredSources: key("scan", "SCATTERED_SOURCES", integer(0, 4_096), {
    absent: "64",
    meaning:
      "This many sources from anywhere are reported as one scan when each tries one or two closed ports within " +
      "SCORE_WINDOW, they are four times as many as this host is used to, and they meet at the same port more seldom " +
      'than by chance. No source is blocked for such a scan, because its sources may be forged. "0": such scans are ' +
      "not looked for.",
  }),
  toleratedKinds: key("scan", "TOLERATED_KINDS", integer(0, 16), {
    absent: "5",
    meaning:
      'With POLICY="score" a source that tries closed tolerated ports of this many kinds within SCORE_WINDOW is a ' +
      "scanner, and is blocked softly, never in full; three kinds are enough when packets of the source bear the " +
      "marks of a scanner. Kinds are habits: web, mail, names, SSH, ident, Windows shares, time, VPN, local " +
      'discovery, traceroute; any other port is a kind of its own. "0": tolerated ports alone never make a scanner.',
  }),
  scanTrigger: old("scan", "SCAN_TRIGGER", integer(0, 10_000), {
    oldReading: oldTrigger,
    absent: "0",
    meaning:
      'With POLICY="trigger" this many probes make a scan; 0 and 1 mean that the first probe does, which shuts out ' +
      "everyone who mistypes a port once.",
  }),
};

const reactionKeys = {
  toleratedTcp: key("scan", "TOLERATED_PORTS_TCP", portList, {
    absent: "",
    shipped: "22,25,53,80,110,113,139,143,443,445,465,587,993,995,8080,8443",
    meaning:
      "People and ordinary programs try these TCP ports by habit: a browser tries 443 where only 80 is served. While " +
      "the ports are closed, probes of them are weak evidence: they count only beside other ports, or when a source " +
      "tries many kinds of them (TOLERATED_KINDS). A file without this key tolerates no port.",
  }),
  toleratedUdp: key("scan", "TOLERATED_PORTS_UDP", portList, {
    absent: "",
    shipped: "53,123,137-138,443,500,1900,5353,33434-33534",
    meaning:
      "People and ordinary programs try these UDP ports by habit: name services, time, QUIC, traceroute. A file " +
      "without this key tolerates no port.",
  }),

  publicTcp: key("block", "PUBLIC_PORTS_TCP", portList, {
    absent: "25,80,443",
    shipped: "25,80,443",
    meaning:
      "These served TCP ports are meant for strangers and are no secret: mail, the web. Neither a hold nor a soft " +
      "block cuts them, so that a forger cannot shut customers out by packets in their names; a full block does cut " +
      'them. Add the ports of your own public services; "" protects no port.',
  }),
  publicUdp: key("block", "PUBLIC_PORTS_UDP", portList, {
    absent: "53,443",
    shipped: "53,443",
    meaning: "These served UDP ports are meant for strangers and are no secret: name service, QUIC.",
  }),
  blockTcp: old("block", "BLOCK_TCP", reaction, {
    oldReading: oldReaction,
    absent: "0",
    shipped: "0",
    meaning:
      '"0" logs TCP scans and holds or drops nothing; "1" shuts their sources out; "2" only runs KILL_RUN_CMD. ' +
      "Put your own addresses into IGNORE_FILE before you write 1.",
  }),
  blockUdp: old("block", "BLOCK_UDP", reaction, {
    oldReading: oldReaction,
    absent: "0",
    shipped: "0",
    meaning: '"0" logs UDP scans and holds or drops nothing; "1" shuts their sources out; "2" only runs KILL_RUN_CMD.',
  }),
};

const blockKeys = {
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
        'FIREWALL says whether the built-in firewall, the nftables table "inet portreeve", shuts sources out. "auto": ' +
        'it does, unless KILL_ROUTE is set; then KILL_ROUTE does. "nftables": it always does, beside KILL_ROUTE. ' +
        '"none": it never does; then only KILL_ROUTE and KILL_HOSTS_DENY block.',
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
        'Anyone can send a packet in the name of another host. With "on" a source that is not proven to have sent its ' +
        "packets itself is blocked softly for SOFT_BLOCK_TIME: its established connections and the ports that it used " +
        'before go on. With "off" every scan is blocked in full, as PortSentry does. A file without this key means ' +
        '"off". Two things prove a source: the answers that ANSWER describes, and connections to as many closed ports ' +
        "as make a scan, which the daemon itself accepted (modes tcp and connect).",
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
        'ANSWER says how closed TCP ports answer. "reset", with PROOF="on": a source that scans gets RST from a secret ' +
        "half of them, and no answer from the others; a source that repeats exactly the unanswered probes sees the " +
        'answers, is proven, and is blocked in full. "open": every closed port that is watched answers like an open ' +
        "one, so that a scanner cannot tell them apart; a source that then connects to as many of them as make a scan is proven. While a " +
        "source is held or softly blocked the real ports answer it in the same way, and nothing is behind the answer. " +
        '"silent": closed ports do not answer, so no source is proven in this way.',
    },
  ),
  greylist: key(
    "block",
    "GREYLIST",
    choice(
      new Map([
        ["on", true],
        ["off", false],
      ]),
    ),
    {
      absent: "off",
      shipped: "on",
      meaning:
        'With "on" the first SYN of a source to a served TCP port that it has never used gets no answer. Its kernel repeats the ' +
        "SYN after a second, and is served: a new customer's first connection takes a second longer, and no later one does. Of two " +
        "such ports that it opens at once the second is served after three seconds, and three or more after seven. By " +
        "then a scanner has tried a closed port and is held, and a scanner that sends each SYN once never learns that the port " +
        "is served. Ports of PUBLIC_PORTS_TCP, the allow list, guarded addresses and known customers are served at once. It needs " +
        'BLOCK_TCP="1", and has no effect where closed ports answer at once (ANSWER="open", TCP_MODE="tcp"). A file without this key means "off".',
    },
  ),
  greylistEarliestMs: key("block", "GREYLIST_EARLIEST", duration({ minMs: 100, maxMs: 3_000 }), {
    absent: "800ms",
    meaning:
      "A repetition of a first SYN that comes sooner does not count: scanners repeat theirs after 0.1 to 0.5 seconds, the kernels of " +
      "customers after one second or later. Customers whose kernels repeat sooner wait for the second repetition.",
  }),
  outgoing: key(
    "block",
    "OUTGOING",
    choice(
      new Map([
        ["off", "off" as const],
        ["watch", "watch" as const],
        ["limit", "limit" as const],
      ]),
      new Map([
        ["on", 'write "watch"'],
        ["block", 'write "limit"'],
      ]),
    ),
    {
      absent: "off",
      shipped: "watch",
      meaning:
        'With "watch" the daemon tells of a process or a container of this host that scans others: one that asks 32 closed or silent ports of a ' +
        "host within five minutes, or one port of 80 hosts and more of which hardly any accepts. " +
        'With "limit" the user or the container that scans opens five new TCP connections a second to destinations that never accepted one, ' +
        "until two minutes after the last sign of the scan; connections that stand, and destinations that accepted one, go on. " +
        'Destinations and containers on the allow list are left out. A file without this key means "off".',
    },
  ),
  decoyMark: key("block", "DECOY_MARK", packetMark, {
    absent: "0x70727600",
    meaning:
      'With ANSWER="open" the packets that the decoy answers, and its answers, carry this mark (`meta mark`, fwmark). ' +
      "Choose another mark where rules of yours use this one.",
  }),
  maxUnprovenPerSecond: key("block", "MAX_UNPROVEN_PER_SECOND", integer(1, 1_000_000), {
    absent: "50",
    meaning:
      'With PROOF="on" this many unproven sources a second are softly blocked. When more sources are found scanning, ' +
      "their packets are forged; then the sources to be blocked are chosen at random among all that go on, and a " +
      "source that sends more than the others is chosen sooner. Proven sources are blocked all the same.",
  }),
  maxBlocksPerSecond: key("block", "MAX_BLOCKS_PER_SECOND", integer(1, 1_000_000), {
    absent: "10",
    meaning:
      'With PROOF="off" this many sources a second are blocked in full on packets that anybody can forge, counted ' +
      "over ten minutes: with the default, 6,000 sources that come at once are all blocked at once, and a flood of " +
      "forged sources makes no more than 864,000 blocks a day. When more sources are found, those to be blocked are " +
      "chosen at random, as with MAX_UNPROVEN_PER_SECOND.",
  }),
  sharedConnections: key("block", "SHARED_ADDRESS_CONNECTIONS", integer(0, 1_000_000), {
    absent: "1",
    meaning:
      "A source with this many established connections to the services of this host is a visitor whose page makes it " +
      "scan, or shares its address (a household, a provider's NAT): it is softly blocked where it would be blocked in " +
      "full, so that these connections go on. 0: such a source is blocked in full. A source that has finished a " +
      "connection within 7 days is blocked softly, whatever this key says.",
  }),
  softBlockTimeMs: key("block", "SOFT_BLOCK_TIME", duration({ minMs: 1000, maxMs: 2_592_000_000 }), {
    absent: "10m",
    meaning:
      'With PROOF="on" an unproven source, or a proven client of this host, may open no new connection for this long. ' +
      "A network of neighbours is blocked so for two minutes at most, and longer while they scan.",
  }),
  blockWider: key("block", "BLOCK_WIDER", flag, {
    absent: "0",
    meaning:
      '"1": when IPV6_SOURCES_PER_56 of the /64 networks of an IPv6 /56 are blocked in full, the whole /56 is ' +
      "blocked, and likewise a /48, unless own, ignored or guarded addresses or known clients lie in it. Strangers " +
      "may live in such a network, so this is not the default.",
  }),
  blockTimeMs: key("block", "BLOCK_TIME", duration({ minMs: 1000, maxMs: 315_360_000_000, zero: "for ever" }), {
    absent: "1d",
    meaning: "The first full block of a source lasts this long.",
  }),
  blockTimeFactor: key("block", "BLOCK_TIME_FACTOR", integer(1, 100), {
    absent: "4",
    meaning: "Each further block of the same source lasts this many times as long as the one before.",
  }),
  blockTimeMaxMs: key("block", "BLOCK_TIME_MAX", duration({ minMs: 1000, maxMs: 315_360_000_000 }), {
    absent: "30d",
    meaning: 'No block lasts longer than this, unless BLOCK_TIME is "0".',
  }),
};

/** From these keys responses.ts makes the setting `responses`. */
export const responseKeys = {
  killRoute: old("respond", "KILL_ROUTE", optionalText, {
    absent: "",
    examples: [
      { when: "iptables", value: "/sbin/iptables -I INPUT -s $TARGET$ -j DROP" },
      {
        when: "iptables, with a few packets logged",
        value:
          "/sbin/iptables -I INPUT -s $TARGET$ -j DROP && /sbin/iptables -I INPUT -s $TARGET$ -m limit --limit 3/minute " +
          "--limit-burst 5 -j LOG --log-level debug --log-prefix 'Portsentry: dropping: '",
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
      "This command shuts the source out, instead of the built-in firewall (see FIREWALL). $TARGET$ is replaced by " +
      "the address and must stand in the command, $PORT$ by the port, $MODE$ by the mode. Only one such line counts. A " +
      "block keeps the command that made it, and is undone by the inverse of that one when this key has changed.",
  }),
  unkillRoute: key("respond", "UNKILL_ROUTE", optionalText, {
    absent: "",
    meaning:
      "This command undoes KILL_ROUTE when a block ends. Without this key the inverse of a known KILL_ROUTE is run: " +
      "iptables and ip6tables -I and -A of a rule with -s $TARGET$, nft add element, ip route add blackhole, route add, " +
      "ipset add, ufw deny, firewall-cmd --add-rich-rule, --add-source and --add-entry, and lists of these (A && B; C || " +
      "true). What any other command did stays when a block ends, which the log and portreeve unblock say.",
  }),
  hostsDeny: old("respond", "KILL_HOSTS_DENY", optionalText, {
    absent: "",
    shipped: "ALL: $TARGET$ : DENY",
    meaning:
      "This line is put into /etc/hosts.deny, with $TARGET$ in it. Only programs that use libwrap read that file, and " +
      "few do today: sshd has given it up. The line is written whatever FIREWALL says. Where hosts.deny knows no " +
      'extended options, write "ALL: $TARGET$".',
  }),
  runCommand: old("respond", "KILL_RUN_CMD", optionalText, {
    absent: "",
    examples: [{ when: "a program of yours", value: "/usr/local/bin/tell-me $TARGET$ $PORT$ $MODE$" }],
    meaning:
      'This command runs for each scanning source that is blocked in full; with BLOCK_TCP="2" or BLOCK_UDP="2" nothing ' +
      "else is done. Never answer an attack with it: addresses can be forged.",
  }),
  runCommandLimitMs: key("respond", "KILL_RUN_CMD_LIMIT", duration({ minMs: 1000, maxMs: 86_400_000 }), {
    absent: "10m",
    meaning:
      "KILL_RUN_CMD, with all that it has started, is ended after this long. Eight of them run at once, and further " +
      'ones wait. No block waits for it, unless KILL_RUN_CMD_FIRST is "1".',
  }),
  runCommandFirst: old("respond", "KILL_RUN_CMD_FIRST", flag, {
    oldReading: oldFlag,
    absent: "0",
    meaning: '"1" runs KILL_RUN_CMD before the block, "0" after it.',
  }),
};

const fileKeys = {
  banner: old("respond", "PORT_BANNER", optionalText, {
    absent: "",
    meaning:
      'This text is sent to each client that connects to a port on which the daemon listens (TCP_MODE="tcp", ' +
      'UDP_MODE="udp"). A datagram is answered where the text is no longer than it; with 2.x\'s command line in any case, ' +
      "at most 20 times a second.",
  }),

  ignoreFile: old("files", "IGNORE_FILE", optionalPath, {
    oldReading: oldPath,
    absent: "",
    shipped: "/etc/portsentry/portsentry.ignore",
    meaning:
      "This file lists the addresses and networks that are never held or blocked, one a line, with # before comments. " +
      "The file of the same name with .static at its end counts too. Changes of both files are seen without a " +
      "restart.",
  }),
  historyFile: old("files", "HISTORY_FILE", optionalFile, {
    oldReading: oldFile,
    absent: "",
    shipped: "/var/lib/portsentry/portsentry.history",
    meaning:
      "In this file scanning sources get a line each in PortSentry's format, which fail2ban and others read and ban on: " +
      'with PROOF="on" those that are proven and blocked in full, with PROOF="off" every source that is found.',
  }),
  blockedFile: old("files", "BLOCKED_FILE", optionalFile, {
    oldReading: oldFile,
    absent: "",
    shipped: "/var/lib/portsentry/portsentry.blocked",
    meaning:
      "This file lists the sources that are blocked now, in PortSentry's format, for programs that read it; with " +
      "1.2's modes the name gets .tcp, .atcp and so on, and with 2.x's command line the file has 2.x's binary records. The " +
      "list of the daemon itself is in STATE_DIR and survives a restart; with 2.x's command line it is forgotten when this " +
      "file has been deleted.",
  }),
  resolveHost: old("files", "RESOLVE_HOST", flag, {
    oldReading: oldFlag,
    absent: "0",
    shipped: "0",
    meaning: '"1" looks up the name of each source for the log lines, in the background; a name proves nothing.',
  }),
  stateDir: key("files", "STATE_DIR", path(), {
    absent: "/var/lib/portsentry",
    meaning: "This directory holds what is remembered over a restart: blocks, offences, events.",
  }),
  controlSocket: controlSocketKey,
  controlGroup: key("files", "CONTROL_GROUP", groupName, {
    absent: "",
    meaning:
      "Members of this group may read what the daemon knows (`portreeve status`, `blocked`, `events`, `why` ...); only root may " +
      'change anything (`block`, `unblock`, `allow` ...). "" leaves reading to root, too. It is read when the daemon starts.',
  }),
  syslogIdent: key("files", "SYSLOG_IDENT", syslogIdent, {
    absent: "portsentry",
    meaning: 'Syslog lines bear this program name; log readers for PortSentry look for "portsentry".',
  }),
  logFormat: key(
    "files",
    "LOG_FORMAT",
    choice(
      new Map<string, LogFormat | undefined>([["", undefined], ...logFormats.map(({ name }) => [name, name] as const)]),
    ),
    {
      absent: "",
      meaning:
        "LOG_FORMAT chooses the form of log lines: the lines of PortSentry 1.2, the lines of 2.x, or one JSON object a " +
        'line. "" means the form of the PortSentry whose command line is used, and otherwise that of 1.2.',
    },
  ),
  maxSources: key("files", "MAX_SOURCES", integer(1024, 16_777_215), {
    absent: "1048576",
    meaning: "This many sources are remembered at once; beyond that number the least interesting source makes room.",
  }),
  maxEvents: key("files", "MAX_EVENTS", integer(100, 100_000_000), {
    absent: "100000",
    meaning:
      "The store in STATE_DIR keeps this many events: half of the places are for probes, the rest for findings, " +
      "blocks and warnings, so that no flood of probes takes these, and no forged findings take those of proven sources; " +
      "of each kind the oldest events are deleted first.",
  }),
};

/** The value of each key is the setting of the same name, unless load.ts combines it with other keys. */
export const plainKeys = { ...scanKeys, ...blockKeys, ...fileKeys };

/** In the order of the reference and of the shipped file. */
export const keys = {
  ...{ ...portKeys, ...scanKeys, ...reactionKeys, ...blockKeys },
  ...{ ...responseKeys, ...fileKeys, ...tapKeys },
};

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

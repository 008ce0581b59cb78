// portsentry(8): PortSentry's two command lines under its old name. Its words are kept here; the exact texts that the program
// prints are portsentry.ts's.
import { options2x } from "../../src/cli/portsentry-options.ts";
import { type Edition, example, heading, item, pageHead, paragraph, seeAlso } from "./roff.ts";

export function portsentryPage(edition: Edition): string {
  return [
    pageHead({ name: "portsentry", section: 8, edition, summary: "detect and answer port scans" }),
    heading(
      "synopsis",
      example([
        "portsentry -tcp | -stcp | -atcp | -udp | -sudp | -audp",
        "portsentry [--stealth | --connect] [OPTIONS]",
      ]),
    ),
    heading("description", ...description.map(paragraph)),
    heading("modes of portsentry 1.2", ...modes.map(([term, meaning]) => item(term, meaning))),
    heading(
      "options of portsentry 2",
      ...options2x.map(({ short, long, value, meaning }) => {
        const names = short === "" ? long : `${short}, ${long}`;
        return item(value === "" ? names : `${names} ${value}`, meaning);
      }),
      ...second.map(paragraph),
    ),
    heading("service", ...service.map(paragraph)),
    heading("files", ...files.map(([path, meaning]) => item(path, meaning))),
    seeAlso([
      ["portreeve", 8],
      ["portsentry.conf", 5],
      ["hosts_access", 5],
      ["iptables", 8],
    ]),
  ].join("");
}

const description = [
  "portsentry is Portreeve under the command lines of PortSentry 1.2 and 2. The options decide which of the two is meant; " +
    "configuration, log lines and files are those of that version.",
  "With one of 1.2's modes portsentry reads /etc/portsentry/portsentry.conf, goes into the background and logs to syslog. With 2's " +
    "options portsentry stays in the foreground and prints its lines, unless other options say otherwise.",
  "As installed nothing is blocked: BLOCK_TCP and BLOCK_UDP in portsentry.conf say what happens to a scanner.",
];

const modes = [
  ["-tcp", "listens on the ports of TCP_PORTS; a connection is a probe"],
  ["-stcp", "watches the ports of TCP_PORTS without listening, stealth scans included"],
  ["-atcp", "watches every TCP port below ADVANCED_PORTS_TCP that no program serves, except ADVANCED_EXCLUDE_TCP"],
  ["-udp", "listens on the ports of UDP_PORTS"],
  ["-sudp", "watches the ports of UDP_PORTS without listening"],
  ["-audp", "watches every UDP port below ADVANCED_PORTS_UDP that no program serves, except ADVANCED_EXCLUDE_UDP"],
] as const;

const second = [
  "With these options relative paths of IGNORE_FILE, HISTORY_FILE and BLOCKED_FILE count from the folder in which portsentry was " +
    "started. BLOCKED_FILE has 2's binary records, 6 bytes for an IPv4 and 18 for an IPv6 source; when the file has been " +
    "deleted, the next start forgets the blocks, but for those made by hand. Where KILL_ROUTE or KILL_HOSTS_DENY is set, " +
    'nothing else blocks; FIREWALL="nftables" has the built-in table block as well.',
] as const;

const service = [
  "/etc/init.d/portsentry start, stop, restart and status, and the systemd unit portsentry.service, run one process in the modes " +
    "that /etc/default/portsentry names: TCP_MODE (tcp, stcp, atcp or nothing) and UDP_MODE (udp, sudp, audp or nothing). Without " +
    "any mode nothing is started; without that file the modes are those of a new installation, atcp and audp.",
  "Before each start /usr/lib/portsentry/portsentry-build-ignore-file builds portsentry.ignore from portsentry.ignore.static and " +
    "the host's own addresses. /usr/lib/portsentry/portsentry-add-ip and portsentry-rm-ip add an address to the static file and " +
    "take one out.",
];

const files = [
  ["/etc/portsentry/portsentry.conf", "the configuration; see portsentry.conf(5)"],
  ["/etc/portsentry/portsentry.ignore.static", "addresses that are never blocked, as the administrator writes them"],
  [
    "/etc/portsentry/portsentry.ignore",
    "the file that is built from portsentry.ignore.static at each start; do not edit it",
  ],
  ["/etc/default/portsentry", "the modes in which the service runs"],
  ["/var/lib/portsentry/portsentry.history", "one line for each scanning source; fail2ban's jail portsentry reads it"],
] as const;

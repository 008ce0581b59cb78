// The keys that count where the kernel cannot be asked which port is closed: on a mirror port and in captures. Each default
// follows from a target of false alarms (docs/reference/detection.md). Part of the table of keys.ts.
import { key } from "./key.ts";
import { optionalPath } from "./paths.ts";
import { decimal, duration, integer, networkList } from "./values.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export const tapKeys = {
  homes: key("tap", "HOME_NETWORKS", networkList, {
    absent: "",
    meaning:
      'These networks are watched on a mirror port, with CAPTURE="ring": only probes of their addresses count, and ' +
      "the answers show how each probe ended. Empty: this host watches itself. For captures see `portreeve replay " +
      "--home`.",
  }),
  knownScanners: key("tap", "KNOWN_SCANNERS", optionalPath, {
    absent: "",
    meaning:
      "This file lists scanners that are known by name, such as research projects: a line holds an address or network " +
      "and a name, # begins a comment. Findings then carry the name; no scanner is spared for it.",
  }),
  sequentialAlpha: key("tap", "SEQUENTIAL_FALSE_ALARM", decimal(1e-12, 0.1), {
    absent: "0.00001",
    meaning:
      "The sequential test may call a client a scanner in this share of its runs. With 50,000 clients a day the " +
      "default means less than one false alarm a day.",
  }),
  sequentialBeta: key("tap", "SEQUENTIAL_DETECTION", decimal(0.5, 0.999999), {
    absent: "0.99",
    meaning: "The sequential test is to find this share of the scanners.",
  }),
  sequentialTheta0: key("tap", "SEQUENTIAL_CLIENT_SUCCESS", decimal(0.01, 0.9999), {
    absent: "0.95",
    meaning:
      "The sequential test expects that this share of a client's first contacts is accepted. The value must be " +
      "greater than SEQUENTIAL_SCANNER_SUCCESS.",
  }),
  sequentialTheta1: key("tap", "SEQUENTIAL_SCANNER_SUCCESS", decimal(0.0001, 0.99), {
    absent: "0.05",
    meaning: "The sequential test expects that this share of a scanner's first contacts is accepted.",
  }),
  sequentialClientGapMs: key("tap", "SEQUENTIAL_CLIENT_GAP", duration({ minMs: 1000, maxMs: 30 * DAY_MS }), {
    absent: "1d",
    meaning:
      "The sequential test expects this mean time between two failed contacts of a client. The value must be longer " +
      "than SEQUENTIAL_SCANNER_GAP.",
  }),
  sequentialScannerGapMs: key("tap", "SEQUENTIAL_SCANNER_GAP", duration({ minMs: 1000, maxMs: 30 * DAY_MS }), {
    absent: "1h",
    meaning:
      "The sequential test expects this mean time between two failed contacts of the slowest scanner that it looks " +
      "for.",
  }),
  sweepHosts: key("tap", "SWEEP_HOSTS", integer(3, 64), {
    absent: "5",
    meaning: "This many hosts that refuse the same service, or do not answer, make a sweep.",
  }),
  linkSweepHosts: key("tap", "LINK_SWEEP_HOSTS", integer(3, 64), {
    absent: "16",
    meaning:
      "This many hosts make a sweep by ARP and IPv6 neighbour questions, which a host asks for every peer that is " +
      "switched off.",
  }),
  sweepPardon: key("tap", "SWEEP_PARDON", decimal(0, 10), {
    absent: "0.28",
    meaning:
      "Each host that accepts the service raises SWEEP_HOSTS by this much: one dead web server of many is no sweep.",
  }),
  sweepQuietMs: key("tap", "SWEEP_QUIET", duration({ minMs: 1000, maxMs: DAY_MS }), {
    absent: "8m",
    meaning: "A source that has been quiet for this long begins a new sweep.",
  }),
  breadthContacts: key("tap", "BREADTH_CONTACTS", integer(3, 1000), {
    absent: "16",
    meaning:
      "A source scans when it asks this many different ports without any outcome within BREADTH_WINDOW: by ACKs " +
      "without a connection, by datagrams that nobody answers, or by anything in a capture of one direction.",
  }),
  breadthWindowMs: key("tap", "BREADTH_WINDOW", duration({ minMs: 1000, maxMs: DAY_MS }), {
    absent: "10m",
    meaning: "BREADTH_CONTACTS counts within this time.",
  }),
  pingedHosts: key("tap", "PINGED_HOSTS", integer(3, 100_000), {
    absent: "16",
    meaning:
      "A source that pings this many hosts within an hour sweeps them, whether or not they answer. Put your monitoring " +
      "into IGNORE_FILE, or raise this value.",
  }),
  unknownHosts: key("tap", "UNKNOWN_HOSTS", integer(3, 100_000), {
    absent: "32",
    meaning:
      "A source that asks this many hosts for anything within an hour sweeps them, where a capture does not hold " +
      "their answers. Questions to the link whose answers are not seen take twice as many.",
  }),
  coordinatedMembers: key("tap", "COORDINATED_MEMBERS", integer(2, 64), {
    absent: "3",
    meaning:
      "At least this many sources make a coordinated scan: they use the same tool, and probe next to nothing twice.",
  }),
  coordinatedOverlap: key("tap", "COORDINATED_OVERLAP", decimal(0, 0.9), {
    absent: "0.1",
    meaning: "At most this share of what a member of a coordinated scan probes may have been probed by another member.",
  }),
  coordinatedAlpha: key("tap", "COORDINATED_FALSE_ALARM", decimal(1e-12, 0.1), {
    absent: "0.000001",
    meaning:
      "A coordinated scan is reported when independent sources would share out their targets so well by chance with " +
      "at most this probability.",
  }),
  coordinatedWindowMs: key("tap", "COORDINATED_WINDOW", duration({ minMs: 60_000, maxMs: 7 * DAY_MS }), {
    absent: "6h",
    meaning: "A coordinated scan is followed for this long.",
  }),
  widerSources: key("tap", "IPV6_SOURCES_PER_56", integer(2, 64), {
    absent: "3",
    meaning:
      'This many scanning /64 networks of an IPv6 /56 make the /56 an offender as a whole. With BLOCK_WIDER="1" the ' +
      "built-in firewall blocks the /56 when that many have been blocked in full, unless a known client or a spared " +
      "address is in it.",
  }),
  widerBlocks: key("tap", "IPV6_BLOCKS_PER_48", integer(2, 64), {
    absent: "3",
    meaning: "This many such /56 networks of a /48 make the /48 an offender as a whole.",
  }),
  widerSites: key("tap", "IPV6_SOURCES_PER_48", integer(2, 64), {
    absent: "9",
    meaning: "This many scanning /64 networks of a /48, wherever in it they lie, make the /48 an offender too.",
  }),
  widerWindowMs: key("tap", "IPV6_WIDER_WINDOW", duration({ minMs: HOUR_MS, maxMs: 30 * DAY_MS }), {
    absent: "1d",
    meaning: "An offence counts for IPV6_SOURCES_PER_56 and IPV6_BLOCKS_PER_48 for this long.",
  }),
};

// The keys that count where nobody can ask the kernel which port is closed: on a mirror port and in captures. Each default
// follows from a target of false alarms (docs/reference/detection.md). Part of the table of keys.ts.
import { key } from "./key.ts";
import { decimal, duration, integer, networkList, optionalPath } from "./values.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export const tapKeys = {
  homeNetworks: key("tap", "HOME_NETWORKS", networkList, {
    absent: "",
    meaning:
      'The networks that are watched on a mirror port, with CAPTURE="ring": only probes of their addresses count, and how ' +
      "each ended is taken from the answers. Empty: this host watches itself. For captures see `portreeve replay --home`.",
  }),
  knownScanners: key("tap", "KNOWN_SCANNERS", optionalPath, {
    absent: "",
    meaning:
      "A list of scanners that are known by name, such as research projects: a line holds an address or network and a name, # " +
      "begins a comment. Findings then carry the name; nobody is spared for it.",
  }),
  sequentialAlpha: key("tap", "SEQUENTIAL_FALSE_ALARM", decimal(1e-12, 0.1), {
    absent: "0.00001",
    meaning:
      "The sequential test: how often it may start on a client and end by calling it a scanner. With 50,000 clients a day " +
      "the default means less than one false alarm a day.",
  }),
  sequentialBeta: key("tap", "SEQUENTIAL_DETECTION", decimal(0.5, 0.999999), {
    absent: "0.99",
    meaning: "The sequential test: the share of scanners that it is to find.",
  }),
  sequentialTheta0: key("tap", "SEQUENTIAL_CLIENT_SUCCESS", decimal(0.01, 0.9999), {
    absent: "0.95",
    meaning: "The sequential test: how many of a client's first contacts are accepted. Greater than that of scanners.",
  }),
  sequentialTheta1: key("tap", "SEQUENTIAL_SCANNER_SUCCESS", decimal(0.0001, 0.99), {
    absent: "0.05",
    meaning: "The sequential test: how many of a scanner's first contacts are accepted.",
  }),
  sequentialClientGap: key("tap", "SEQUENTIAL_CLIENT_GAP", duration({ minMs: 1000, maxMs: 30 * DAY_MS }), {
    absent: "1d",
    meaning:
      "The sequential test: the mean time between two failed contacts of a client. Longer than that of scanners.",
  }),
  sequentialScannerGap: key("tap", "SEQUENTIAL_SCANNER_GAP", duration({ minMs: 1000, maxMs: 30 * DAY_MS }), {
    absent: "1h",
    meaning: "The sequential test: the same of the slowest scanner that it looks for.",
  }),
  sweepHosts: key("tap", "SWEEP_HOSTS", integer(3, 64), {
    absent: "5",
    meaning: "So many hosts that refuse the same service, or do not answer, make a sweep.",
  }),
  linkSweepHosts: key("tap", "LINK_SWEEP_HOSTS", integer(3, 64), {
    absent: "16",
    meaning: "The same for ARP and IPv6 neighbour questions, which a host asks for every peer that is switched off.",
  }),
  sweepPardon: key("tap", "SWEEP_PARDON", decimal(0, 10), {
    absent: "0.28",
    meaning:
      "By how much each host that accepts the service raises SWEEP_HOSTS: one dead web server of many is no sweep.",
  }),
  sweepQuiet: key("tap", "SWEEP_QUIET", duration({ minMs: 1000, maxMs: DAY_MS }), {
    absent: "8m",
    meaning: "A source that has been quiet for so long begins a new sweep.",
  }),
  breadthContacts: key("tap", "BREADTH_CONTACTS", integer(3, 1000), {
    absent: "16",
    meaning:
      "So many different ports asked without any outcome within BREADTH_WINDOW are a scan: ACKs without a connection, " +
      "datagrams that nobody answers, whatever a capture of one direction holds.",
  }),
  breadthWindow: key("tap", "BREADTH_WINDOW", duration({ minMs: 1000, maxMs: DAY_MS }), {
    absent: "10m",
    meaning: "The time within which BREADTH_CONTACTS counts.",
  }),
  pingedHosts: key("tap", "PINGED_HOSTS", integer(3, 100_000), {
    absent: "16",
    meaning:
      "Who pings so many hosts sweeps them, answered or not. Put your monitoring into IGNORE_FILE, or raise this.",
  }),
  unknownHosts: key("tap", "UNKNOWN_HOSTS", integer(3, 100_000), {
    absent: "32",
    meaning: "The same for whoever asks so many hosts for anything where a capture does not hold their answers.",
  }),
  coordinatedMembers: key("tap", "COORDINATED_MEMBERS", integer(2, 64), {
    absent: "3",
    meaning: "So many sources at least make a coordinated scan: the same tool, and next to nothing probed twice.",
  }),
  coordinatedOverlap: key("tap", "COORDINATED_OVERLAP", decimal(0, 0.9), {
    absent: "0.1",
    meaning: "How much of what its members probe may have been probed by another of them.",
  }),
  coordinatedAlpha: key("tap", "COORDINATED_FALSE_ALARM", decimal(1e-12, 0.1), {
    absent: "0.000001",
    meaning: "How likely it may be that independent sources share out their targets so well by chance.",
  }),
  coordinatedWindow: key("tap", "COORDINATED_WINDOW", duration({ minMs: 60_000, maxMs: 7 * DAY_MS }), {
    absent: "6h",
    meaning: "How long a coordinated scan is followed.",
  }),
  widerSources: key("tap", "IPV6_SOURCES_PER_56", integer(2, 64), {
    absent: "3",
    meaning:
      "So many scanning /64 networks of an IPv6 /56 make it an offender as a whole. The built-in firewall blocks it, when " +
      "that many have been blocked in full, unless it holds a known client or anybody who is spared.",
  }),
  widerBlocks: key("tap", "IPV6_BLOCKS_PER_48", integer(2, 64), {
    absent: "3",
    meaning: "So many such /56 networks of a /48 make that an offender as a whole.",
  }),
  widerSites: key("tap", "IPV6_SOURCES_PER_48", integer(2, 64), {
    absent: "9",
    meaning: "So many scanning /64 networks of a /48, wherever in it they lie, make it an offender too.",
  }),
  widerWindow: key("tap", "IPV6_WIDER_WINDOW", duration({ minMs: HOUR_MS, maxMs: 30 * DAY_MS }), {
    absent: "1d",
    meaning: "How long an offence counts for IPV6_SOURCES_PER_56 and IPV6_BLOCKS_PER_48.",
  }),
} as const;

// The options of PortSentry 2.x's command line, each with what it does: `portsentry --help` and portsentry(8) are made of them.

export interface Option2 {
  /** Without a short form: "". */
  readonly short: string;
  readonly long: string;
  /** What stands behind the option; "" for nothing. */
  readonly value: string;
  /** A sentence whose subject is the option. */
  readonly meaning: string;
}

export const options2x: readonly Option2[] = [
  { short: "", long: "--stealth", value: "", meaning: "watches the configured ports without listening (the default)" },
  { short: "", long: "--connect", value: "", meaning: "listens on the configured ports" },
  {
    short: "-i",
    long: "--interface",
    value: "NAME",
    meaning:
      "looks for probes on this interface; it may be given several times, and is a name, ALL, any (the same), or ALL_NLO: " +
      "all but the loopback (the default). --connect listens on all",
  },
  {
    short: "-l",
    long: "--logoutput",
    value: "stdout|syslog",
    meaning: "chooses where log lines go (default: stdout)",
  },
  {
    short: "-c",
    long: "--configfile",
    value: "PATH",
    meaning: "names the configuration file (default: /etc/portsentry/portsentry.conf)",
  },
  {
    short: "-m",
    long: "--method",
    value: "pcap|raw",
    meaning:
      "raw: without -i the loopback is watched as well; the packets are seen in the same way with either, as CAPTURE says",
  },
  {
    short: "-L",
    long: "--disable-local-check",
    value: "",
    meaning:
      "counts what this host sends to itself over the loopback, where -i covers it; without -L that is passed over (-d says so)",
  },
  {
    short: "-S",
    long: "--disable-service-check",
    value: "",
    meaning:
      "takes a watched port for a trap also while a program serves it: clients of that program are scanners then",
  },
  { short: "-D", long: "--daemon", value: "", meaning: "goes into the background and logs to syslog" },
  {
    short: "-d",
    long: "--debug",
    value: "",
    meaning:
      'prints the settings at start, and why a packet of this host is passed over, in lines that begin with "debug:"',
  },
  {
    short: "-v",
    long: "--verbose",
    value: "",
    meaning: "prints the allow list at start, and each probe of a source that is on it",
  },
  { short: "-h", long: "--help", value: "", meaning: "prints this list" },
  { short: "-V", long: "--version", value: "", meaning: "prints the version" },
];

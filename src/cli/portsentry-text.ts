// What PortSentry's command line prints, byte for byte; the 2.x help says what each option means here.

export const usage1 = `PortSentry - Port Scan Detector.
Copyright 1997-2003 Craig H. Rowland <craigrowland at users dot sourceforget dot net>
Licensing restrictions apply. Please see documentation
Version: 1.2

usage: portsentry [-tcp -udp -stcp -atcp -sudp -audp]

*** PLEASE READ THE DOCS BEFORE USING *** 

`;

export const notRoot = "You need to be root to run this.\n";

/** 1.2's complaint about its configuration, of which it has two. */
export function configTrouble(missing: boolean): string {
  const what = missing
    ? "Configuration files are missing/corrupted."
    : "Your config file is corrupted/missing mandatory option!";
  return `ERROR: ${what}
ERROR: Check your syslog for a more detailed error message.
ERROR: PortSentry is shutting down!
`;
}

export const help2 = `Portsentry - Port Scan Detector.
Usage: portsentry [--stealth, --connect] <options>

--stealth\tUse Stealth mode (default)
--connect\tUse Connect mode
--interface, -i <interface> - Set interface to listen on. Use ALL for all interfaces, ALL_NLO for all interfaces except loopback (default: ALL_NLO; anything else counts with CAPTURE="ring" only)
--logoutput, -l [stdout|syslog] - Set Log output (default to stdout)
--configfile, -c <path> - Set config file path
--method, -m\t[pcap|raw] - Accepted, no effect: packets are read through nfnetlink_log
--disable-local-check, -L\tAccepted, no effect: this host's own addresses are never blocked
--disable-service-check, -S\tAccepted, no effect: a port that a program serves is never a trap
--daemon, -D\tRun as a daemon
--debug, -d\tAccepted, no effect: see portreeve events and portreeve status
--verbose, -v\tAccepted, no effect: see portreeve events
--help, -h\tDisplay this help message
--version, -V\tDisplay version information

PortSentry 1.2's command line works as well: portsentry [-tcp -udp -stcp -atcp -sudp -audp]
`;

export function version2(version: string): string {
  return `Portsentry 2.0.7 (portreeve ${version})\n`;
}

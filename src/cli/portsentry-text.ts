// What PortSentry's command line prints, byte for byte; the 2.x help says what each option does here.
import { type Option2, options2x } from "./portsentry-options.ts";

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

${options2x.map(helpLine).join("\n")}

PortSentry 1.2's command line works as well: portsentry [-tcp -udp -stcp -atcp -sudp -audp]
`;

/** In 2.x's form. */
function helpLine({ short, long, value, meaning }: Option2): string {
  const names = short === "" ? long : `${long}, ${short}`;
  return `${names}${value === "" ? "\t" : ` <${value}> - `}${meaning}`;
}

export function version2(version: string): string {
  return `Portsentry 2.0.7 (portreeve ${version})\n`;
}

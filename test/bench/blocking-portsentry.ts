// Debian's PortSentry 1.2 as its users run it where it is to block: its own configuration, advanced stealth mode, and a rule of
// iptables for each scanner.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../lab/support/lab.ts";
import { fetchOldPortsentry } from "../lab/support/old-portsentry.ts";
import { Stage } from "../lab/support/stage.ts";
import { SyslogReader } from "../lab/support/syslog-reader.ts";

/** Returns when it watches; it ends with the lab. */
export async function startBlockingPortsentry(lab: Lab): Promise<void> {
  const root = await fetchOldPortsentry();
  const stage = new Stage(join(lab.folder, "stage"));
  stage.clear();
  const debian = readFileSync(join(root, "etc/portsentry/portsentry.conf"), "latin1");
  const settings = ['BLOCK_TCP="1"', 'KILL_ROUTE="/usr/sbin/iptables -I INPUT -s $TARGET$ -j DROP"'];
  const kept = debian.split("\n").filter((line) => !/^(?:BLOCK_TCP|KILL_ROUTE)=/.test(line));
  stage.write("/etc/portsentry/portsentry.conf", `${[...kept, ...settings].join("\n")}\n`);
  stage.write("/etc/portsentry/portsentry.ignore", "127.0.0.1/32\n");
  stage.write("/etc/hosts.deny", "");
  const syslog = await SyslogReader.start(lab, stage.path("dev/log"));
  const from = syslog.count;
  await stage.mustRun(lab.target, [join(root, "usr/sbin/portsentry"), "-atcp"]);
  await syslog.waitFor(/is now active and listening/, from);
}

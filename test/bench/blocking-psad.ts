// psad as its users run it where it is to block: Debian's configuration with ENABLE_AUTO_IDS from the lowest danger level on (five
// packets), behind a firewall that lets through what is served, and logs and drops the rest. The log goes the way that psad has for
// ulogd (NFLOG, ulogd2's LOGEMU), because the kernel's own log is the machine's and not a namespace's. Both programs are Debian's,
// unpacked beside the host's files and never installed.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unpackPackages } from "../lab/support/fetch-packages.ts";
import type { Lab } from "../lab/support/lab.ts";
import { type ServerName, servers } from "../lab/support/servers.ts";
import { waitUntil } from "../lab/support/wait.ts";

const LIBRARIES = "usr/lib/x86_64-linux-gnu";
const PLUGINS = [
  "inppkt_NFLOG",
  "raw2packet_BASE",
  "filter_IFINDEX",
  "filter_IP2STR",
  "filter_PRINTPKT",
  "output_LOGEMU",
];
const STACK = "stack=log1:NFLOG,base1:BASE,ifi1:IFINDEX,ip2str1:IP2STR,print1:PRINTPKT,emu1:LOGEMU";

let unpacked: Promise<string> | undefined;

/** Returns when both watch; they end with the lab. */
export async function startBlockingPsad(lab: Lab, server: ServerName): Promise<void> {
  unpacked ??= unpackPackages(["psad", "ulogd2"]);
  const root = await unpacked;
  const folder = join(lab.folder, "psad");
  for (const name of ["log", "run", "fifo"]) mkdirSync(join(folder, name), { recursive: true });
  const log = join(folder, "ulogd.log");
  writeFileSync(log, "");
  for (const command of ["iptables-restore", "ip6tables-restore"]) await lab.target.mustRun([command], rules(server));

  const ulogd = join(folder, "ulogd.conf");
  const plugins = PLUGINS.map((name) => `plugin="${join(root, LIBRARIES, "ulogd", `ulogd_${name}.so`)}"`);
  writeFileSync(
    ulogd,
    `[global]\nlogfile="stdout"\nloglevel=5\n${plugins.join("\n")}\n${STACK}\n[log1]\ngroup=0\n[emu1]\nfile="${log}"\nsync=1\n`,
  );
  const withLibraries = ["env", `LD_LIBRARY_PATH=${join(root, LIBRARIES)}`];
  const logging = lab.spawn(lab.target, [...withLibraries, join(root, "usr/sbin/ulogd"), "-c", ulogd]);
  await logging.waitForLine(/initialization finished|building new pluginstance stack/);

  const file = join(folder, "psad.conf");
  writeFileSync(file, configuration(readFileSync(join(root, "etc/psad/psad.conf"), "latin1"), root, folder));
  const perl = ["usr/share/perl5", `${LIBRARIES}/perl5/5.36`, `${LIBRARIES}/perl5/5.40`].map((name) =>
    join(root, name),
  );
  const psad = lab.spawn(lab.target, [
    ...["env", `PERL5LIB=${perl.join(":")}`, join(root, "usr/sbin/psad")],
    ...["--no-daemon", "--no-fwcheck", "-c", file],
  ]);
  await waitUntil("psad watches", () => {
    if (psad.ended) throw new Error(`psad ended: ${psad.lines.join("\n")}`);
    return existsSync(join(folder, "run/psad.pid"));
  });
}

function rules(server: ServerName): string {
  const { tcp, udp = [] }: { readonly tcp: readonly number[]; readonly udp?: readonly number[] } = servers[server];
  const accept = (protocol: string) => (port: number) => `-A INPUT -p ${protocol} --dport ${port} -j ACCEPT`;
  return [
    "*filter",
    "-A INPUT -i lo -j ACCEPT",
    "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
    "-A INPUT -p icmp -j ACCEPT",
    "-A INPUT -p ipv6-icmp -j ACCEPT",
    ...tcp.map(accept("tcp")),
    ...udp.map(accept("udp")),
    "-A INPUT -j NFLOG --nflog-group 0",
    "-A INPUT -j DROP",
    "COMMIT\n",
  ].join("\n");
}

function configuration(debian: string, root: string, folder: string): string {
  const settings: Readonly<Record<string, string>> = {
    HOSTNAME: "target",
    ENABLE_AUTO_IDS: "Y",
    AUTO_IDS_DANGER_LEVEL: "1",
    SYSLOG_DAEMON: "ulogd",
    ULOG_DATA_FILE: join(folder, "ulogd.log"),
    AUTO_DETECT_JOURNALCTL: "N",
    // There is no mail and no internet in the lab.
    ALERTING_METHODS: "noemail",
    ENABLE_WHOIS_LOOKUPS: "N",
    ENABLE_DNS_LOOKUPS: "N",
    PSAD_DIR: join(folder, "log"),
    PSAD_RUN_DIR: join(folder, "run"),
    PSAD_FIFO_DIR: join(folder, "fifo"),
    PSAD_CONF_DIR: join(root, "etc/psad"),
    PSAD_LIBS_DIR: join(root, "usr/lib/psad"),
  };
  const lines = debian.split("\n").map((line) => {
    const key = /^([A-Z_0-9]+)\s/.exec(line)?.[1] ?? "";
    return settings[key] === undefined ? line : `${key} ${settings[key]};`;
  });
  // Where its own programs are.
  return lines.join("\n").replace(/(Cmd\s+)\$INSTALL_ROOT/g, `$1${root}`);
}

// The written parts of the package: control data, copyright and change log.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../setup.mjs";

export const MAINTAINER = "Portreeve maintainers <maintainers@portreeve.invalid>";

/**
 * libc6, libstdc++6 and libgcc-s1 are the oldest that the carried binaries run with (objdump -T: GLIBC_2.28, CXXABI_1.3.11);
 * test/lab/long/package.test.ts runs them on Debian 12.
 */
export function controlFile({ version, arch, installedKiB }) {
  return `Package: portreeve
Version: ${version}
Architecture: ${arch}
Maintainer: ${MAINTAINER}
Installed-Size: ${installedKiB}
Depends: libc6 (>= 2.28), libgcc-s1, libnftables1, libstdc++6 (>= 7), init-system-helpers (>= 1.54~)
Recommends: default-logind | logind, iptables, libpam-systemd, net-tools, nftables
Suggests: fail2ban, logcheck, logrotate
Provides: portsentry
Conflicts: portsentry
Replaces: portsentry
Section: net
Priority: optional
Description: port-scan defence, a drop-in successor of PortSentry
 Portreeve sees every probe of a port that no program serves, judges the source
 on evidence, and shuts it out in the kernel (nftables) before it has learned
 anything.
 .
 It takes PortSentry's place: configuration files, command lines, log lines,
 history file and init script of PortSentry 1.2 and 2 work unchanged. External
 commands, /etc/hosts.deny and fail2ban's portsentry jail work as they did.
 .
 As installed it blocks nothing and only logs scans.
`;
}

/**
 * Machine-readable copyright (DEP-5) of Portreeve, of the modules and of the runtime.
 * @param {{ name: string, folder: string }[]} modules each with the folder that it was unpacked to
 */
export function copyrightFile(modules, runtime) {
  const own = readFileSync(join(root, "LICENSE"), "utf8");
  const stanzas = modules.map(moduleStanza);
  return [
    "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: portreeve\n",
    `Files: *\nCopyright: ${copyrightLines(own)}\nLicense: Expat\n`,
    ...stanzas,
    `Files: usr/lib/portreeve/node\nCopyright: Node.js contributors and the authors of the libraries in it\nLicense: Node.js\n` +
      `Comment: Node.js ${runtime.version} as the npm package ${runtime.name} carries it.\n`,
    `License: Expat\n${indent(own.slice(own.indexOf("Permission is hereby granted")))}\n`,
    "License: Apache-2.0\n On Debian systems the text of this licence is in /usr/share/common-licenses/Apache-2.0.\n",
    "License: Node.js\n Expat for Node.js itself. This text, and the licences of the libraries in it, are in\n" +
      " /usr/share/doc/portreeve/nodejs-license.gz.\n",
  ].join("\n");
}

const debianName = { MIT: "Expat", "Apache-2.0": "Apache-2.0" };

function moduleStanza({ name, folder }) {
  const { license, author } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const known = debianName[license];
  if (known === undefined)
    throw new Error(`${name} has the licence ${license}: add its text to scripts/deb/papers.mjs`);
  const file = readdirSync(folder).find((entry) => /^licen[sc]e/i.test(entry));
  const holders = file === undefined ? "" : copyrightLines(readFileSync(join(folder, file), "utf8"));
  const writer = typeof author === "string" ? author : `${author?.name} <${author?.email}>`;
  return `Files: usr/lib/portreeve/node_modules/${name}/*\nCopyright: ${holders === "" ? writer : holders}\nLicense: ${known}\n`;
}

/** The lines of a licence that say whose it is: "(c) 2024 N. N.", continued lines indented as DEP-5 wants it. */
function copyrightLines(text) {
  const lines = text.split("\n").filter((line) => /^\s*copyright\s+(\(c\)|©|\d)/i.test(line));
  return lines
    .map((line) =>
      line
        .trim()
        .replace(/^copyright\s+(\(c\)|©)?\s*/i, "")
        .replace(/\s+/g, " "),
    )
    .join("\n ");
}

function indent(text) {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => (line.trim() === "" ? " ." : ` ${line}`))
    .join("\n");
}

export function changeLog(version, date) {
  return entry(version, date, `  * Portreeve ${version}: CHANGELOG.md.gz beside this file lists what has changed.`);
}

/** What apt-listchanges shows at an upgrade: only what may ask something of the administrator. */
export function news(version, date) {
  return entry(
    version,
    date,
    `  Run "portreeve check" after an upgrade: a new version may warn about a line of
  the configuration that it passed over before.

  Coming from PortSentry 1.2: its files, command lines and log lines go on
  working, and it logs scans as before. Portreeve believes a packet's address
  only with PROOF="on", which an old configuration has not: read
  guides/coming-from-portsentry.md beside this file before you set BLOCK_TCP="1".`,
  );
}

function entry(version, date, text) {
  const when = date.toUTCString().replace("GMT", "+0000");
  return `portreeve (${version}) unstable; urgency=medium\n\n${text}\n\n -- ${MAINTAINER}  ${when}\n`;
}

/** Paths below `folder` that `dpkg` shall treat as conffiles: all of /etc. */
export function conffiles(folder) {
  if (!existsSync(join(folder, "etc"))) return "";
  return readdirSync(join(folder, "etc"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length))
    .sort()
    .map((path) => `${path}\n`)
    .join("");
}

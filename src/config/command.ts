// Examines a response template without running it: its placeholders, the programs that it calls, and how
// much a known KILL_ROUTE command does. Pure; enforce/commands/ makes the command that is run.

export const placeholders = ["$TARGET$", "$PORT$", "$MODE$"] as const;

/** No address: PortSentry's own example, to be replaced by a dead host of the local network. */
export const EXAMPLE_GATEWAY = "333.444.555.666";

export function hasTarget(template: string): boolean {
  return template.includes("$TARGET$");
}

/** "$IP$" and the like: text in $ signs that stands in the template and is replaced by nothing. */
export function unknownPlaceholders(template: string): readonly string[] {
  const rest = placeholders.reduce((text, known) => text.replaceAll(known, "x"), template);
  return [...new Set([...(rest.match(/\$[A-Za-z_]{1,30}\$/g) ?? []), ...(rest.match(HALF_PLACEHOLDER) ?? [])])];
}

/** "$TARGET", "TARGET$" and "${TARGET}": a sign was forgotten, or a shell's way of writing was meant. */
const HALF_PLACEHOLDER =
  /\$(?:TARGET|PORT|MODE)\b(?!\$)|(?<![\w$])(?:TARGET|PORT|MODE)\$(?!\w)|\$\{(?:TARGET|PORT|MODE)\}/g;

const SHELL_SYNTAX = /[|&;<>()`$"'\\*?[\]#~{}!\n]/;
const commandPath = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Programs that the template begins its commands with and that are not there; of a shell line only those with a path. */
export function missingPrograms(template: string, fileExists: (path: string) => boolean): readonly string[] {
  const plain = placeholders.reduce((text, known) => text.replaceAll(known, "x"), template);
  const isShell = SHELL_SYNTAX.test(plain);
  const commands = isShell ? plain.split(/[|&;\n]+/) : [plain];
  const programs = commands
    .map((command) => /^\s*([^\s"'`$<>()]+)/.exec(command)?.[1])
    .filter((word) => word !== undefined);
  return [...new Set(programs)].filter((program) => {
    if (program.startsWith("/")) return !fileExists(program);
    if (isShell || program.includes("/")) return false;
    return !commandPath.some((folder) => fileExists(`${folder}/${program}`));
  });
}

/** Debian's packages of programs that a KILL_ROUTE calls. */
const packages: Readonly<Record<string, string>> = {
  route: "net-tools",
  ip: "iproute2",
  iptables: "iptables",
  ip6tables: "iptables",
  nft: "nftables",
  ipset: "ipset",
  ufw: "ufw",
  "firewall-cmd": "firewalld",
};

/** The Debian package that a program is in; undefined where it is not known. */
export function packageOf(program: string): string | undefined {
  return packages[program.slice(program.lastIndexOf("/") + 1)];
}

export interface RouteForm {
  /** What the command does to a source. */
  readonly does: string;
  /** What the built-in firewall does beyond it. */
  readonly lesser?: string;
}

const cutsAnswers: RouteForm = {
  does: "discards the answers of this host to the source",
  lesser: "the packets of the source still arrive, so that scans in one direction, UDP commands and floods go on",
};

const forms: readonly (readonly [RegExp, RouteForm])[] = [
  [/^(\S*\/)?route\s/, cutsAnswers],
  [/^(\S*\/)?ip\s+(-\S+\s+)*route\s/, cutsAnswers],
  [
    /^(\S*\/)?iptables(-legacy|-nft)?\s/,
    {
      does: "drops packets of the source, by a rule of its own",
      lesser: "every packet walks through one rule a source, for IPv4 only",
    },
  ],
  [
    /^(\S*\/)?ip6tables(-legacy|-nft)?\s/,
    {
      does: "drops packets of the source, by a rule of its own",
      lesser: "every packet walks through one rule a source, for IPv6 only",
    },
  ],
  [/^(\S*\/)?nft\s+add\s+element\s/, { does: "adds the source to a set of nftables" }],
  [/^(\S*\/)?ipset\s/, { does: "adds the source to a set of ipset, which blocks it where a rule uses that set" }],
  [
    /^(\S*\/)?ufw\s/,
    {
      does: "adds a rule to ufw",
      lesser: "every packet walks through one rule a source, and ufw takes its time for each",
    },
  ],
  [
    /^(\S*\/)?firewall-cmd\s/,
    { does: "adds the source to firewalld", lesser: "firewalld takes its time for each source" },
  ],
  [
    /^(\S*\/)?nft\s/,
    {
      does: "adds a rule to nftables",
      lesser: "every packet walks through one rule a source, where a set costs the same for any number of sources",
    },
  ],
  [
    /^(\S*\/)?nftables\s/,
    { does: "calls a program that does not exist: nftables is used through nft", lesser: "no source is blocked" },
  ],
  [
    /^(\S*\/)?(ipfwadm|ipchains|ipfw|ipf)\s|\|\s*(\S*\/)?ipf\s/,
    {
      does: "calls the packet filter of another or a very old system",
      lesser: "no source is blocked, as Linux of today has no such program",
    },
  ],
];

/** Undefined for a command that is not known. */
export function describeRoute(template: string): RouteForm | undefined {
  return forms.find(([pattern]) => pattern.test(template.trim()))?.[1];
}

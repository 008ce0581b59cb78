// Where ours is meant to differ from PortSentry 1.2, one entry each with its heading in docs/reference/differences.md: what is
// expected of ours where 1.2 did this, and which lines of ours 1.2 has nothing like. Nothing else may differ.
import type { Case, Transcript } from "./contest.ts";
import type { Difference } from "./difference-checks.ts";

const ADMIN = "<29>portsentry: adminalert: ";
const ATTACK = "<29>portsentry: attackalert: ";
const FROM = /from host: ([\d.]+)\/[\d.]+ to (TCP|UDP) port: (\d+)/;

/** What one probe's lines tell. */
interface Told {
  readonly source: string;
  readonly protocol: string;
  readonly port: string;
}

function toldBy(lines: readonly string[]): Told {
  const [, source = "", protocol = "", port = ""] = FROM.exec(lines[0] ?? "") ?? [];
  return { source, protocol, port };
}

const isRepeat = (lines: readonly string[]): boolean => lines.some((line) => line.includes("is already blocked"));

const blocks = ({ conf }: Case): boolean => conf.BLOCK_TCP === "1" || conf.BLOCK_UDP === "1";

/** A KILL_ROUTE that can be meant: one with a target. */
const hasRoute = ({ conf }: Case): boolean => conf.KILL_ROUTE?.includes("$TARGET$") === true;

const hasRouteWithoutTarget = (asked: Case): boolean => asked.conf.KILL_ROUTE !== undefined && !hasRoute(asked);

/** Each probe's lines, changed. */
function mapScans(old: Transcript, change: (lines: readonly string[]) => readonly string[]): Transcript {
  return { ...old, scans: old.scans.map(change) };
}

/** All that is of one source, gone. */
function without(old: Transcript, source: string): Transcript {
  const keep = (line: string): boolean => !new RegExp(`\\b${source.replaceAll(".", "\\.")}\\b`).test(line);
  const { history, blocked, hostsDeny, commands } = old;
  return {
    ...mapScans(old, (lines) => (toldBy(lines).source === source ? [] : lines)),
    history: history.filter(keep),
    blocked: blocked.filter(keep),
    hostsDeny: hostsDeny.filter(keep),
    commands: commands.filter(keep),
  };
}

const commandFails: Difference = {
  name: "A command that fails is told as a failure",
  applies: ({ failing }) => failing !== undefined,
  expect: (old, { failing, mode, conf }) => {
    if (failing === undefined) return old;
    const couldNot = (source: string): string =>
      mode === "tcp" || mode === "udp"
        ? `${ATTACK}ERROR: Could not block host ${source} !!`
        : `${ATTACK}ERROR: Could not block host ${source}/${source}${mode === "stcp" ? " !!" : "!!"}`;
    const told = (lines: readonly string[]): readonly string[] => {
      const { source } = toldBy(lines);
      const changed = lines.map((line) => {
        const command = /(?:dropped route|External command run for host: \S+) using command: "(.*)"$/.exec(line)?.[1];
        if (command === undefined || !failing.command.test(command)) return line;
        const what = line.includes("dropped route") ? "block host" : "run command";
        return `${ADMIN}ERROR: There was an error trying to ${what} (${failing.detail}) ${source}: "${command}"\\n`;
      });
      // KILL_RUN_CMD is no block: no host is missed by its failure.
      return changed.some((line) => line.includes("trying to block host")) ? [...changed, couldNot(source)] : changed;
    };
    const firsts = new Map<string, readonly string[]>();
    for (const lines of old.scans) if (!isRepeat(lines)) firsts.set(toldBy(lines).source, told(lines));
    // Whom nothing has blocked is found again.
    const isBlocked = conf.KILL_HOSTS_DENY !== undefined || conf.KILL_ROUTE === undefined;
    const again = (lines: readonly string[]): readonly string[] =>
      isBlocked ? lines : [lines[0] ?? "", ...(firsts.get(toldBy(lines).source) ?? []).slice(1)];
    const scans = mapScans(old, (lines) => (isRepeat(lines) ? again(lines) : told(lines)));
    return { ...scans, blocked: isBlocked ? old.blocked : [] };
  },
};

const routeWithoutTarget: Difference = {
  name: "A KILL_ROUTE without $TARGET$ is left out",
  applies: hasRouteWithoutTarget,
  expect: (old, { mode }) => {
    const seen = new Set<string>();
    const entries: string[] = [];
    const scans = mapScans(old, (lines) => {
      const { source, protocol, port } = toldBy(lines);
      if (seen.has(source)) return [lines[0] ?? "", `${ATTACK}Host: ${source}/${source} is already blocked Ignoring`];
      seen.add(source);
      entries.push(`TIME Host: ${source}/${source} Port: ${port} ${protocol} Blocked`);
      return lines.filter((line) => !/No target variable|Could not block/.test(line));
    });
    const runs = old.commands.slice(0, seen.size);
    return mode === "stcp" ? { ...scans, history: entries, blocked: entries, commands: runs } : old;
  },
};

const builtIn: Difference = {
  name: "The built-in firewall blocks where no KILL_ROUTE is set",
  applies: (asked) => blocks(asked) && !hasRoute(asked),
  expect: (old, asked) => {
    const scans = mapScans(old, (lines) => {
      if (isRepeat(lines)) return [];
      const { source } = toldBy(lines);
      const command = `nft add element inet portreeve blocked4 { ${source} timeout 86400s }`;
      const blocked = `${ATTACK}Host ${source} has been blocked via dropped route using command: "${command}"`;
      return [lines[0] ?? "", blocked, ...lines.slice(1)];
    });
    const shutOut = old.scans.filter(isRepeat).length;
    return asked.mode === "tcp" ? { ...scans, answers: Array<string>(shutOut).fill("(timeout)") } : scans;
  },
};

/** Whoever is shut out by the table is not heard of any more; who connects to a listener gets no answer. */
function shutOut(old: Transcript, mode: Case["mode"], isHeard: (lines: readonly string[]) => boolean): Transcript {
  const count = old.scans.filter(isRepeat).length;
  const scans = mapScans(old, (lines) => (isRepeat(lines) && !isHeard(lines) ? [] : lines));
  return mode === "tcp" ? { ...scans, answers: Array<string>(count).fill("(timeout)") } : scans;
}

const routeFailsBesideHostsDeny: Difference = {
  name: "Where KILL_ROUTE fails, the built-in firewall blocks beside hosts.deny",
  applies: ({ conf, failing }) =>
    conf.KILL_HOSTS_DENY !== undefined && failing?.command.test(conf.KILL_ROUTE ?? "") === true,
  expect: (old, { mode }) => {
    const scans = mapScans(old, (lines) => {
      if (isRepeat(lines)) return lines;
      const command = `nft add element inet portreeve blocked4 { ${toldBy(lines).source} timeout 86400s }`;
      const blocked = `${ATTACK}Host ${toldBy(lines).source} has been blocked via dropped route using command: "${command}"`;
      return [lines[0] ?? "", blocked, ...lines.slice(1).filter((line) => !line.includes("Could not block host"))];
    });
    return shutOut(scans, mode, () => false);
  },
};

/** The recording script, /bin/true and their like: the first packet that is answered proves it. */
const idleRoute: Difference = {
  name: "A KILL_ROUTE that blocks nothing is noticed",
  applies: (asked) => blocks(asked) && hasRoute(asked) && asked.failing === undefined,
  expect: (old, { mode }) => {
    // A datagram that a listener takes without a word is not answered, and proves nothing.
    if (mode === "udp") return old;
    const proven = new Set<string>();
    return shutOut(old, mode, (lines) => {
      const { source } = toldBy(lines);
      const isFirst = !proven.has(source);
      proven.add(source);
      return isFirst && mode !== "tcp";
    });
  },
  extra: /adminalert: WARNING: KILL_ROUTE ".*" succeeds and blocks nothing: /,
};

export const differences: readonly Difference[] = [
  commandFails,
  routeFailsBesideHostsDeny,
  idleRoute,
  routeWithoutTarget,
  builtIn,
  {
    name: "The blocked file lists who is blocked",
    applies: (asked) => !blocks(asked),
    expect: (old) => ({ ...old, blocked: [] }),
  },
  {
    name: "Ports are told in ascending order, each once",
    applies: ({ name }) => name.includes("ports in any order") || name.includes("an excluded port"),
    expect: (old) => {
      const numbered = /^(.*(?:port|socket): )(\d+)( ?(?:\\n)?)$/;
      const told = old.start.filter((line) => numbered.test(line) && !line.includes("ERROR"));
      const kinds = [...new Set(told.map((line) => numbered.exec(line)?.[1] ?? ""))];
      const sorted = kinds.flatMap((kind) =>
        [...new Set(told.filter((line) => line.startsWith(kind)))].sort((a, b) =>
          a.localeCompare(b, "en", { numeric: true }),
        ),
      );
      const others = old.start.filter((line) => !numbered.test(line) && !line.includes("could not bind"));
      return { ...old, start: [...others.slice(0, -1), ...sorted, ...others.slice(-1)] };
    },
  },
  {
    name: "A port that is in use does not shift the numbers of the others",
    applies: ({ mode, served }) => served !== undefined && (mode === "tcp" || mode === "udp"),
    expect: (old) => {
      const right = (lines: readonly string[]): string[] =>
        lines.map((line) => (line.includes("203.0.113.2") ? line.replace(/([Pp]ort: )301/, "$1302") : line));
      return { ...mapScans(old, right), history: right(old.history), blocked: right(old.blocked) };
    },
  },
  {
    name: "Ports of this host's own questions are no traps",
    applies: ({ name }) => name.includes("late answers"),
    expect: (old) => without(old, "203.0.113.1"),
    extra: /adminalert: WARNING: 1 UDP port that is watched is no trap: /,
  },
  {
    name: "Gateways and resolvers are spared",
    applies: ({ name }) => name.includes("the gateway's name"),
    expect: (old) => without(old, "198.51.100.2"),
  },
  {
    name: "An ignore file is read when it changes",
    applies: ({ name }) => name.includes("an ignored network that is none"),
    expect: (old) => ({
      ...old,
      scans: old.scans
        .map((lines) => lines.filter((line) => !line.includes("Invalid netmask in config file")))
        .filter((lines) => lines.length > 0),
    }),
    extra: /adminalert: WARNING: \/etc\/portsentry\/portsentry\.ignore:1: /,
  },
  {
    name: "Warnings about the configuration",
    extra: /adminalert: WARNING: \/etc\/portsentry\/portsentry\.conf:\d+: warning: /,
  },
  {
    name: "An absent SCAN_TRIGGER is no error",
    applies: ({ conf }) => conf.SCAN_TRIGGER === undefined,
    expect: (old) => ({ ...old, start: old.start.filter((line) => !line.includes("Could not read SCAN_TRIGGER")) }),
  },
  {
    name: "An empty list of exclusions is told",
    applies: ({ conf }) => conf.ADVANCED_EXCLUDE_TCP === "",
    expect: (old) => {
      const { start } = old;
      return {
        ...old,
        start: [...start.slice(0, -1), `${ADMIN}Advanced mode will manually exclude no ports`, ...start.slice(-1)],
      };
    },
  },
  {
    name: "The banner is sent to each client that connects",
    applies: ({ mode, conf }) => mode === "tcp" && conf.PORT_BANNER !== undefined,
    // The ignored source gets it, too.
    expect: (old) => ({ ...old, answers: [...old.answers, ...old.answers.slice(0, 1)] }),
  },
  {
    name: "A UDP banner is never longer than what it answers",
    applies: ({ probes }) => probes.some(({ kind }) => kind === "short datagram"),
    expect: (old, { probes }) => ({
      ...old,
      answers: old.answers.map((answer, index) => (probes[index]?.kind === "short datagram" ? "(nothing)" : answer)),
    }),
  },
  {
    name: "Commands run beside the packets",
    applies: ({ atOnce }) => atOnce === true,
    expect: (old) => {
      const [first = [], ...rest] = old.scans;
      return { ...old, scans: [first.slice(0, 1), ...rest, first.slice(1)] };
    },
  },
];

// What of sshd_config(5) tells about connections: the ports that sshd listens on, and how long it lets a login take.

/** The questions to the host; tests give their own answers. */
export interface ConfigHost {
  /** Throws as fs.readFileSync does. */
  readonly read: (path: string) => Buffer;
  /** Names in a folder; none when it cannot be read. */
  readonly list: (path: string) => string[];
}

export interface SshdConfig {
  readonly ports: readonly number[];
  /** LoginGraceTime: sshd ends a connection in which nobody has logged in for so long. Infinite: it never does. */
  readonly loginGraceMs: number;
}

const MAX_PORTS = 8;
const MAX_FILES = 64;
const DEFAULT_PORT = 22;
export const DEFAULT_LOGIN_GRACE_MS = 120_000;

/** `Port`, `ListenAddress host:port` and `LoginGraceTime` of the file and its drop-ins; port 22 beside the ports. */
export function readSshdConfig(host: ConfigHost): SshdConfig {
  const dropIns = host.list("/etc/ssh/sshd_config.d").filter((name) => name.endsWith(".conf"));
  const files = ["/etc/ssh/sshd_config", ...dropIns.map((name) => `/etc/ssh/sshd_config.d/${name}`)];
  const ports = new Set([DEFAULT_PORT]);
  const graceMs: number[] = [];
  for (const file of files.slice(0, MAX_FILES)) {
    const text = readText(host, file);
    for (const match of text.matchAll(/^[ \t]*(?:Port[ \t=]+|ListenAddress[ \t=]+\S*:)(\d{1,5})[ \t]*(?:#.*)?$/gim)) {
      const port = Number(match[1]);
      if (port >= 1 && port <= 65_535 && ports.size < MAX_PORTS) ports.add(port);
    }
    for (const match of text.matchAll(/^[ \t]*LoginGraceTime[ \t=]+"?(\w{1,20})"?[ \t]*(?:#.*)?$/gim))
      graceMs.push(graceOf(match[1] ?? ""));
  }
  // Which of several lines sshd goes by depends on its Include lines: the longest time is the safe one.
  return { ports: [...ports], loginGraceMs: graceMs.length === 0 ? DEFAULT_LOGIN_GRACE_MS : Math.max(...graceMs) };
}

/** "90", "2m", "1h30m"; "0" and "none" are no limit, and so is what cannot be read. */
function graceOf(text: string): number {
  const units: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
  if (!/^(?:\d+[smhdw]?)+$/i.test(text)) return Number.POSITIVE_INFINITY;
  let seconds = 0;
  for (const [, count, unit = ""] of text.matchAll(/(\d+)([smhdw]?)/gi))
    seconds += Number(count) * (units[unit.toLowerCase()] ?? 1);
  return seconds === 0 ? Number.POSITIVE_INFINITY : 1_000 * seconds;
}

/** "" when it cannot be read. */
function readText(host: ConfigHost, path: string): string {
  try {
    return host.read(path).toString("latin1");
  } catch {
    return "";
  }
}

// SSH connections whose login cannot be seen: Debian 13 has no utmp, a minimal one no logind either, and inside our unit the names
// of sshd's processes are hidden. sshd ends a connection in which nobody has logged in after LoginGraceTime, so one that is older
// is a session, and its source is guarded.
import { plural } from "../base/plural.ts";
import { formatPrefix } from "../wire/address.ts";
import { listLogins, type Session, type SessionHost, type SshConnection, sessionsOf } from "./ssh-sessions.ts";
import { DEFAULT_LOGIN_GRACE_MS, readSshdConfig } from "./sshd-config.ts";

/** What one look at sshd's connections says. */
export interface SessionsNow {
  readonly sessions: readonly Session[];
  /** For `status` and the log: "" while every session that must be there is seen. */
  readonly warning: string;
}

/** sshd adds up to 4 s to LoginGraceTime by lot, and its clock for a connection starts a little later than ours. */
const SLACK_MS = 10_000;
/** Addresses that the warning names. */
const NAMED = 3;

/** Remembers since when it has seen each connection of which no login can be seen: at most as many as sock_diag lists. */
export class UnseenLogins {
  readonly #host: SessionHost;
  readonly #nowMs: () => number;
  #sinceMs: ReadonlyMap<string, number> = new Map();

  /** @param nowMs of a clock that nobody sets */
  constructor(host: SessionHost, nowMs: () => number) {
    this.#host = host;
    this.#nowMs = nowMs;
  }

  look(): SessionsNow {
    const { ports, loginGraceMs } = readSshdConfig(this.#host);
    const { seen, unseen } = listLogins(this.#host, ports);
    const hasLimit = Number.isFinite(loginGraceMs);
    const old = this.#olderThan((hasLimit ? loginGraceMs : DEFAULT_LOGIN_GRACE_MS) + SLACK_MS, unseen);
    const byAge = hasLimit ? sessionsOf(old) : [];
    return {
      sessions: [...sessionsOf(seen), ...byAge.map((one): Session => ({ ...one, isByAge: true }))],
      warning: warningOf(sessionsOf(old), hasLimit),
    };
  }

  #olderThan(ageMs: number, connections: readonly SshConnection[]): SshConnection[] {
    const now = this.#nowMs();
    // One that nobody has accepted waits without end, and so does one in a tarpit, which is not root's as sshd is.
    const taken = connections.filter(({ inode, uid }) => inode !== 0 && uid === 0);
    const keyOf = ({ inode, remote, port }: SshConnection) => `${inode} ${formatPrefix(remote)} ${port}`;
    this.#sinceMs = new Map(taken.map((one) => [keyOf(one), this.#sinceMs.get(keyOf(one)) ?? now]));
    return taken.filter((one) => now - (this.#sinceMs.get(keyOf(one)) ?? now) >= ageMs);
  }
}

function warningOf(old: readonly Session[], isGuarded: boolean): string {
  if (old.length === 0) return "";
  const named = old.slice(0, NAMED).map(({ source }) => formatPrefix(source));
  const more = old.length > NAMED ? ` and ${plural(old.length - NAMED, "other")}` : "";
  const consequence = isGuarded
    ? "they are guarded because their connections are older than LoginGraceTime"
    : 'they are not guarded, as with "LoginGraceTime 0" anybody may keep a connection for as long as they do';
  return (
    `SSH connections from ${named.join(", ")}${more} stand, and no login is seen in utmp, in systemd-logind's sessions or by ` +
    `sshd's processes: ${consequence}; install libpam-systemd and keep "UsePAM yes", so that a session is guarded from its login on`
  );
}

// What is asked of the administrator's commands, and what comes of it.
import type { Prefix } from "../../wire/address.ts";

export interface ResponseSettings {
  readonly killRoute: string | undefined;
  readonly unkillRoute: string | undefined;
  /** KILL_HOSTS_DENY. */
  readonly hostsDeny: string | undefined;
  /** KILL_RUN_CMD. */
  readonly runCommand: string | undefined;
  readonly runCommandFirst: boolean;
  /** KILL_RUN_CMD_LIMIT. Absent: as the runner was made. */
  readonly runCommandLimitMs?: number;
  readonly hostsDenyFile: string;
  /** KILL_ROUTE is run for IPv6 sources as it stands (2.x). Absent: only where an IPv6 form of it is known. */
  readonly takesIpv6?: boolean | undefined;
}

export interface ResponseRequest {
  readonly source: Prefix;
  readonly port: number;
  readonly protocol: 6 | 17;
  readonly modeName: string;
  /** To undo, or to look: what made the block (made-by.ts). Absent: what the settings say now. */
  readonly madeBy?: string | undefined;
}

export type ResponseStep = "run" | "hosts-deny" | "route";

export interface ResponseResult {
  readonly step: ResponseStep;
  readonly ok: boolean;
  /** The command or line as PortSentry would print it, filled in. */
  readonly text: string;
  /** Why it is not ok: exit code, signal, time limit, errno. "" if it is, or what makes it so all the same. */
  readonly detail: string;
  /** It was not tried: the command has no form for such a source. */
  readonly isNotFor?: boolean;
}

export function failed(step: ResponseStep, text: string, detail: string): ResponseResult {
  return { step, ok: false, text, detail };
}

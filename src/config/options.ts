// The settings of the command line beside the file: PortSentry's modes, generation and interfaces.
import type { Settings } from "./settings.ts";

export type TcpMode = "tcp" | "stcp" | "atcp";
export type UdpMode = "udp" | "sudp" | "audp";

/** Looks at files as they are now (base/trust.ts). */
export interface FileQuestions {
  /** Says why a file is not written to, or which other user may put another in its place; "" for neither. */
  riskOfWriting(path: string, links?: "refuse" | "root's"): { readonly refusal: string; readonly risk: string };
  /** Names the other user who may change a file that is read or run; "" for none. */
  riskOfReading(path: string): string;
  /** Whether the host knows a group, by its name or number. */
  hasGroup(name: string): boolean;
  /** Whether a folder is on a file system that is read-only now. Absent: the daemon says so when it opens its store. */
  isOnReadOnly?(path: string): boolean;
}

export interface LoadOptions {
  /**
   * Instead of TCP_MODE and UDP_MODE. When only one of the two is given the other protocol is not watched, as with
   * `portsentry -stcp`. 2.x's --stealth is "stcp" and "sudp", --connect "tcp" and "udp", both with generation 2.
   */
  readonly tcpMode?: TcpMode | undefined;
  readonly udpMode?: UdpMode | undefined;
  /** Instead of what the keys of the file tell. */
  readonly generation?: 1 | 2 | undefined;
  /** Where the file has no LOG_FORMAT; without it the generation decides. */
  readonly logFormat?: Settings["logFormat"] | undefined;
  readonly interfaces?: readonly string[] | undefined;
  /**
   * The folder from which relative paths of PortSentry's keys count, as in 2.x. Absent: paths have to be absolute, as 1.2's
   * daemon in "/" needs them.
   */
  readonly folder?: string | undefined;
  /** 2.x's -L, -S, -v and -d. Absent: none of them was given. */
  readonly switches?: Settings["switches"] | undefined;
  /** True for a file that can be run. Without this function missing programs are not reported. */
  readonly fileExists?: ((path: string) => boolean) | undefined;
  /** Without these functions the checks do not say what other users may do to the files. */
  readonly files?: FileQuestions | undefined;
}

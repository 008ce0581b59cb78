// What the command line says beside the file: PortSentry's modes, generation and interfaces.
import type { Settings } from "./settings.ts";

export type TcpMode = "tcp" | "stcp" | "atcp";
export type UdpMode = "udp" | "sudp" | "audp";

/** What files are now (base/trust.ts). */
export interface FileQuestions {
  /** Why a file is not written to, and who else may put something in its place; "" for nothing. */
  riskOfWriting(path: string, links?: "refuse" | "root's"): { readonly refusal: string; readonly risk: string };
  /** Who else may change what is read or run; "" for nobody. */
  riskOfReading(path: string): string;
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
  /** True for a file that can be run. Without it nothing is said of missing programs. */
  readonly fileExists?: ((path: string) => boolean) | undefined;
  /** Without it nothing is said of what other users may do to the files. */
  readonly files?: FileQuestions | undefined;
}

// PortSentry's BLOCKED_FILE: one for each protocol that is watched, or one for both; and whom a replaced PortSentry had blocked.
import { existsSync } from "node:fs";
import { type Troubles, troubleListener } from "../base/troubles.ts";
import type { Settings } from "../config/settings.ts";
import { BlockedFile, blockedFilePath, importBlocked } from "../record/blocked-file.ts";
import type { Recorder } from "../record/recorder.ts";
import type { Prefix } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";

export function blockedFiles(
  settings: Pick<Settings, "blockedFile" | "tcp" | "udp" | "generation">,
  troubles: Troubles,
  say: (message: string) => void,
) {
  const { blockedFile: base, tcp, udp, generation } = settings;
  if (base === undefined) return [];
  const form = generation === 2 ? "records" : "lines";
  const open = (path: string) => new BlockedFile(path, troubleListener("blocked file", troubles, say), form);
  const watched = [
    { protocol: IpProtocol.Tcp, watch: tcp },
    { protocol: IpProtocol.Udp, watch: udp },
  ].filter(({ watch }) => watch.active);
  const paths = new Set(watched.map(({ watch }) => blockedFilePath(base, watch.modeName)));
  // 2.x has one file for both protocols.
  if (paths.size < watched.length) return [{ protocol: undefined, file: open(base) }];
  return watched.map(({ protocol, watch }) => ({ protocol, file: open(blockedFilePath(base, watch.modeName)) }));
}

/** Whether the administrator has deleted 2.x's list, which is how 2.x is told to forget whom it has blocked. */
export function isListDeleted({ generation, blockedFile }: Pick<Settings, "generation" | "blockedFile">): boolean {
  return generation === 2 && blockedFile !== undefined && !existsSync(blockedFile);
}

/** The sources that a replaced PortSentry had blocked, as far as we block (docs/decisions/0006). Troubles are said. */
export function readOldBlocks({ blockedFile, tcp, udp }: Settings, recorder: Pick<Recorder, "warning">) {
  if (blockedFile === undefined) return [];
  const { blocks, troubles } = importBlocked(blockedFile);
  for (const trouble of troubles) recorder.warning(trouble);
  const wanted = blocks.filter(({ protocol }) => {
    if (protocol === undefined) return tcp.block || udp.block;
    return protocol === IpProtocol.Udp ? udp.block : tcp.block;
  });
  return wanted.map(({ source, protocol }): OldBlock => ({ source, protocol }));
}

export interface OldBlock {
  readonly source: Prefix;
  /** undefined: of both. */
  readonly protocol: number | undefined;
}

// A reader of Unix datagrams, which Node itself does not have, on the same thin libc as the sender.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as K from "../../src/kernel/constants.ts";
import { bindSocket, closeFd, openSocket, receive } from "../../src/kernel/libc.ts";

export function makeFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "portreeve-kernel-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface DatagramReader {
  /** What has arrived, one text a datagram. */
  read(): string[];
  close(): void;
}

/** `path` with a leading "@" means the abstract name space. Whoever binds a file again removes it first. */
export function openReader(path: string): DatagramReader {
  const fd = openSocket(K.AF_UNIX, K.SOCK_DGRAM, 0);
  const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`, "latin1");
  const family = Buffer.alloc(2);
  family.writeUInt16LE(K.AF_UNIX);
  bindSocket(fd, Buffer.concat([family, name]), path);
  const buffer = Buffer.alloc(65_536);
  return {
    read() {
      const texts: string[] = [];
      for (let got = receive(fd, buffer, K.MSG_DONTWAIT); got > 0; got = receive(fd, buffer, K.MSG_DONTWAIT)) {
        texts.push(buffer.toString("utf8", 0, got));
      }
      return texts;
    },
    close: () => closeFd(fd),
  };
}

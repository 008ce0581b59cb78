// Datagrams to a Unix socket that never wait: for /dev/log (syslog) and NOTIFY_SOCKET (systemd). libc's syslog(3)
// blocks when nobody reads the log socket (docs/decisions/0003-syslog.md), and a daemon must not.
import * as K from "./constants.ts";
import { errnoName } from "./errors.ts";
import * as libc from "./libc.ts";

/** struct sockaddr_un: u16 family, then the path; a leading "@" means the abstract name space. */
function unixAddress(path: string): Buffer {
  const name = Buffer.from(path, "utf8");
  if (name[0] === 0x40) name[0] = 0;
  const address = Buffer.alloc(2 + name.length + (name[0] === 0 ? 0 : 1));
  address.writeUInt16LE(K.AF_UNIX, 0);
  name.copy(address, 2);
  return address;
}

const PATH_BYTES = 107;

export class UnixDatagram {
  readonly #path: string;
  #fd = -1;

  constructor(path: string) {
    this.#path = path;
  }

  /** "" when sent, else the errno's name; reconnects once when the reader was restarted. */
  send(text: string): string {
    const bytes = Buffer.from(text, "utf8");
    for (const attempt of [0, 1]) {
      const trouble = this.#connect();
      if (trouble !== "") return trouble;
      const sent = libc.send(this.#fd, bytes, K.MSG_DONTWAIT);
      if (sent >= 0) return "";
      if (-sent === K.EAGAIN || attempt === 1) return errnoName(-sent);
      this.close();
    }
    return "";
  }

  #connect(): string {
    if (this.#fd >= 0) return "";
    if (Buffer.byteLength(this.#path) > PATH_BYTES) return "ENAMETOOLONG";
    const fd = libc.tryOpenSocket(K.AF_UNIX, K.SOCK_DGRAM, 0);
    if (fd < 0) return errnoName(-fd);
    const errno = libc.connectSocket(fd, unixAddress(this.#path));
    if (errno !== 0) {
      libc.closeFd(fd);
      return errnoName(errno);
    }
    this.#fd = fd;
    return "";
  }

  close(): void {
    if (this.#fd >= 0) libc.closeFd(this.#fd);
    this.#fd = -1;
  }
}

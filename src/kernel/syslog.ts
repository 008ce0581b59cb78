// syslog as syslog(3) writes it, "<29>Nov 22 09:34:30 portsentry[11670]: text", to /dev/log, without ever waiting.
import { UnixDatagram } from "./unix-datagram.ts";

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Local time in the form of RFC 3164 section 4.1.2: the day is padded with a blank. */
export function syslogTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = String(date.getDate()).padStart(2, " ");
  return `${months[date.getMonth()]} ${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export interface SyslogOptions {
  readonly ident: string;
  readonly pid: number;
  /** Default /dev/log. */
  readonly path?: string;
  readonly now: () => Date;
}

export class Syslog {
  readonly #socket: UnixDatagram;
  readonly #options: SyslogOptions;
  /** Lines that the log socket did not take: full, or nobody there. Each is counted by the journal (linesLost) as well. */
  dropped = 0;

  constructor(options: SyslogOptions) {
    this.#options = options;
    this.#socket = new UnixDatagram(options.path ?? "/dev/log");
  }

  /** `priority` is facility * 8 + severity; `text` may end in a newline, as PortSentry's lines do. False: the line is lost. */
  write(priority: number, text: string): boolean {
    const { ident, pid, now } = this.#options;
    const isTaken = this.#socket.send(`<${priority}>${syslogTime(now())} ${ident}[${pid}]: ${text}`) === "";
    if (!isTaken) this.dropped++;
    return isTaken;
  }

  close(): void {
    this.#socket.close();
  }
}

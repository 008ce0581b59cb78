// One error for everything that the kernel or a system library refuses: what was asked, errno, and the remedy.
import { constants } from "node:os";

export class KernelError extends Error {
  /** errno name, "EPERM" and so on; "" where the library gave only text. */
  readonly code: string;
  constructor(what: string, code: string, remedy = "") {
    super(`${what}${code === "" ? "" : `: ${code}`}${remedy === "" ? "" : `; ${remedy}`}`);
    this.name = "KernelError";
    this.code = code;
  }
}

const namesByErrno: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

export function errnoName(errno: number): string {
  return namesByErrno.get(errno) ?? `errno ${errno}`;
}

/** The remedy that fits most refusals of a socket or a table. */
export function remedyFor(code: string): string {
  switch (code) {
    case "EPERM":
    case "EACCES":
      return "needs root, or CAP_NET_ADMIN";
    case "EPROTONOSUPPORT":
    case "ENOPROTOOPT":
    case "EOPNOTSUPP":
      return "this kernel lacks it";
    default:
      return "";
  }
}

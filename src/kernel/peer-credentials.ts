// The user at the other end of a Unix socket: that of the process which connected (unix(7), SO_PEERCRED).
import koffi from "koffi";
import * as K from "./constants.ts";

const libc = koffi.load("libc.so.6");
const getsockopt = libc.func("int getsockopt(int fd, int level, int name, void *value, void *bytes)");

/** struct ucred: i32 pid, u32 uid, u32 gid. */
const UCRED_BYTES = 12;
const UID_AT = 4;

/** Undefined where the kernel does not tell. */
export function peerUid(fd: number): number | undefined {
  const [value, bytes] = [Buffer.alloc(UCRED_BYTES), Buffer.alloc(4)];
  bytes.writeUInt32LE(UCRED_BYTES);
  return getsockopt(fd, K.SOL_SOCKET, K.SO_PEERCRED, value, bytes) === 0 ? value.readUInt32LE(UID_AT) : undefined;
}

// A syslog daemon's ear: binds a Unix datagram socket and prints "ready", then each datagram as one JSON string a line.
//   log-socket.js PATH
import { chmodSync } from "node:fs";
import * as K from "../../../../src/kernel/constants.ts";
import { bindSocket, openSocket, receive, watchReadable } from "../../../../src/kernel/libc.ts";

const path = process.argv[2] ?? "";
const fd = openSocket(K.AF_UNIX, K.SOCK_DGRAM, 0);
// struct sockaddr_un: u16 family, then the path.
bindSocket(fd, Buffer.concat([Buffer.from([K.AF_UNIX, 0]), Buffer.from(`${path}\0`)]), path);
chmodSync(path, 0o666);
const buffer = Buffer.alloc(65_536);
watchReadable(fd, tell, (error) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
process.stdout.write("ready\n");

function tell(): void {
  for (let got = receive(fd, buffer, K.MSG_DONTWAIT); got > 0; got = receive(fd, buffer, K.MSG_DONTWAIT)) {
    process.stdout.write(`${JSON.stringify(buffer.toString("utf8", 0, got))}\n`);
  }
}

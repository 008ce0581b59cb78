// A tun device, whose packets have no link header at all: makes it, and for each line of hex that it reads lets that IP
// packet arrive on it. Prints "ready". The device goes with the program.
//   tun.js --dev NAME
import { openSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import koffi from "koffi";

/** linux/if_tun.h: struct ifreq { char name[16]; u16 flags; ... } */
const TUNSETIFF = 0x400454ca;
const IFF_TUN = 1;
const IFF_NO_PI = 0x1000;
const IFREQ_BYTES = 40;
const FLAGS_AT = 16;

const { values } = parseArgs({ options: { dev: { type: "string", default: "tun0" } } });
const ioctl = koffi.load("libc.so.6").func("int ioctl(int fd, unsigned long request, void *argument)");
const fd = openSync("/dev/net/tun", "r+");
const request = Buffer.alloc(IFREQ_BYTES);
request.write(values.dev, "latin1");
request.writeUInt16LE(IFF_TUN | IFF_NO_PI, FLAGS_AT);
if (ioctl(fd, TUNSETIFF, request) !== 0) throw new Error(`tun: cannot make ${values.dev}: errno ${koffi.errno()}`);
createInterface({ input: process.stdin }).on("line", (line) => writeSync(fd, Buffer.from(line, "hex")));
process.stdout.write("ready\n");

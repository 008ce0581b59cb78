// Writes a capture of a served network: clients with short connections, bulk transfers, DNS, and scans of several kinds
// beside them. `node write-capture.js FILE PACKETS`. The same numbers give the same file.
import { closeSync, openSync, writeSync } from "node:fs";
import { buildTcp, buildUdp } from "../../support/build-packet.ts";

const [file = "", packetsText = ""] = process.argv.slice(2);
const packets = Number(packetsText);
if (file === "" || !(packets > 0)) throw new Error("usage: write-capture FILE PACKETS");

const ETHERNET = Uint8Array.from([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
const HEADER_BYTES = 16;
const SNAP_BYTES = 96;
const CLIENTS = 20_000;
const SERVERS = 32;
const START_SECONDS = 1_700_000_000;

/** A frame as a template; addresses and ports are written over. The checksums are then wrong, as in captures with offload. */
function template(ip: Uint8Array, wholeBytes = ip.length): { readonly bytes: Uint8Array; readonly wholeBytes: number } {
  const bytes = new Uint8Array(ETHERNET.length + Math.min(ip.length, SNAP_BYTES));
  bytes.set(ETHERNET);
  bytes.set(ip.subarray(0, SNAP_BYTES), ETHERNET.length);
  return { bytes, wholeBytes: ETHERNET.length + wholeBytes };
}

const ends = { source: "198.18.0.1", destination: "192.0.2.1" } as const;
const tcp = (flags: number, payload = 0, tcpOptions: readonly number[] = []) =>
  template(
    buildTcp({ ...ends, sourcePort: 40_000, destinationPort: 80, flags, payload: new Uint8Array(payload), tcpOptions }),
  );
const KERNEL_OPTIONS = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
const syn = tcp(0x02, 0, KERNEL_OPTIONS);
const synAck = tcp(0x12, 0, KERNEL_OPTIONS);
const ack = tcp(0x10);
const data = tcp(0x18, 1_400);
const fin = tcp(0x11);
const reset = tcp(0x14);
const bareSyn = tcp(0x02, 0, [2, 4, 5, 180]);
const query = template(buildUdp({ ...ends, sourcePort: 40_000, destinationPort: 53, payload: new Uint8Array(40) }));

const output = openSync(file, "w");
const piece = Buffer.alloc(1 << 20);
let used = 0;
let written = 0;
let timeMicroseconds = 0;
let seed = 12_345;

function random(below: number): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}

interface Ends {
  readonly client: number;
  readonly clientPort: number;
  readonly server: number;
  readonly serverPort: number;
}

function put({ bytes, wholeBytes }: ReturnType<typeof template>, at: Ends, fromClient: boolean): void {
  if (written >= packets) return;
  if (used + HEADER_BYTES + bytes.length > piece.length) flush();
  timeMicroseconds += 5 + random(10);
  piece.writeUInt32LE(START_SECONDS + Math.floor(timeMicroseconds / 1e6), used);
  piece.writeUInt32LE(timeMicroseconds % 1e6, used + 4);
  piece.writeUInt32LE(bytes.length, used + 8);
  piece.writeUInt32LE(wholeBytes, used + 12);
  const frame = used + HEADER_BYTES;
  piece.set(bytes, frame);
  const ip = frame + ETHERNET.length;
  const client = 0xc6120000 + at.client;
  const server = 0xc0000200 + at.server;
  piece.writeUInt32BE(fromClient ? client : server, ip + 12);
  piece.writeUInt32BE(fromClient ? server : client, ip + 16);
  piece.writeUInt16BE(fromClient ? at.clientPort : at.serverPort, ip + 20);
  piece.writeUInt16BE(fromClient ? at.serverPort : at.clientPort, ip + 22);
  if (bytes[ETHERNET.length + 9] === 6) piece.writeUInt32BE(timeMicroseconds, ip + 24);
  used = frame + bytes.length;
  written++;
}

function flush(): void {
  writeSync(output, piece, 0, used);
  used = 0;
}

function visit(at: Ends, segments: number): void {
  put(syn, at, true);
  put(synAck, at, false);
  put(ack, at, true);
  put(data, at, true);
  for (let index = 0; index < segments; index++) {
    put(data, at, false);
    if (index % 2 === 1) put(ack, at, true);
  }
  put(fin, at, false);
  put(fin, at, true);
  put(ack, at, false);
}

const header = Buffer.alloc(24);
header.writeUInt32LE(0xa1b2c3d4, 0);
header.writeUInt16LE(2, 4);
header.writeUInt16LE(4, 6);
header.writeUInt32LE(65_535, 16);
header.writeUInt32LE(1, 20);
writeSync(output, header);

let scanned = 0;
while (written < packets) {
  const client = random(CLIENTS);
  const server = 1 + random(SERVERS);
  const clientPort = 32_768 + random(28_000);
  const at = { client, clientPort, server, serverPort: random(4) === 0 ? 443 : 80 };
  const what = random(100);
  if (what < 60) visit(at, 2 + random(6));
  else if (what < 62) visit(at, 400);
  else if (what < 80) {
    const asked = { ...at, serverPort: 53 };
    put(query, asked, true);
    put(query, asked, false);
  } else {
    // Eight scanners, each through the ports of one server after the other.
    const scanner = CLIENTS + (scanned % 8);
    const port = 1 + (Math.floor(scanned / 8) % 60_000);
    const probe = { client: scanner, clientPort: 60_000, server: 1 + (scanned % SERVERS), serverPort: port };
    put(bareSyn, probe, true);
    if (scanned % 8 < 6) put(reset, probe, false);
    scanned++;
  }
}
flush();
closeSync(output);

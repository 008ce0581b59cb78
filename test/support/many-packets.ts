// A capture of millions of frames, written in large pieces: SYNs of many sources to many ports, and every fourth frame an
// answer to the one before it.
import { closeSync, openSync, writeSync } from "node:fs";
import { TcpFlag } from "../../src/wire/packet.ts";
import { buildTcp } from "./build-packet.ts";
import { BlockWriter, concat, pcapHeader } from "./capture-writer.ts";
import { hex } from "./hex.ts";

const START_SECONDS = 1_700_000_000;
/** 100,000 packets a second. */
const STEP_MICROSECONDS = 10;
const PIECE_FRAMES = 10_000;
const FRAME_BYTES = 58;
const IP_AT = 14;
const ethernet = hex("0200 0000 0002 0200 0000 0001 0800");
const [asker, asked] = [
  { source: "198.51.100.1", sourcePort: 40_000 },
  { destination: "192.0.2.1", destinationPort: 80 },
];
const tcpOptions = [2, 4, 5, 0xb4];
const syn = concat([ethernet, buildTcp({ ...asker, ...asked, tcpOptions })]);
const answer = { source: asked.destination, sourcePort: asked.destinationPort };
const back = { destination: asker.source, destinationPort: asker.sourcePort };
const reset = concat([ethernet, buildTcp({ ...answer, ...back, tcpOptions, flags: TcpFlag.Rst | TcpFlag.Ack })]);

type Format = "pcap" | "pcapng";

export function writeManyPackets(path: string, format: Format, count: number): void {
  const fd = openSync(path, "w");
  const block = new BlockWriter();
  writeSync(fd, format === "pcap" ? pcapHeader() : concat([block.section(), block.interface(1)]));
  const recordBytes = format === "pcap" ? 16 + FRAME_BYTES : 28 + FRAME_BYTES + 2 + 4;
  const piece = Buffer.alloc(PIECE_FRAMES * recordBytes);
  for (let from = 0; from < count; from += PIECE_FRAMES) {
    const frames = Math.min(PIECE_FRAMES, count - from);
    for (let frame = 0; frame < frames; frame++) put(piece, frame * recordBytes, recordBytes, format, from + frame);
    writeSync(fd, piece, 0, frames * recordBytes);
  }
  closeSync(fd);
}

function put(piece: Buffer, at: number, recordBytes: number, format: Format, number: number): void {
  const microseconds = number * STEP_MICROSECONDS;
  const lengthAt = format === "pcap" ? at + 8 : at + 20;
  const frameAt = lengthAt + 8;
  if (format === "pcap") {
    piece.writeUInt32LE(START_SECONDS + Math.floor(microseconds / 1e6), at);
    piece.writeUInt32LE(microseconds % 1e6, at + 4);
  } else {
    const units = START_SECONDS * 1e6 + microseconds;
    piece.writeUInt32LE(6, at);
    piece.writeUInt32LE(recordBytes, at + 4);
    piece.writeUInt32LE(0, at + 8);
    piece.writeUInt32LE(Math.floor(units / 2 ** 32), at + 12);
    piece.writeUInt32LE(units % 2 ** 32, at + 16);
    piece.writeUInt32LE(recordBytes, at + recordBytes - 4);
  }
  piece.writeUInt32LE(FRAME_BYTES, lengthAt);
  piece.writeUInt32LE(FRAME_BYTES, lengthAt + 4);
  const isAnswer = number % 4 === 3;
  piece.set(isAnswer ? reset : syn, frameAt);
  // The answer is to the frame before: the same other end, the same port of ours.
  const question = isAnswer ? number - 1 : number;
  const other = Math.imul(question >>> 6, 0x9e3779b1);
  const port = question & 0xffff;
  piece.writeInt32BE(other, frameAt + IP_AT + (isAnswer ? 16 : 12));
  piece.writeUInt16BE(port, frameAt + IP_AT + 20 + (isAnswer ? 0 : 2));
}

// Capture files as tests want them: pcap in every variant, pcapng block by block, and faults where they are wanted.

export interface WrittenFrame {
  readonly bytes: Uint8Array;
  readonly timeMs: number;
}

export interface PcapOptions {
  readonly linkType?: number;
  readonly order?: "little" | "big";
  readonly unit?: "micro" | "nano" | "modified";
}

const magics = { micro: 0xa1b2c3d4, nano: 0xa1b23c4d, modified: 0xa1b2cd34 } as const;

/** Numbers one after the other, in one byte order. */
export class Writer {
  readonly #parts: Uint8Array[] = [];
  readonly #isLittle: boolean;

  constructor(order: "little" | "big" = "little") {
    this.#isLittle = order === "little";
  }

  u16(...values: number[]): this {
    for (const value of values) this.#put(2, (view) => view.setUint16(0, value, this.#isLittle));
    return this;
  }

  u32(...values: number[]): this {
    for (const value of values) this.#put(4, (view) => view.setUint32(0, value, this.#isLittle));
    return this;
  }

  u64(value: bigint): this {
    this.#put(8, (view) => view.setBigInt64(0, value, this.#isLittle));
    return this;
  }

  bytes(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  /** Zeros up to the next multiple of 4. */
  pad(): this {
    return this.bytes(new Uint8Array((4 - (this.done().length % 4)) % 4));
  }

  done(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts));
  }

  #put(size: number, write: (view: DataView) => void): void {
    const bytes = new Uint8Array(size);
    write(new DataView(bytes.buffer));
    this.#parts.push(bytes);
  }
}

export function pcapHeader({ linkType = 1, order = "little", unit = "micro" }: PcapOptions = {}): Uint8Array {
  return new Writer(order).u32(magics[unit]).u16(2, 4).u32(0, 0, 262_144, linkType).done();
}

export function pcapRecord(frame: WrittenFrame, { order = "little", unit = "micro" }: PcapOptions = {}): Uint8Array {
  const seconds = Math.floor(frame.timeMs / 1000);
  const unitsPerMs = unit === "nano" ? 1e6 : 1000;
  const fraction = Math.round((frame.timeMs - seconds * 1000) * unitsPerMs);
  const writer = new Writer(order).u32(seconds, fraction, frame.bytes.length, frame.bytes.length);
  if (unit === "modified") writer.u32(7, 0x08000000);
  return writer.bytes(frame.bytes).done();
}

export function pcapFile(frames: readonly WrittenFrame[], options: PcapOptions = {}): Uint8Array {
  return concat([pcapHeader(options), ...frames.map((frame) => pcapRecord(frame, options))]);
}

/** pcapng blocks of one section's byte order. */
export class BlockWriter {
  readonly #order: "little" | "big";

  constructor(order: "little" | "big" = "little") {
    this.#order = order;
  }

  block(type: number, body: Uint8Array): Uint8Array {
    const padded = new Writer(this.#order).bytes(body).pad().done();
    const length = padded.length + 12;
    return new Writer(this.#order).u32(type, length).bytes(padded).u32(length).done();
  }

  section(): Uint8Array {
    return this.block(0x0a0d0d0a, new Writer(this.#order).u32(0x1a2b3c4d).u16(1, 0).u64(-1n).done());
  }

  /** `resolution`: the byte of if_tsresol; `offsetSeconds`: if_tsoffset. */
  interface(linkType: number, options: { resolution?: number; offsetSeconds?: bigint; snapBytes?: number } = {}) {
    const writer = new Writer(this.#order).u16(linkType, 0).u32(options.snapBytes ?? 0);
    writer.u16(2, 3).bytes(Buffer.from("eth")).pad();
    if (options.resolution !== undefined) writer.u16(9, 1).bytes(Uint8Array.of(options.resolution)).pad();
    if (options.offsetSeconds !== undefined) writer.u16(14, 8).u64(options.offsetSeconds);
    return this.block(1, writer.u16(0, 0).done());
  }

  /** An enhanced packet block; `units`: the time in the interface's own units. */
  packet(index: number, units: bigint, frame: Uint8Array): Uint8Array {
    const writer = new Writer(this.#order).u32(index, Number(units >> 32n), Number(units & 0xffffffffn));
    return this.block(6, writer.u32(frame.length, frame.length).bytes(frame).pad().u16(0, 0).done());
  }

  obsoletePacket(index: number, units: bigint, frame: Uint8Array): Uint8Array {
    const writer = new Writer(this.#order).u16(index, 3).u32(Number(units >> 32n), Number(units & 0xffffffffn));
    return this.block(2, writer.u32(frame.length, frame.length).bytes(frame).done());
  }

  simplePacket(frame: Uint8Array, lengthOnWire = frame.length): Uint8Array {
    return this.block(3, new Writer(this.#order).u32(lengthOnWire).bytes(frame).done());
  }
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

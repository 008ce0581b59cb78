// The interfaces of a pcapng section: link type, and how its time stamps are counted.
import type { CaptureBuffer } from "./capture-buffer.ts";

// +---------------+---------------+---------------+---------------+      pcapng draft, section 4.2
// | Block type 1  | Total length  | Link type|Res.| Snap length   |   0
// +---------------+---------------+---------------+---------------+
// | Options: code (2), length (2), value padded to 4; last: total length again
const LINK_TYPE_AT = 8;
const SNAP_LENGTH_AT = 12;
const OPTIONS_AT = 16;
const OPTION_BYTES = 4;
const TRAILER_BYTES = 4;

const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;
const TSOFFSET_BYTES = 8;
/** Where the option is missing: microseconds. */
const DEFAULT_UNITS_PER_MS = 1000;

/** More than any machine has; a file that says more is made to fill memory. */
const MAX_INTERFACES = 65_536;
const HIGH_WORD = 4_294_967_296;

export interface CaptureInterface {
  readonly linkType: number;
  /** 0: no limit. */
  readonly snapBytes: number;
  unitsPerMs: number;
  offsetMs: number;
}

export class PcapngInterfaces {
  /** Of all sections. */
  total = 0;
  readonly #list: CaptureInterface[] = [];

  /** A new section begins: it numbers its interfaces from 0. */
  clear(): void {
    this.#list.length = 0;
  }

  get(index: number): CaptureInterface | undefined {
    return this.#list[index];
  }

  get size(): number {
    return this.#list.length;
  }

  /** Reads the interface description block of `blockBytes` bytes at `at`; undefined when there are too many. */
  add(buffer: CaptureBuffer, at: number, blockBytes: number, isLittle: boolean): CaptureInterface | undefined {
    if (this.#list.length === MAX_INTERFACES) return undefined;
    const { view } = buffer;
    const added: CaptureInterface = {
      linkType: view.getUint16(at + LINK_TYPE_AT, isLittle),
      snapBytes: view.getUint32(at + SNAP_LENGTH_AT, isLittle),
      unitsPerMs: DEFAULT_UNITS_PER_MS,
      offsetMs: 0,
    };
    readOptions(view, at + OPTIONS_AT, at + blockBytes - TRAILER_BYTES, isLittle, added);
    this.#list.push(added);
    this.total++;
    return added;
  }
}

/** Options that do not fit into the block end the list. */
function readOptions(view: DataView, from: number, end: number, isLittle: boolean, to: CaptureInterface): void {
  let at = from;
  while (at + OPTION_BYTES <= end) {
    const code = view.getUint16(at, isLittle);
    const length = view.getUint16(at + 2, isLittle);
    const valueAt = at + OPTION_BYTES;
    if (code === 0 || valueAt + length > end) return;
    if (code === IF_TSRESOL && length === 1) to.unitsPerMs = unitsPerMs(view.getUint8(valueAt));
    if (code === IF_TSOFFSET && length === TSOFFSET_BYTES) {
      const lowAt = isLittle ? valueAt : valueAt + 4;
      const highAt = isLittle ? valueAt + 4 : valueAt;
      to.offsetMs = (view.getInt32(highAt, isLittle) * HIGH_WORD + view.getUint32(lowAt, isLittle)) * 1000;
    }
    at = valueAt + ((length + 3) & ~3);
  }
}

/** The option's byte is a negative power, of 2 if its highest bit is set, else of 10. */
function unitsPerMs(resolution: number): number {
  const power = resolution & 0x7f;
  return (resolution & 0x80 ? 2 ** power : 10 ** power) / 1000;
}

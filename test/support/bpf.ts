// Classic BPF as the kernel runs it (linux/filter.h, bpf_check_classic), for tests of our filters: refuses what the kernel
// would refuse, and says how many bytes of a packet a program takes.

/** A packet as a filter sees it: on a socket of type SOCK_DGRAM, or by SKF_NET_OFF. */
export interface FilteredPacket {
  /** From the IP header on. */
  readonly bytes: Uint8Array;
  /** What SKF_AD_* answer. */
  readonly protocol: number;
  readonly packetType?: number;
  readonly interfaceIndex?: number;
  readonly hardwareType?: number;
  /** The tag that the kernel has taken off; absent: there was none. */
  readonly vlanTag?: number;
}

const INSTRUCTION_BYTES = 8;
const AD_OFF = 0xfffff000;
const NET_OFF = 0xfff00000;

export function runFilter(program: Uint8Array, packet: FilteredPacket): number {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const count = program.length / INSTRUCTION_BYTES;
  if (!Number.isInteger(count) || count === 0) throw new Error(`${program.length} bytes are no program`);
  let a = 0;
  let x = 0;
  for (let pc = 0; pc < count; pc++) {
    const code = view.getUint16(pc * INSTRUCTION_BYTES, true);
    const k = view.getUint32(pc * INSTRUCTION_BYTES + 4, true);
    const jump = (yes: boolean) => view.getUint8(pc * INSTRUCTION_BYTES + (yes ? 2 : 3));
    const load = (offset: number, bytes: number): number | undefined => {
      if (offset >= AD_OFF) return bytes === 4 ? ancillary(packet, offset - AD_OFF) : undefined;
      const at = offset >= NET_OFF ? offset - NET_OFF : offset;
      if (at + bytes > packet.bytes.length) return undefined;
      return packet.bytes.subarray(at, at + bytes).reduce((sum, byte) => sum * 256 + byte, 0);
    };
    let loaded: number | undefined;
    switch (code) {
      case 0x20:
      case 0x28:
      case 0x30:
        loaded = load(k, code === 0x20 ? 4 : code === 0x28 ? 2 : 1);
        if (loaded === undefined) return 0;
        a = loaded;
        break;
      case 0x48:
      case 0x50:
        loaded = load(x + k, code === 0x48 ? 2 : 1);
        if (loaded === undefined) return 0;
        a = loaded;
        break;
      case 0xb1:
        loaded = load(k, 1);
        if (loaded === undefined) return 0;
        x = 4 * (loaded & 15);
        break;
      case 0x54:
        a = (a & k) >>> 0;
        break;
      case 0x1c:
        a = (a - x) >>> 0;
        break;
      case 0x05:
        pc += k;
        break;
      case 0x15:
        pc += jump(a === k);
        break;
      case 0x25:
        pc += jump(a > k);
        break;
      case 0x35:
        pc += jump(a >= k);
        break;
      case 0x45:
        pc += jump((a & k) !== 0);
        break;
      case 0x06:
        return k;
      default:
        throw new Error(`instruction ${pc}: 0x${code.toString(16)} is not known here`);
    }
  }
  throw new Error("the program ran past its end");
}

function ancillary(packet: FilteredPacket, what: number): number {
  switch (what) {
    case 0:
      return packet.protocol;
    case 4:
      return packet.packetType ?? 0;
    case 8:
      return packet.interfaceIndex ?? 1;
    case 28:
      return packet.hardwareType ?? 1;
    case 44:
      return packet.vlanTag ?? 0;
    case 48:
      return packet.vlanTag === undefined ? 0 : 1;
    default:
      throw new Error(`ancillary ${what} is not known here`);
  }
}

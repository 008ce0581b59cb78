// A small assembler for classic BPF, the language of socket filters (Documentation/networking/filter.rst): labels instead
// of counted offsets, and every bound that the kernel would refuse, or silently cut, is an error here.
import * as K from "./packet-constants.ts";

interface Instruction {
  readonly code: number;
  readonly k: number;
  /** Labels; undefined: the next instruction. */
  readonly yes?: string | undefined;
  readonly no?: string | undefined;
}

/** What the kernel knows of a packet beside its bytes. */
export const Ancillary = {
  Protocol: K.SKF_AD_PROTOCOL,
  PacketType: K.SKF_AD_PKTTYPE,
  InterfaceIndex: K.SKF_AD_IFINDEX,
  HardwareType: K.SKF_AD_HATYPE,
  VlanTag: K.SKF_AD_VLAN_TAG,
  VlanTagPresent: K.SKF_AD_VLAN_TAG_PRESENT,
} as const;
export type Ancillary = (typeof Ancillary)[keyof typeof Ancillary];

const MAX_CONDITIONAL_JUMP = 255;

/** Each method appends one instruction and returns the assembler. A load outside the packet ends a program with 0. */
export class BpfAssembler {
  readonly #instructions: Instruction[] = [];
  readonly #labels = new Map<string, number>();

  /** A = the byte, half word or word at an offset into the packet, in network order. */
  loadByte = (at: number) => this.#add(K.BPF_LD_B_ABS, at);
  loadHalf = (at: number) => this.#add(K.BPF_LD_H_ABS, at);
  loadWord = (at: number) => this.#add(K.BPF_LD_W_ABS, at);
  /** The same at X + `at`. */
  loadByteX = (at: number) => this.#add(K.BPF_LD_B_IND, at);
  loadHalfX = (at: number) => this.#add(K.BPF_LD_H_IND, at);
  loadAncillary = (what: Ancillary) => this.#add(K.BPF_LD_W_ABS, K.SKF_AD_OFF + what);
  /** X = the length of the IPv4 header at `at`. */
  headerLengthX = (at: number) => this.#add(K.BPF_LDX_B_MSH, at);
  and = (mask: number) => this.#add(K.BPF_ALU_AND_K, mask);
  subtractX = () => this.#add(K.BPF_ALU_SUB_X, 0);
  ifEqual = (value: number, yes?: string, no?: string) => this.#add(K.BPF_JMP_JEQ_K, value, yes, no);
  ifGreater = (value: number, yes?: string, no?: string) => this.#add(K.BPF_JMP_JGT_K, value, yes, no);
  ifAtLeast = (value: number, yes?: string, no?: string) => this.#add(K.BPF_JMP_JGE_K, value, yes, no);
  /** Any of the bits. */
  ifBits = (mask: number, yes?: string, no?: string) => this.#add(K.BPF_JMP_JSET_K, mask, yes, no);
  jump = (to: string) => this.#add(K.BPF_JMP_JA, 0, to);
  /** How many bytes of the packet are taken; 0: none, and nobody hears of it. */
  take = (bytes: number) => this.#add(K.BPF_RET_K, bytes);

  /** Names the next instruction. */
  label(name: string): this {
    if (this.#labels.has(name)) throw new Error(`BPF: two labels "${name}"`);
    this.#labels.set(name, this.#instructions.length);
    return this;
  }

  #add(code: number, k: number, yes?: string, no?: string): this {
    if (!Number.isInteger(k) || k < 0 || k > 0xffffffff) throw new Error(`BPF: ${k} is no 32-bit number`);
    this.#instructions.push({ code, k, yes, no });
    return this;
  }

  /** The program as an array of struct sock_filter. */
  assemble(): Uint8Array {
    const count = this.#instructions.length;
    if (count === 0 || count > K.BPF_MAX_INSTRUCTIONS) throw new Error(`BPF: a program of ${count} instructions`);
    if (this.#instructions[count - 1]?.code !== K.BPF_RET_K) throw new Error("BPF: the last instruction is no return");
    const bytes = Buffer.alloc(count * K.SOCK_FILTER_BYTES);
    for (const [index, instruction] of this.#instructions.entries()) {
      const { code, k, yes, no } = instruction;
      const at = index * K.SOCK_FILTER_BYTES;
      const isFar = code === K.BPF_JMP_JA;
      bytes.writeUInt16LE(code, at);
      if (!isFar) {
        bytes.writeUInt8(this.#distance(index, yes), at + 2);
        bytes.writeUInt8(this.#distance(index, no), at + 3);
      }
      bytes.writeUInt32LE(isFar ? this.#target(index, yes) : k, at + 4);
    }
    return bytes;
  }

  #distance(index: number, label: string | undefined): number {
    const distance = label === undefined ? 0 : this.#target(index, label);
    // The field has eight bits: a longer way would be cut and lead elsewhere.
    if (distance > MAX_CONDITIONAL_JUMP) throw new Error(`BPF: "${label}" is ${distance} instructions away`);
    return distance;
  }

  /** Instructions to skip; classic BPF knows no way back. */
  #target(index: number, label: string | undefined): number {
    const target = this.#labels.get(label ?? "");
    if (target === undefined) throw new Error(`BPF: no label "${label}"`);
    if (target <= index || target >= this.#instructions.length) throw new Error(`BPF: "${label}" is no way forward`);
    return target - index - 1;
  }
}

// Which tools the sources of probes use: some thousand sources, the newest. In a flood of new ones only a few a second
// are taken in, so that a packet costs a look-up; a source that is in is followed to the end.

import { Bucket } from "../base/bucket.ts";
import { type HashSeed, hashSource } from "../detect/keyed-hash.ts";
import { Kind } from "../detect/kinds.ts";
import { Disposition, Evidence, type Probe } from "../detect/probe.ts";
import { layoutOf } from "../detect/tool/header-layout.ts";
import { ToolEvidence, type ToolFound } from "../detect/tool/tool-evidence.ts";
import type { Prefix } from "../wire/address.ts";
import type { Packet } from "../wire/packet.ts";

const CAPACITY = 4_096;
/** Few, so that one that is in stays for half a minute: by then a scanner that goes on has shown its tool. */
const newcomers = { burst: 2_048, perSecond: 100 };
/** Small enough that a map keeps it unboxed. */
const KEY_MASK = 0x3fff_ffff;
/** With 4,096 sources known, one in eight of the others is looked up in vain. */
const CELLS = 32_768;

interface Known {
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
  readonly bits: number;
  readonly evidence: ToolEvidence;
}

export class ToolMemory {
  readonly counters = { toolSourcesPassedOver: 0 };
  readonly #seed: HashSeed;
  readonly #capacity: number;
  readonly #newcomers: Bucket;
  /** By the hash of the key, the oldest first; of two sources with one hash the later is not followed. */
  readonly #known = new Map<number, Known>();
  /** How many of them have a key that falls into each cell: in a flood nearly every packet finds none, and is done. */
  readonly #cells = new Uint16Array(CELLS);

  constructor(seed: HashSeed, nowMs: number, capacity = CAPACITY) {
    this.#seed = seed;
    this.#capacity = capacity;
    this.#newcomers = new Bucket(newcomers, nowMs);
  }

  get size(): number {
    return this.#known.size;
  }

  /** Called for each packet; `bytes` are those that it was decoded from, `hash` is that of its source by the seed. */
  note(probe: Probe, packet: Packet, bytes: Uint8Array, hash: number = this.#hashOf(probe)): void {
    if (!mayShowTool(probe)) return;
    const { source0, source1, source2, source3, sourceBits } = probe;
    const key = hash & KEY_MASK;
    const known = this.#cells[key % CELLS] === 0 ? undefined : this.#known.get(key);
    if (known === undefined) this.#admit(key, probe)?.note(packet, layoutOf(packet, bytes));
    else if (isOf(known, source0, source1, source2, source3, sourceBits))
      known.evidence.note(packet, layoutOf(packet, bytes));
  }

  #hashOf({ source0, source1, source2, source3, sourceBits }: Probe): number {
    return hashSource(this.#seed, source0, source1, source2, source3, sourceBits);
  }

  #admit(key: number, probe: Probe): ToolEvidence | undefined {
    if (!this.#newcomers.take(probe.timeMs, 1)) {
      this.counters.toolSourcesPassedOver++;
      return undefined;
    }
    if (this.#known.size >= this.#capacity) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        this.#cells[oldest % CELLS] = (this.#cells[oldest % CELLS] ?? 0) - 1;
        break;
      }
    }
    const evidence = new ToolEvidence();
    const { source0: w0, source1: w1, source2: w2, source3: w3, sourceBits: bits } = probe;
    this.#cells[key % CELLS] = (this.#cells[key % CELLS] ?? 0) + 1;
    this.#known.set(key, { w0, w1, w2, w3, bits, evidence });
    return evidence;
  }

  /** The tool that most packets of a probe's source show. */
  toolOf({ source0, source1, source2, source3, sourceBits }: Probe): string | undefined {
    return this.#evidenceOf(source0, source1, source2, source3, sourceBits)?.tools()[0]?.tool;
  }

  /** All that are beyond chance, the one with the most packets first. */
  toolsOf({ w0, w1, w2, w3, bits }: Prefix): readonly ToolFound[] {
    return this.#evidenceOf(w0, w1, w2, w3, bits)?.tools() ?? [];
  }

  #evidenceOf(w0: number, w1: number, w2: number, w3: number, bits: number): ToolEvidence | undefined {
    const known = this.#known.get(hashSource(this.#seed, w0, w1, w2, w3, bits) & KEY_MASK);
    return known !== undefined && isOf(known, w0, w1, w2, w3, bits) ? known.evidence : undefined;
  }
}

/** Direct probes, and SYNs to tolerated ports: a source that tries nothing else may show its tool all the same. */
function mayShowTool({ disposition, evidence, kind }: Probe): boolean {
  if (disposition === Disposition.Quiet) return kind === Kind.Syn;
  const isProbe = disposition === Disposition.Probe || disposition === Disposition.Delegated;
  return isProbe && evidence === Evidence.Direct;
}

function isOf(known: Known, w0: number, w1: number, w2: number, w3: number, bits: number): boolean {
  return known.w3 === w3 && known.w1 === w1 && known.w0 === w0 && known.w2 === w2 && known.bits === bits;
}

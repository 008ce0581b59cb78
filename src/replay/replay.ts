// The detectors over a recorded capture: frames from the file, through the same decoders and scorers as on a tap.
import { randomInt } from "node:crypto";
import { readCapture } from "../capture/capture-file.ts";
import { CaptureError, type CaptureReport } from "../capture/capture-report.ts";
import { TapDetector, type TapPolicy } from "../detect/tap/tap-detector.ts";
import { tapPolicy } from "../policy/tap-policy.ts";
import { formatPrefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import { decodeFrame } from "../wire/link.ts";
import { DecodeResult, Packet } from "../wire/packet.ts";
import { explainStep } from "./explain.ts";
import { type CoordinatedReport, describeCoordinated, describeScanner, isoTime, type ScannerReport } from "./report.ts";
import { EXIT_DATA, EXIT_NO_INPUT, ReplayError, type ReplaySettings } from "./settings.ts";

export interface ReplayHooks {
  readonly progress: (readBytes: number, totalBytes: number | undefined) => void;
  /** A line of the evidence about the source that `explain` names. */
  readonly explain: (line: string) => void;
}

export interface Summary {
  readonly packets: number;
  readonly undecodable: number;
  /** Sources that began something. */
  readonly sources: number;
  readonly scanners: number;
  /** From the first packet to the last. */
  readonly seconds: number;
  readonly first?: string;
  readonly last?: string;
  /** Packets that are no probes and look like some: not counted against anybody. */
  readonly backscatter: number;
  readonly lateSegments: number;
  readonly amplification: number;
  /** SYN+ACKs that nobody asked for, by which an idle scan reads the counter of a host. */
  readonly idProbes: number;
  /** What was not remembered because a table was full. */
  readonly forgotten: TapDetector["forgotten"];
  readonly coordinated: readonly CoordinatedReport[];
  /** IPv6 prefixes of which several parts scan. */
  readonly prefixes: readonly string[];
}

export interface Replayed {
  readonly scanners: readonly ScannerReport[];
  readonly summary: Summary;
  /** What could not be read of the file, each with its offset. */
  readonly problems: readonly string[];
}

/** `file`: a path, or "-" for standard input. Throws ReplayError. */
export async function replay(file: string, settings: ReplaySettings, hooks: ReplayHooks): Promise<Replayed> {
  const seed = { k0: randomInt(2 ** 32), k1: randomInt(2 ** 32) };
  const detector = new TapDetector(policyOf(settings), seed, {
    ...(settings.explain !== undefined && {
      explain: { source: settings.explain, step: (step) => hooks.explain(explainStep(step)) },
    }),
  });
  const sink = new FrameDecoder(detector);
  const report = await openAndRead(file, sink, hooks);
  detector.end(sink.lastMs);
  return summarize(detector, sink, { report, settings });
}

function policyOf({ settings, homes, scorers, limits }: ReplaySettings): TapPolicy {
  return tapPolicy(settings, homes.length === 0 ? undefined : new AddressRanges(homes), scorers, limits);
}

/** Takes frames apart; counts those that are no IP packets of any use. */
class FrameDecoder {
  readonly #packet = new Packet();
  readonly #detector: TapDetector;
  undecodable = 0;
  firstMs = Number.POSITIVE_INFINITY;
  lastMs = Number.NEGATIVE_INFINITY;

  constructor(detector: TapDetector) {
    this.#detector = detector;
  }

  frame(bytes: Uint8Array, at: number, end: number, linkType: number, timeMs: number): void {
    if (timeMs < this.firstMs) this.firstMs = timeMs;
    if (timeMs > this.lastMs) this.lastMs = timeMs;
    const packet = this.#packet;
    const result = decodeFrame(linkType, bytes, at, end, packet);
    if (result === DecodeResult.Malformed || result === DecodeResult.Truncated) this.undecodable++;
    if (packet.family !== 0) this.#detector.see(packet, result, bytes, timeMs);
  }
}

async function openAndRead(file: string, sink: FrameDecoder, hooks: ReplayHooks): Promise<CaptureReport> {
  try {
    return await readCapture(file, sink, { onProgress: hooks.progress });
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    throw new ReplayError(error.message, error.code === "unreadable" ? EXIT_NO_INPUT : EXIT_DATA);
  }
}

interface Read {
  readonly report: CaptureReport;
  readonly settings: ReplaySettings;
}

function summarize(detector: TapDetector, sink: FrameDecoder, { report, settings }: Read): Replayed {
  const scanners = [...detector.scanners()]
    .sort((a, b) => a.firstMs - b.firstMs)
    .map((source) =>
      describeScanner(source, {
        shape: detector.shapeOf(source),
        known: settings.known.nameOf(source.source),
        coordinated: detector.coordinatedOf(source.source),
      }),
    );
  const isEmpty = sink.lastMs < sink.firstMs;
  const seen = detector.contactCounters;
  return {
    scanners,
    summary: {
      packets: report.packets,
      undecodable: sink.undecodable,
      sources: detector.sourceCount,
      scanners: scanners.length,
      seconds: isEmpty ? 0 : (sink.lastMs - sink.firstMs) / 1000,
      ...(!isEmpty && { first: isoTime(sink.firstMs), last: isoTime(sink.lastMs) }),
      backscatter: seen.backscatter,
      lateSegments: seen.late,
      amplification: seen.amplified,
      idProbes: seen.idProbe,
      forgotten: detector.forgotten,
      coordinated: detector.coordinated().map(describeCoordinated),
      prefixes: detector.widerPrefixes().map(formatPrefix),
    },
    problems: [
      ...report.problems.map(({ offset, message }) => `offset ${offset}: ${message}`),
      ...(report.furtherProblems > 0 ? [`${report.furtherProblems} further problems`] : []),
    ],
  };
}

// Decides what is done about a finding: nothing to the allow list, the guard and ourselves; a record where blocking is
// off; a soft block on unproven evidence; a full one where the admin trusts any packet (PROOF="off"). Enforcing is
// enforce/'s.
import { type Finding, isSoftAtMost, isWeak } from "../detect/finding.ts";
import { Kind } from "../detect/kinds.ts";
import { isSourceKey } from "../detect/source-key.ts";
import { isIpv4, type Prefix, parsePrefix, prefixOfWords } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { Grade, GuardReason, Verdict } from "./verdict.ts";

/** A part of the guard, and why it is in it. */
export interface GuardPart {
  readonly because: GuardReason;
  readonly ranges: AddressRanges;
}

/** Full source address of a packet. */
export type Words = readonly [number, number, number, number];

/** Replaced as a whole whenever the configuration, the guard or the host's addresses change. */
export interface JudgeContext {
  /** IGNORE_FILE. */
  readonly ignored: AddressRanges;
  /** Gateways, resolvers, sessions ... (design section 4): nothing is done to them without a proof. */
  readonly guarded: AddressRanges;
  /**
   * The guard by reason, with the addresses that are spared only commands and unproven full blocks; the first reason that
   * holds is named. Absent: no reasons are known.
   */
  readonly guardParts?: readonly GuardPart[];
  /** Whether the kernel guards an address as a peer of our own connections: a system call. Absent: no address is. */
  readonly isPeer?: (address: Prefix) => boolean;
  /**
   * Whether a source has a known pair: it has finished a real connection to a port of ours lately. A system call, made
   * only when a full block would be the verdict. Absent: no source has.
   */
  readonly isClient?: (source: Prefix) => boolean;
  /** Whether a source has finished as many handshakes as prove it (proof/handshakes.ts). Absent: one is enough. */
  readonly hasHandshakes?: (source: Prefix) => boolean;
  /** GUARD_SSH: a source with a live SSH session is not blocked even when it is proven. Absent: so it is. */
  readonly guardSsh?: boolean;
  /** This host's addresses and its subnets' broadcast addresses; what is special everywhere is added here. */
  readonly own: AddressRanges;
  /** This host's packets to itself over the loopback count as anybody's (2.x's -L). Absent: they do not. */
  readonly countsLoopback?: boolean;
  /** BLOCK_TCP, BLOCK_UDP. */
  readonly blockTcp: boolean;
  readonly blockUdp: boolean;
  /** BLOCK_*="2". Absent: not so. */
  readonly runTcp?: boolean;
  readonly runUdp?: boolean;
  readonly proof: "on" | "off";
  /** Whether anything can enforce a full block: the built-in firewall, KILL_ROUTE or KILL_HOSTS_DENY. */
  readonly firewall: boolean;
  /** Whether a soft block can be enforced, which only the built-in table knows. Absent: as `firewall` says. */
  readonly softly?: boolean;
  /** Whether the built-in table makes the full blocks, and no command of the administrator's. Absent: as `firewall` says. */
  readonly byTable?: boolean;
}

/**
 * The clause that a finding adds to its evidence when its source is not blocked in full, though that would be the
 * verdict.
 */
const CLIENT_CLAUSE = "the source has finished a real connection to a port of this host within 7 days";

export type SparedBecause = "ignored" | "own" | "guarded";

/** Never the address of another host: a packet from one of these is forged. */
const ownEverywhere: readonly string[] = [
  "0.0.0.0/8", // this network (RFC 1122 section 3.2.1.3)
  "127.0.0.0/8",
  "224.0.0.0/4", // multicast
  "255.255.255.255",
  "::/64", // unspecified, loopback, and forms that no host sends; its key would shut out ::1
  "ff00::/8", // multicast
];

export class Judge {
  #context: JudgeContext;
  #own: AddressRanges;

  constructor(context: JudgeContext) {
    this.#context = context;
    this.#own = ownRanges(context);
  }

  replaceContext(context: JudgeContext): void {
    this.#context = context;
    this.#own = ownRanges(context);
  }

  /**
   * Why nothing may be done to a packet's sender. Ask with the packet's full source address, never with its /64 key: a
   * /64 that has one ignored address in it is not ignored, or any scanner could hide beside it. So a /64 may be blocked
   * that holds ignored, guarded or own addresses, and the rules in the kernel must exempt these one by one. When
   * several reasons hold, the admin's own word comes first.
   */
  spares(w0: number, w1: number, w2: number, w3: number): SparedBecause | undefined {
    if (this.#context.ignored.contains(w0, w1, w2, w3)) return "ignored";
    if (this.#own.contains(w0, w1, w2, w3)) return "own";
    if (this.#context.guarded.contains(w0, w1, w2, w3)) return "guarded";
    return undefined;
  }

  /** For a block that a person asks for: why it should be refused. Any spared address inside it is a reason. */
  sparesWithin(block: Prefix): SparedBecause | undefined {
    if (this.#context.ignored.overlaps(block)) return "ignored";
    if (this.#own.overlaps(block)) return "own";
    const parts = this.#context.guardParts ?? [];
    if (this.#context.guarded.overlaps(block) || parts.some(({ ranges }) => ranges.overlaps(block))) return "guarded";
    return block.bits === 128 && this.#context.isPeer?.(block) === true ? "guarded" : undefined;
  }

  /** Why an address is in the guard; asks the kernel when no other reason is found. */
  guardReason([w0, w1, w2, w3]: Words): GuardReason | undefined {
    for (const { because, ranges } of this.#context.guardParts ?? []) {
      if (ranges.contains(w0, w1, w2, w3)) return because;
    }
    const address = prefixOfWords(w0, w1, w2, w3, 128);
    // This host is the peer of its own connections.
    if (this.#context.countsLoopback === true && withoutLoopback(address).length === 0) return undefined;
    return this.#context.isPeer?.(address) === true ? "peer" : undefined;
  }

  /**
   * The words: full source address of the probe that decided. `spared` is the answer of spares() for them, which the
   * caller has asked already. Without a proof a peer of this host's own connections is spared a full block and commands;
   * a soft block cuts none of its answers.
   */
  judge(finding: Finding, words: Words, spared: SparedBecause | undefined): Verdict {
    const grade = this.#gradeOf(finding);
    if (grade !== "direct") return this.#judgeProven(finding, grade, words, spared);
    // An IPv6 packet from ::ffff:192.0.2.1 reads as IPv4 by its words, yet its key is ::/64: so the key is asked too.
    const because = spared ?? (this.#own.containsPrefix(finding.source) ? "own" : undefined);
    if (because !== undefined) return { action: "spare", because, finding };
    const verdict = this.#act(finding, grade);
    const isFull = verdict.action === "block" || verdict.action === "run";
    const guard = isFull ? this.guardReason(words) : undefined;
    return guard === undefined ? verdict : { action: "spare", because: "guarded", guard, finding };
  }

  /**
   * As judge(), for a finding about many sources or about tolerated ports alone, which is at most a soft block. A network
   * may hold guarded addresses, ignored ones and our own: the rules in the kernel exempt these one by one, and no scanner
   * hides behind them. But a network that lies whole in the allow list is left alone.
   */
  judgeCrowd(finding: Finding, spared: SparedBecause | undefined): Verdict {
    const because = spared ?? this.#sparesWhole(finding.source);
    if (because !== undefined) return { action: "spare", because, finding };
    return this.#act(finding, "direct");
  }

  #sparesWhole(source: Prefix): SparedBecause | undefined {
    if (this.#context.ignored.containsPrefix(source)) return "ignored";
    if (this.#own.containsPrefix(source)) return "own";
    return this.#context.guarded.containsPrefix(source) ? "guarded" : undefined;
  }

  /**
   * As judge(), for a source that is proven; the words are those of the last packet seen from it. The guard is against
   * forgers: it spares no proven source, except the source of a live SSH session, so that no administrator is locked out.
   */
  judgeProven(finding: Finding, grade: Grade, words: Words): Verdict {
    return this.#judgeProven(finding, grade, words, this.spares(...words));
  }

  #judgeProven(finding: Finding, grade: Grade, words: Words, spared: SparedBecause | undefined): Verdict {
    const because = spared ?? (this.#own.containsPrefix(finding.source) ? "own" : undefined);
    if (because === "ignored" || because === "own") return { action: "spare", because, finding };
    const guard = this.guardReason(words);
    if (guard === undefined) {
      return because === undefined ? this.#act(finding, grade) : { action: "spare", because, finding };
    }
    if (guard === "ssh" && this.#context.guardSsh !== false) {
      return { action: "spare", because: "guarded", guard, proven: grade, finding };
    }
    const one = { ...finding, source: singleSource(finding.source, words) };
    // The rules exempt all of the guard but peers from a soft block: it would be none.
    const verdict = guard === "peer" ? this.#act(one, grade) : this.#actInFull(one, grade);
    // Commands are never run about an address that this host depends on.
    if (verdict.action === "run") return { action: "spare", because: "guarded", guard, proven: grade, finding };
    return verdict.action === "block" ? { ...verdict, guard } : verdict;
  }

  /**
   * Connections that listeners of ours have accepted are completed handshakes; a SYN or a datagram proves nothing, and on
   * a mirror port nothing does: an attacker who can forge one side there can forge both.
   */
  #gradeOf({ kind, protocol, hosts, source }: Finding): Grade {
    if (hosts !== undefined || kind !== Kind.Connect || protocol !== IpProtocol.Tcp) return "direct";
    return this.#context.hasHandshakes?.(source) === false ? "direct" : "handshake";
  }

  /**
   * A client of a service of this host is shut out of the other ports only: a page that it opens may make it look like a
   * scanner.
   */
  #act(finding: Finding, grade: Grade): Verdict {
    const verdict = this.#actInFull(finding, grade);
    if (verdict.action !== "block" && verdict.action !== "run") return verdict;
    return this.#context.isClient?.(finding.source) === true ? this.soften(verdict, CLIENT_CLAUSE) : verdict;
  }

  /**
   * The milder answer in place of a full block or a command, for a source that should not lose more than it must;
   * `clause` tells why. With PROOF="off" the administrator's own commands stay: an administrator who chose both wants
   * PortSentry's way.
   */
  soften(verdict: Verdict & { readonly action: "block" | "run" }, clause: string): Verdict {
    const { proof, firewall, softly = firewall, byTable = firewall } = this.#context;
    if (proof === "off" && (verdict.action === "run" || !byTable)) return verdict;
    // A network has no soft form, and no single client in it should save it.
    if (!isSourceKey(verdict.finding.source)) return verdict;
    const isSoft = softly && verdict.action === "block";
    const { evidence } = verdict.finding;
    const why = `not blocked ${isSoft ? "in full" : "by a command"}: ${clause}`;
    const finding = { ...verdict.finding, evidence: evidence === undefined ? why : `${evidence}; ${why}` };
    if (verdict.action !== "block" || !softly) return { action: "log", finding };
    const { grade, ends } = verdict;
    return { action: "soft", grade, finding, ...(ends !== undefined && { ends }) };
  }

  #actInFull(finding: Finding, grade: Grade): Verdict {
    const { proof, firewall, softly = firewall } = this.#context;
    if (isWeak(finding)) return { action: "log", finding };
    if (isSoftAtMost(finding)) {
      const isSoft = softly && !this.#runs(finding.protocol) && this.#blocks(finding.protocol);
      return isSoft ? { action: "soft", grade: "direct", finding } : { action: "log", finding };
    }
    const isTrusted = proof === "off" || grade !== "direct";
    if (this.#runs(finding.protocol)) return { action: isTrusted ? "run" : "log", finding };
    if (!this.#blocks(finding.protocol)) return { action: "log", finding };
    if (isTrusted) return { action: "block", grade, finding };
    // Outside commands have no soft form (design section 4).
    return softly ? { action: "soft", grade, finding } : { action: "log", finding };
  }

  /**
   * Whether judge() would block a source that it does not spare, softly or in full, on an unproven finding: for callers
   * that can do without the verdict.
   */
  blocksOnClaim(protocol: number): boolean {
    const { proof, firewall, softly = firewall } = this.#context;
    return this.#blocks(protocol) && !this.#runs(protocol) && (proof === "off" || softly);
  }

  #runs(protocol: number): boolean {
    const { runTcp = false, runUdp = false } = this.#context;
    return protocol === IpProtocol.Tcp ? runTcp : protocol === IpProtocol.Udp && runUdp;
  }

  #blocks(protocol: number): boolean {
    if (!this.#context.firewall) return false;
    if (protocol === IpProtocol.Tcp) return this.#context.blockTcp;
    return protocol === IpProtocol.Udp && this.#context.blockUdp;
  }
}

/** The rules exempt guarded addresses from the block of their /64, so a guarded one is blocked by itself. */
function singleSource(source: Prefix, [w0, w1, w2, w3]: Words): Prefix {
  return isIpv4(source) || source.bits === 128 ? source : prefixOfWords(w0, w1, w2, w3, 128);
}

function ownRanges({ own, countsLoopback }: JudgeContext): AddressRanges {
  const everywhere = ownEverywhere.map(parsePrefix).filter((prefix) => prefix !== undefined);
  const ranges = [...own.prefixes(), ...everywhere];
  return new AddressRanges(countsLoopback === true ? ranges.flatMap(withoutLoopback) : ranges);
}

const LOOPBACK4_WORD = 0x7f000000;

/** 127.0.0.0/8 and ::1: the kernel lets no packet from these come in from outside. */
function withoutLoopback(prefix: Prefix): Prefix[] {
  const { w0, w1, w2, w3, bits } = prefix;
  if (isIpv4(prefix)) return bits >= 104 && (w3 & 0xff000000) >>> 0 === LOOPBACK4_WORD ? [] : [prefix];
  if (w0 !== 0 || w1 !== 0 || bits < 64) return [prefix];
  if (bits === 128) return w2 === 0 && w3 === 1 ? [] : [prefix];
  // ::/64 without ::1: "::", and the other half at each length.
  return [
    prefixOfWords(0, 0, 0, 0, 128),
    ...Array.from({ length: 128 - bits - 1 }, (_, index) => halfBeside(127 - index)),
  ];
}

/** The block of this length that begins with the one bit before its end. */
function halfBeside(bits: number): Prefix {
  const at = 128 - bits;
  return prefixOfWords(0, 0, at >= 32 ? 2 ** (at - 32) : 0, at >= 32 ? 0 : 2 ** at, bits);
}

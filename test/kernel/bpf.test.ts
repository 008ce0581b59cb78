import assert from "node:assert/strict";
import { test } from "node:test";
import { Ancillary, BpfAssembler } from "../../src/kernel/bpf.ts";
import { runFilter } from "../support/bpf.ts";

const packet = (...bytes: number[]) => ({ bytes: Uint8Array.from(bytes), protocol: 0x0800 });

test("a program is an array of struct sock_filter", () => {
  const program = new BpfAssembler().loadHalf(12).ifEqual(0x86dd, "no").take(64).label("no").take(0).assemble();
  // tcpdump -dd's form: { 0x28, 0, 0, 12 }, { 0x15, 1, 0, 0x86dd }, { 0x6, 0, 0, 64 }, { 0x6, 0, 0, 0 }
  assert.equal(
    Buffer.from(program).toString("hex"),
    ["280000000c000000", "15000100dd860000", "0600000040000000", "0600000000000000"].join(""),
  );
});

test("loads, comparisons and jumps do what they say", () => {
  const b = new BpfAssembler().headerLengthX(0).loadByteX(0).ifAtLeast(5, undefined, "low").ifGreater(9, "high");
  const program = b.take(2).label("low").take(1).label("high").take(3).assemble();
  const at = (value: number) => runFilter(program, packet(0x41, 0, 0, 0, value));
  assert.deepEqual([at(4), at(5), at(9), at(10)], [1, 2, 2, 3]);
  assert.equal(runFilter(program, packet(0x42, 0, 0, 0, 7)), 0, "a load outside the packet ends with 0");
  const far = new BpfAssembler().loadAncillary(Ancillary.Protocol).and(0xff00).ifBits(0x0800, "yes").take(0);
  assert.equal(runFilter(far.label("yes").take(5).assemble(), packet()), 5);
});

test("what the kernel would refuse, or cut, is refused here", () => {
  const refuses = (build: (b: BpfAssembler) => BpfAssembler, pattern: RegExp) =>
    assert.throws(() => build(new BpfAssembler()).assemble(), pattern);
  refuses((b) => b, /a program of 0 instructions/);
  refuses((b) => b.loadByte(0), /no return/);
  refuses((b) => b.ifEqual(1, "nowhere").take(0), /no label "nowhere"/);
  refuses((b) => b.label("back").loadByte(0).jump("back").take(0), /no way forward/);
  refuses((b) => b.label("end").take(0).label("end"), /two labels/);
  refuses((b) => b.loadByte(-1).take(0), /no 32-bit number/);
  const long = (instructions: number, jump: (b: BpfAssembler) => BpfAssembler) => (b: BpfAssembler) => {
    jump(b);
    for (let i = 0; i < instructions; i++) b.loadByte(0);
    return b.label("end").take(7);
  };
  refuses(
    long(256, (b) => b.ifEqual(1, "end")),
    /256 instructions away/,
  );
  const fits = long(255, (b) => b.ifEqual(1, "end"))(new BpfAssembler());
  assert.equal(runFilter(fits.assemble(), packet(9)), 7);
  const far = long(1_000, (b) => b.jump("end"))(new BpfAssembler());
  assert.equal(runFilter(far.assemble(), packet()), 7);
  refuses(
    long(4_096, (b) => b.jump("end")),
    /a program of 4098 instructions/,
  );
});

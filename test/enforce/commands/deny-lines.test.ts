// The text of hosts.deny under our edits: lines once, others untouched, addresses as hosts_access(5) has them.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { denyLine, denyPattern, editLines, hasLine, type LineEdit } from "../../../src/enforce/commands/deny-lines.ts";
import { prefix } from "../../support/prefix.ts";

const of = (source: string) => ({ target: prefix(source), port: 23, modeName: "tcp" });
const add = (line: string): LineEdit => ({ kind: "add", line });
const remove = (line: string | RegExp): LineEdit => ({ kind: "remove", line });
const OURS = "ALL: 192.0.2.1 : DENY";

test("addresses are written as hosts_access(5) reads them", () => {
  const template = "ALL: $TARGET$ : DENY";
  assert.equal(denyLine(template, of("192.0.2.1")), OURS);
  assert.equal(denyLine(template, of("192.0.2.0/23")), "ALL: 192.0.2.0/255.255.254.0 : DENY");
  assert.equal(denyLine(template, of("0.0.0.0/0")), "ALL: 0.0.0.0/0.0.0.0 : DENY");
  assert.equal(denyLine(template, of("2001:db8::1")), "ALL: [2001:db8::1] : DENY");
  assert.equal(denyLine(template, of("2001:db8::/64")), "ALL: [2001:db8::]/64 : DENY");
  assert.equal(denyLine("ALL: [$TARGET$]", of("2001:db8::/64")), "ALL: [2001:db8::]/64");
  assert.equal(
    denyLine("ALL: $TARGET$: spawn (echo \\%c $PORT$ $MODE$)", of("192.0.2.1")),
    "ALL: 192.0.2.1: spawn (echo \\%c 23 tcp)",
  );
});

test("a line is added once, at the end, after completing a last line without its end", () => {
  assert.equal(editLines("", [add(OURS)]), `${OURS}\n`);
  assert.equal(editLines("# a", [add(OURS)]), `# a\n${OURS}\n`);
  assert.equal(editLines("# a\n\n", [add(OURS), add(OURS)]), `# a\n\n${OURS}\n`);
  for (const text of [`${OURS}\n`, OURS, `x\n${OURS}\ny`]) assert.equal(editLines(text, [add(OURS)]), text);
});

test("only the whole line counts", () => {
  for (const near of [
    `#${OURS}`,
    ` ${OURS}`,
    `${OURS} `,
    `${OURS}\r`,
    "ALL: 192.0.2.11 : DENY",
    `sshd: x \\\n${OURS}`,
  ]) {
    const text = `${near}\n`;
    assert.equal(editLines(text, [add(OURS)]), `${text}${OURS}\n`, JSON.stringify(near));
    assert.equal(editLines(text, [remove(OURS)]), text, JSON.stringify(near));
  }
});

test("a last line that would continue into ours is ended first", () => {
  assert.equal(editLines("ALL: a \\\n", [add(OURS)]), `ALL: a \\\n\n${OURS}\n`);
  assert.equal(editLines("ALL: a \\", [add(OURS)]), `ALL: a \\\n\n${OURS}\n`);
});

test("removing takes every copy, and nothing else", () => {
  assert.equal(editLines(`a\n${OURS}\nb\n${OURS}\n`, [remove(OURS)]), "a\nb\n");
  assert.equal(editLines(`a\n${OURS}`, [remove(OURS)]), "a");
  assert.equal(editLines(`${OURS}\n`, [remove(OURS)]), "");
  assert.equal(editLines(`${OURS}\n`, [remove(OURS), add(OURS)]), `${OURS}\n`);
  assert.equal(editLines("a\n", [add(OURS), remove(OURS)]), "a\n");
});

test("a template with $PORT$ is found again whatever the port was", () => {
  const template = "ALL: $TARGET$ : spawn (echo $PORT$ $MODE$ [a-z])";
  const pattern = denyPattern(template, of("192.0.2.1"));
  assert.ok(pattern);
  assert.ok(hasLine("x\nALL: 192.0.2.1 : spawn (echo 8080 udp [a-z])\n", pattern));
  assert.ok(!hasLine("ALL: 192.0.2.11 : spawn (echo 8080 udp [a-z])\n", pattern));
  assert.ok(!hasLine("ALL: 192a0.2.1 : spawn (echo 8080 udp b)\n", pattern));
  assert.equal(denyPattern("ALL: $TARGET$", of("192.0.2.1")), undefined);
});

test("property: adding is done once, removing undoes it, and no other line is lost or moved", () => {
  const line = fc.constantFrom("", "# c", "ALL: x", OURS, "sshd: y \\", "\u00ff\u00fe", "ALL: 192.0.2.1");
  const file = fc
    .tuple(fc.array(line, { maxLength: 8 }), fc.boolean())
    .map(([all, end]) => all.join("\n") + (end ? "\n" : ""));
  fc.assert(
    fc.property(file, (text) => {
      const once = editLines(text, [add(OURS)]);
      assert.equal(editLines(once, [add(OURS)]), once);
      assert.ok(hasLine(once, OURS));
      assert.ok(once.startsWith(text));
      const without = editLines(once, [remove(OURS)]);
      assert.ok(!hasLine(without, OURS));
      // What remains are the other lines, in order (an empty one may have been put before ours).
      const others = (all: string) => all.split("\n").filter((each) => each !== OURS && each !== "");
      assert.deepEqual(others(without), others(text));
    }),
    { numRuns: 2000 },
  );
});

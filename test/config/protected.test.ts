// PROTECT: networks behind a router, and nothing that cannot be behind one.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explainSettings } from "../../src/config/explain.ts";
import { load, settingsOf } from "./support.ts";

describe("what cannot be guarded is an error at its line", () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    [
      'PROTECT="0.0.0.0/0"',
      /0\.0\.0\.0\/0 is wider than an IPv4 \/8 .* write the networks of the hosts behind this one/,
    ],
    ['PROTECT="::/0"', /::\/0 is wider than/],
    ['PROTECT="192.0.2.0/24,127.0.0.1"', /no router forwards to 127\.0\.0\.1, a part of 127\.0\.0\.0\/8/],
    ['PROTECT="fe80::/64"', /no router forwards to fe80::\/64/],
    ['PROTECT="hosts"', /"hosts" is none; write .*"192\.0\.2\.0\/24,2001:db8::\/32"/],
    ['PROTECT="192.0.2.0/24"\nCAPTURE="ring"', /PROTECT needs rules .* write CAPTURE="auto"/],
  ];
  for (const [text, expected] of bad) {
    test(text.replace("\n", " "), () => {
      const { settings, problems } = load(`${text}\n`);
      assert.equal(settings, undefined);
      const errors = problems.filter(({ severity }) => severity === "error");
      assert.deepEqual([errors.length, errors[0]?.line], [1, 1]);
      assert.match(errors[0]?.message ?? "", expected);
    });
  }
});

test("`check` names the networks, and says nothing of them where this host alone is guarded", () => {
  const said = (text: string) =>
    explainSettings(settingsOf(load(text))).filter((line) => line.includes("behind this one"));
  assert.deepEqual(said('PROTECT="192.0.2.0/24,2001:db8::/32"\n'), [
    "Ports of the hosts in 192.0.2.0/24, 2001:db8::/32, behind this one, are watched as well: a contact that such a host refuses is a probe.",
  ]);
  for (const text of ['PROTECT="host"\n', 'PROTECT=""\n', ""]) assert.deepEqual(said(text), [], text);
});

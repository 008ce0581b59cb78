import assert from "node:assert/strict";
import { test } from "node:test";
import { suggestPublicPorts } from "../../src/config/served-suggestion.ts";
import type { Settings } from "../../src/config/settings.ts";
import { load, settingsOf } from "./support.ts";

const ephemeral = { first: 32_768, last: 60_999 };
const suggest = (settings: Settings, tcp: readonly number[], udp: readonly number[]) =>
  suggestPublicPorts(settings, { tcp, udp }, ephemeral);
const blocking = settingsOf(load('IGNORE_FILE="/etc/portsentry/portsentry.ignore"\nBLOCK_TCP="1"\nBLOCK_UDP="1"'));

test("ports that are served and not public are named with the key to change, once each, in order", () => {
  const text = suggest(blocking, [8443, 22, 443, 22], [123, 53, 40_000]);
  assert.match(
    text,
    /^These ports are served here and are not public: 22,8443 \(PUBLIC_PORTS_TCP\); 123 \(PUBLIC_PORTS_UDP\)\./,
  );
});

test("nothing is suggested where all that is served is public, or where nothing is ever cut", () => {
  assert.equal(suggest(blocking, [25, 80, 443], [53]), "");
  const quiet = { ...blocking, tcp: { ...blocking.tcp, block: false }, udp: { ...blocking.udp, block: false } };
  assert.equal(suggest(quiet, [22], []), "");
  assert.equal(suggest({ ...blocking, firewall: "none" }, [22], []), "");
});

test("a host that serves very many ports is told the first", () => {
  const many = Array.from({ length: 500 }, (_, index) => 1000 + 2 * index);
  assert.equal(suggest(blocking, many, []).match(/1\d{3}/g)?.length, 24);
});

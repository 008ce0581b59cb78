// Which ends of connections are contacts with a silent host behind this one, and what becomes of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTroubles } from "../../src/base/troubles.ts";
import type { Settings } from "../../src/config/settings.ts";
import type { Finding } from "../../src/detect/finding.ts";
import type { Flow } from "../../src/kernel/conntrack.ts";
import { KernelError } from "../../src/kernel/errors.ts";
import { SilentWatch } from "../../src/sense/silent-watch.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { load, settingsOf } from "../config/support.ts";
import { prefix } from "../support/prefix.ts";

const PROTECT = 'PROTECT="198.51.100.0/24,2001:db8:1::/48"\nTOLERATED_PORTS_TCP="8080"\nPUBLIC_PORTS_TCP="80"\n';

function setUp(text = PROTECT) {
  let settings: Settings = settingsOf(load(text));
  let queued: Flow[] = [];
  let opened = 0;
  let closed = 0;
  let error: Error | undefined;
  const found: { finding: Finding; words: readonly number[] }[] = [];
  const troubles = createTroubles();
  const watch = new SilentWatch({
    settings: () => settings,
    near: () => new AddressRanges([]),
    nowMs: () => 1_000,
    isClient: (source) => formatPrefix(source) === "192.0.2.99",
    found: (finding, words) => found.push({ finding, words }),
    troubles,
    open: () => {
      if (error !== undefined) throw error;
      opened++;
      return {
        overruns: 3,
        close: () => closed++,
        read: (limit, visit) => {
          const now = queued.slice(0, limit);
          queued = queued.slice(limit);
          for (const flow of now) visit(flow);
        },
      };
    },
  });
  const ask = (source: string, destination: string, port: number, protocol = 6) =>
    queued.push({
      ...{ source: prefix(source), destination: prefix(destination), protocol, answered: false },
      ...{ sourcePort: 40_000, destinationPort: port },
    });
  return {
    ...{ watch, found, troubles, ask },
    become: (next: string) => {
      settings = settingsOf(load(next));
    },
    refuse: (with_: Error | undefined) => {
      error = with_;
    },
    state: () => ({ opened, closed, waiting: queued.length }),
  };
}

test("four contacts that a protected host leaves unanswered are found; an IPv6 source by its /64", () => {
  const { watch, found, ask } = setUp();
  for (const port of [21, 22, 23, 24]) ask("192.0.2.1", "198.51.100.7", port);
  for (const port of [21, 22, 23, 24]) ask(`2001:db8:b::${port}`, "2001:db8:1::7", port);
  watch.tick();
  assert.deepEqual(
    found.map(({ finding }) => [formatPrefix(finding.source), finding.hosts, finding.port]),
    [
      ["192.0.2.1", 1, 24],
      ["2001:db8:b::/64", 1, 24],
    ],
  );
  assert.deepEqual(found[1]?.finding.address, prefix("2001:db8:b::24"));
});

test("datagrams, others' hosts, what protected hosts ask, customers, public, tolerated and unwatched ports are no contacts", () => {
  const { watch, found, ask } = setUp(`${PROTECT}ADVANCED_EXCLUDE_TCP="9000-9010"\n`);
  for (let port = 1000; port < 1010; port++) {
    ask("192.0.2.1", "198.51.100.7", port, 17);
    ask("192.0.2.1", "203.0.113.7", port);
    ask("198.51.100.8", "198.51.100.7", port);
    ask("198.51.100.8", "203.0.113.7", port);
    ask("192.0.2.99", "198.51.100.7", port);
    ask("192.0.2.1", "198.51.100.7", port + 8000);
    ask("192.0.2.1", `198.51.100.${port - 900}`, 80);
    ask("192.0.2.1", `198.51.100.${port - 900}`, 8080);
  }
  watch.tick();
  assert.deepEqual([found, watch.counters.silentContacts], [[], 0]);
});

test("ends are listened to while PROTECT names networks, and a bounded number is looked at in a second", () => {
  const { watch, ask, become, state } = setUp("");
  watch.tick();
  assert.equal(state().opened, 0);
  become(PROTECT);
  for (let count = 0; count < 2_500; count++) ask("192.0.2.1", "203.0.113.7", 21);
  watch.tick();
  assert.deepEqual(state(), { opened: 1, closed: 0, waiting: 500 });
  watch.tick();
  become('PROTECT="host"\n');
  watch.tick();
  assert.deepEqual(state(), { opened: 1, closed: 1, waiting: 0 });
  assert.equal(watch.counters.silentOverruns, 3);
});

test("where the kernel does not tell of ends, status says so until it does", () => {
  const { watch, troubles, become, refuse } = setUp();
  refuse(new KernelError("netlink", "EPERM"));
  watch.tick();
  assert.match(troubles.current()[0] ?? "", /^PROTECT: contacts that protected hosts leave unanswered are not seen: /);
  refuse(undefined);
  become(`${PROTECT}BLOCK_TCP="1"\n`);
  watch.tick();
  assert.deepEqual(troubles.current(), []);
});

// Innocents of public captures that fail much, each kind made anew, and beside each a scan that looks the same from outside:
// what excuses the one must not excuse the other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TcpFlag } from "../../../src/wire/packet.ts";
import { buildTcp, buildUdp } from "../../support/build-packet.ts";
import { ends } from "./contact-watch.ts";
import { KERNEL, STAMPED, series, Tape } from "./tape.ts";

const { Syn, Ack, Rst, Fin } = TcpFlag;
const PHONE = "10.1.1.5";
const SCANNER = "198.51.100.7";
const servers = series(7, (number) => `203.0.113.${number}`);

/** A SYN that a kernel sends, and again a second and three seconds later. */
function askInVain(tape: Tape, from: string, to: string): Tape {
  const once = () => tape.tcp(from, to, Syn, { ...KERNEL, sequence: to.length * 7_919 });
  once().wait(1_000);
  once().wait(2_000);
  return once();
}

function phone(tape: Tape, source = PHONE, port = (at: number): number => (at % 2 === 0 ? 443 : 5_228)): Tape {
  for (const [at, server] of servers.entries()) askInVain(tape, `${source} ${40_000 + at}`, `${server} ${port(at)}`);
  return tape.wait(5_000);
}

test("a phone without an uplink: nobody out there answers it, others are answered", () => {
  assert.deepEqual(phone(new Tape().bothSides()).end(), []);
});

test("the same is a scan where the uplink is alive, from outside, for what worms look for, or with a scanner's SYNs", () => {
  const alive = new Tape().accepted(`${PHONE} 39999`, "203.0.113.99 443");
  assert.deepEqual(phone(alive).end(), [`${PHONE} sequential`]);
  assert.deepEqual(phone(new Tape().bothSides(), SCANNER).end(), [`${SCANNER} sequential`]);
  assert.deepEqual(phone(new Tape().bothSides(), PHONE, () => 445).end(), [`${PHONE} sequential+sweep`]);
  const raw = new Tape().bothSides();
  for (const server of servers) raw.tcp(`${PHONE} 40000`, `${server} 443`, Syn);
  assert.deepEqual(raw.end(), [`${PHONE} sequential+sweep`]);
});

test("without an uplink, too many hosts or services are a scan all the same", () => {
  const wide = new Tape().bothSides();
  for (const host of series(32, (number) => `203.0.113.${number}`))
    wide.tcp(`${PHONE} 40000`, `${host} 443`, Syn, KERNEL);
  assert.deepEqual(wide.wait(5_000).end(), [`${PHONE} breadth`]);
  const deep = new Tape().bothSides();
  for (const port of series(12, String, 2_000)) deep.tcp(`${PHONE} 40000`, `203.0.113.1 ${port}`, Syn, KERNEL);
  assert.deepEqual(deep.wait(5_000).end(), [`${PHONE} breadth`]);
});

test("a laptop that looks for a network that it is not in: the addresses of another private block do not answer", () => {
  const laptop = new Tape().bothSides().accepted("172.16.0.5 39999", "203.0.113.1 443");
  for (const port of [5_000, 8_080, 9_090, 631]) askInVain(laptop, "172.16.0.5 40000", `10.2.3.4 ${port}`);
  assert.deepEqual(laptop.wait(5_000).end(), []);
  const inside = new Tape().bothSides();
  for (const port of [5_000, 8_080, 9_090, 631]) askInVain(inside, "10.1.1.5 40000", `10.2.3.4 ${port}`);
  assert.deepEqual(inside.wait(5_000).end(), ["10.1.1.5 score+sequential"]);
});

test("peers of a program that shares files have gone, by TCP and UDP; the same from outside, or for another port, is a sweep", () => {
  const peers = (port: number, source: string) => {
    const tape = new Tape().accepted(`${source} 39999`, `203.0.113.99 ${port}`);
    for (const [at, peer] of series(40, (number) => `203.0.113.${number}`).entries()) {
      if (at % 3 === 0) tape.refused(`${source} 40000`, `${peer} ${port}`, KERNEL);
      else tape.tcp(`${source} 40000`, `${peer} ${port}`, Syn, KERNEL);
    }
    return tape.wait(5_000).end();
  };
  assert.deepEqual(peers(6_346, PHONE), []);
  assert.deepEqual(peers(6_346, SCANNER), [`${SCANNER} sequential+sweep`]);
  assert.deepEqual(peers(6_379, PHONE), [`${PHONE} sequential+sweep`]);
  const datagrams = new Tape().bothSides();
  for (const peer of series(40, (number) => `203.0.113.${number}`)) datagrams.udp(`${PHONE} 17788`, `${peer} 17788`);
  assert.deepEqual(datagrams.wait(5_000).end(), []);
});

const neighbours = (count: number) => series(count, (number) => `192.0.2.${number}`);
/** Another host of the link asks as well, and gets its answer, so that silence on the link means something. */
function askLink(tape: Tape, source: string, count: number, by: number): Tape {
  for (const host of neighbours(count)) tape.arp(source, host, { by });
  return tape.wait(5_000);
}

test("a router asks the link for all whom others want to reach: it sends for others, or has the address that routers have", () => {
  const forwarding = new Tape();
  for (const client of ["203.0.113.1", "203.0.113.2", "203.0.113.3"]) {
    forwarding.tcp(`${client} 40000`, "192.0.2.9 80", Ack, STAMPED, { by: 7 });
  }
  assert.deepEqual(askLink(forwarding, "192.0.2.200", 200, 7).end(), []);
  assert.deepEqual(askLink(new Tape(), "192.0.2.1", 200, 7).end(), []);
  assert.deepEqual(askLink(new Tape(), "192.0.2.254", 200, 7).end(), []);
});

test("any other host that asks for so many scans the link, and a router that asks for more than there are, or for ports", () => {
  assert.deepEqual(askLink(new Tape(), "192.0.2.77", 50, 7).end(), []);
  assert.deepEqual(askLink(new Tape(), "192.0.2.77", 80, 7).end(), ["192.0.2.77 breadth"]);
  const many = new Tape();
  for (const net of [0, 1, 2]) {
    for (const host of series(250, (number) => `198.51.${net}.${number}`)) many.arp("198.51.0.1", host, { by: 7 });
  }
  assert.deepEqual(many.wait(5_000).end(), ["198.51.0.1 breadth"]);
  const ports = new Tape();
  for (const host of neighbours(6)) ports.refused("192.0.2.254 40000", `${host} 23`);
  assert.deepEqual(ports.end(), ["192.0.2.254 sequential+sweep"]);
});

const UNREACHABLE = 3;
const TIME_EXCEEDED = 11;

/** Datagrams to traceroute's ports; the first are exceeded on the way, the host itself refuses the others. */
function traceroute(tape: Tape, hopsOf: (at: number) => number): Tape {
  for (let at = 0; at < 30; at++) {
    const probe = buildUdp({ ...ends(`${PHONE} ${50_000 + at}`, `203.0.113.9 ${33_434 + at}`), ttl: hopsOf(at) });
    tape.ip(probe);
    if (at < 15) tape.error("198.51.100.1", PHONE, probe, TIME_EXCEEDED, 0);
    else tape.error("203.0.113.9", PHONE, probe, UNREACHABLE, 3, 55);
  }
  return tape.wait(5_000);
}

test("traceroute: a port a probe, with few hops to live; with many hops they are a scan of these ports", () => {
  assert.deepEqual(traceroute(new Tape(), (at) => 1 + Math.floor(at / 3)).end(), []);
  assert.deepEqual(traceroute(new Tape(), () => 64).end(), [`${PHONE} sequential`]);
});

test("low hops excuse no other port, and not the search for hosts", () => {
  const ports = new Tape();
  for (const port of series(6, String, 161)) {
    const probe = buildUdp({ ...ends(`${PHONE} 50000`, `203.0.113.9 ${port}`), ttl: 5 });
    ports.ip(probe).error("203.0.113.9", PHONE, probe, UNREACHABLE, 3, 55);
  }
  assert.deepEqual(ports.end(), [`${PHONE} score+sequential`]);
  const hosts = new Tape().bothSides();
  for (const host of series(32, (number) => `203.0.113.${number}`))
    hosts.udp(`${PHONE} 50000`, `${host} 33434`, { ttl: 20 });
  assert.deepEqual(hosts.wait(5_000).end(), [`${PHONE} breadth`]);
});

test("tracert asks every hop for its name; without a hop's word the same questions are a sweep", () => {
  const names = (hasHops: boolean) => {
    const tape = new Tape().bothSides();
    for (const [at, hop] of series(8, (number) => `198.51.100.${number}`).entries()) {
      const ping = buildUdp({ ...ends(`${PHONE} 50000`, "203.0.113.9 53"), ttl: at + 1 });
      tape.ip(ping);
      if (hasHops) tape.error(hop, PHONE, ping, TIME_EXCEEDED, 0);
      tape.udp(`${PHONE} 137`, `${hop} 137`).wait(1_500);
      tape.udp(`${PHONE} 137`, `${hop} 137`).wait(1_500);
    }
    return tape.wait(5_000).end();
  };
  assert.deepEqual(names(true), []);
  assert.deepEqual(names(false), [`${PHONE} sweep`]);
});

test("segments of connections from before the capture: they bear time stamps, or end a web connection as kernels do", () => {
  const stamped = new Tape().bothSides();
  for (const [at, server] of servers.entries())
    stamped.tcp(`${PHONE} ${50_000 + at}`, `${server} ${8_000 + at}`, Ack, STAMPED);
  for (const [at, server] of servers.entries())
    stamped.tcp(`${PHONE} ${51_000 + at}`, `${server} 993`, Fin | Ack, STAMPED);
  assert.deepEqual(stamped.wait(5_000).end(), []);
  const web = new Tape().bothSides();
  for (const server of servers) web.tcp(`${PHONE} 50000`, `${server} 80`, Fin | Ack, { window: 65_535 });
  assert.deepEqual(web.wait(5_000).end(), []);
});

test("scanners' lone segments have no time stamps: ACK and Maimon scans are found, those of web servers too", () => {
  const maimon = new Tape().bothSides();
  for (const server of servers) maimon.tcp(`${SCANNER} 50000`, `${server} 80`, Fin | Ack);
  assert.deepEqual(maimon.wait(5_000).end(), [`${SCANNER} sequential+sweep`]);
  const acks = new Tape().bothSides();
  for (const server of servers) acks.tcp(`${SCANNER} 50000`, `${server} 443`, Ack, { window: 65_535 });
  assert.deepEqual(acks.wait(5_000).end(), [`${SCANNER} sequential+sweep`]);
});

test("a scan that forges time stamps is found by the number of its refusals; a stamp of one side is none of a connection", () => {
  const run = (count: number, stamp: readonly number[]) => {
    const tape = new Tape().bothSides();
    for (const port of series(count, String, 2_000)) {
      tape.tcp(`${SCANNER} 50000`, `192.0.2.1 ${port}`, Ack, { tcpOptions: [1, 1, 8, 10, 0, 0, 0, 1, ...stamp] });
      tape.tcp(`192.0.2.1 ${port}`, `${SCANNER} 50000`, Rst);
    }
    return tape.wait(5_000).end();
  };
  assert.deepEqual(run(15, [0, 0, 0, 2]), []);
  assert.deepEqual(run(16, [0, 0, 0, 2]), [`${SCANNER} breadth`]);
  assert.deepEqual(run(6, [0, 0, 0, 0]), [`${SCANNER} sequential`]);
});

test("an IPv6 address without a route: the asker's own router says so of each server", () => {
  const NO_ROUTE = 0;
  const REJECT = 6;
  const run = (router: string, code: number) => {
    const tape = new Tape().bothSides();
    for (const [at, server] of series(8, (number) => `2001:db8:3::${number}`).entries()) {
      const syn = buildTcp({ ...ends(`2001:db8:1::5 ${40_000 + at}`, `${server} 443`), ...KERNEL });
      tape.ip(syn).error(router, "2001:db8:1::5", syn, 1, code);
    }
    return tape.wait(5_000).end();
  };
  assert.deepEqual(run("fe80::2", REJECT), []);
  assert.deepEqual(run("fe80::2", NO_ROUTE), []);
  // From a router that may be far, and of a port: knowledge of the target.
  assert.deepEqual(run("2001:db8:3::ff", REJECT), ["2001:db8:1::/64 sequential+sweep"]);
  assert.deepEqual(run("fe80::2", 4), ["2001:db8:1::/64 sequential+sweep"]);
});

test("no way, by IPv4: only the neighbour's word to one who sends for itself alone", () => {
  const NETWORK = 0;
  const FORBIDDEN = 13;
  const HOST = 1;
  const run = (code: number, { ttl = 64, errorTtl = 64, by = "192.0.2.254", isForwarder = false } = {}) => {
    const tape = new Tape().bothSides();
    if (isForwarder)
      for (const host of ["10.9.9.1", "10.9.9.2", "10.9.9.3"])
        tape.tcp(`${host} 40000`, "203.0.113.1 80", Ack, STAMPED);
    for (const server of servers) {
      const syn = buildTcp({ ...ends(`192.0.2.5 40000`, `${server} 443`), ...KERNEL, ttl });
      tape.ip(syn).error(by, "192.0.2.5", syn, UNREACHABLE, code, errorTtl);
    }
    return tape.wait(5_000).end();
  };
  assert.deepEqual(run(NETWORK), []);
  assert.deepEqual(run(FORBIDDEN, { ttl: 127, errorTtl: 255 }), []);
  const found = ["192.0.2.5 sequential+sweep"];
  assert.deepEqual(run(HOST), found);
  assert.deepEqual(run(FORBIDDEN, { errorTtl: 57 }), found);
  assert.deepEqual(run(FORBIDDEN, { ttl: 50 }), found);
  assert.deepEqual(run(FORBIDDEN, { isForwarder: true }), found);
});

test("QUIC that a firewall drops, beside TCP that is accepted; without it the datagrams are a sweep", () => {
  const run = (tcpPort: number) => {
    const tape = new Tape();
    for (const server of servers) {
      tape.udp(`192.0.2.5 50000`, `${server} 443`);
      tape.accepted(`192.0.2.5 50001`, `${server} ${tcpPort}`);
    }
    return tape.wait(5_000).end();
  };
  assert.deepEqual(run(443), []);
  assert.deepEqual(run(80), ["192.0.2.5 sweep"]);
});

test("time servers behind a firewall that drops NTP; where one has answered, or from outside, it is a sweep", () => {
  const run = (source: string, answers: number) => {
    const tape = new Tape().accepted(`${source} 39999`, "203.0.113.99 443");
    for (const [at, server] of series(16, (number) => `203.0.113.${number}`).entries()) {
      tape.udp(`${source} 123`, `${server} 123`);
      if (at < answers) tape.udp(`${server} 123`, `${source} 123`);
    }
    return tape.wait(5_000).end();
  };
  assert.deepEqual(run(PHONE, 0), []);
  assert.deepEqual(run(PHONE, 1), [`${PHONE} sweep`]);
  assert.deepEqual(run(SCANNER, 0), [`${SCANNER} sweep`]);
});

test("presence of SIP asks for buddies who are off; who asks for options is a scanner", () => {
  const run = (method: string) => {
    const tape = new Tape().bothSides();
    const payload = Buffer.from(`${method} sip:buddy@example.org SIP/2.0\r\n`);
    for (const buddy of series(11, (number) => `192.0.2.${number}`))
      tape.udp("192.0.2.200 5060", `${buddy} 5060`, { payload });
    return tape.wait(5_000).end();
  };
  assert.deepEqual(run("SUBSCRIBE"), []);
  assert.deepEqual(run("OPTIONS"), ["192.0.2.200 sweep"]);
});

test("what is sent to all on the link is no question to a host, whatever its IP address; many ports are a scan even so", () => {
  const names = (to: number) => {
    const tape = new Tape().bothSides();
    for (const net of series(6, (number) => `10.1.${number}.255`)) tape.udp(`${PHONE} 137`, `${net} 137`, {}, { to });
    return tape.wait(5_000).end();
  };
  assert.deepEqual(names(0xff), []);
  assert.deepEqual(names(9), [`${PHONE} sweep`]);
  const both = new Tape().bothSides();
  for (const host of series(6, (number) => `10.1.1.${number}`)) {
    both.udp(`${PHONE} 137`, `${host} 137`, {}, { to: 0xff }).udp(`${PHONE} 137`, `${host} 137`);
  }
  assert.deepEqual(both.wait(5_000).end(), [`${PHONE} sweep`]);
  const ports = new Tape().bothSides();
  for (const port of series(16, String, 100)) ports.udp(`${PHONE} 40000`, `10.1.1.9 ${port}`, {}, { to: 0xff });
  assert.deepEqual(ports.wait(5_000).end(), [`${PHONE} breadth`]);
});

test("a tap of one direction: many servers within a day are a client's, within an hour a scanner's", () => {
  const run = (gapMs: number) => {
    const tape = new Tape();
    for (const server of series(43, (number) => `203.0.113.${number}`))
      tape.wait(gapMs).udp("192.0.2.5 50000", `${server} 443`);
    return tape.wait(120_000).end();
  };
  assert.deepEqual(run(1_800_000), []);
  assert.deepEqual(run(60_000), ["192.0.2.5 breadth"]);
});

test("TFTP answers from a port of its own, to the very port that asked; to any other port it is a scan", () => {
  const run = (portOf: (asked: number) => number) => {
    const tape = new Tape().bothSides();
    for (const at of [0, 1, 2, 3, 4, 5]) {
      const asker = 40_000 + at;
      tape.udp(`192.0.2.5 ${asker}`, "203.0.113.1 69");
      const answer = buildUdp({
        ...ends(`203.0.113.1 ${50_000 + at}`, `192.0.2.5 ${portOf(asker)}`),
        payload: Uint8Array.of(0, 5),
      });
      tape.ip(answer).error("192.0.2.5", "203.0.113.1", answer, UNREACHABLE, 3);
    }
    return tape.wait(5_000).end();
  };
  assert.deepEqual(
    run((asked) => asked),
    [],
  );
  assert.deepEqual(
    run((asked) => asked + 100),
    ["203.0.113.1 sequential"],
  );
});

test("a capture of SYNs alone lacks the third packets of handshakes; where the asker breaks off, it scans half open", () => {
  const run = (breaksOff: boolean, more = KERNEL as { tcpOptions?: readonly number[] }) => {
    const tape = new Tape();
    for (const server of servers) {
      tape
        .tcp("192.0.2.5 50000", `${server} 443`, Syn, more)
        .tcp(`${server} 443`, "192.0.2.5 50000", Syn | Ack, KERNEL);
      if (breaksOff) tape.tcp("192.0.2.5 50000", `${server} 443`, Rst);
    }
    return tape.wait(5_000).end();
  };
  assert.deepEqual(run(false), []);
  assert.deepEqual(run(true), ["192.0.2.5 sweep"]);
  assert.deepEqual(run(false, {}), ["192.0.2.5 sweep"]);
});

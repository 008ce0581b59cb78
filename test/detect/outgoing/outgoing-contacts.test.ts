import assert from "node:assert/strict";
import { test } from "node:test";
import { OutgoingContacts } from "../../../src/detect/outgoing/outgoing-contacts.ts";
import { Outcome } from "../../../src/detect/tap/contact.ts";
import { formatPrefix } from "../../../src/wire/address.ts";
import { IpProtocol, Packet, TcpFlag } from "../../../src/wire/packet.ts";
import { prefix } from "../../support/prefix.ts";

function packetOf(from: string, to: string, fields: Partial<Packet>): Packet {
  const [source, destination] = [prefix(from), prefix(to)];
  return Object.assign(new Packet(), {
    ...{ family: from.includes(":") ? 6 : 4, protocol: IpProtocol.Tcp },
    ...{ source0: source.w0, source1: source.w1, source2: source.w2, source3: source.w3 },
    ...{ destination0: destination.w0, destination1: destination.w1 },
    ...{ destination2: destination.w2, destination3: destination.w3 },
    ...fields,
  });
}

const OWN = "192.0.2.1";
const syn = (to: string, port: number, from = OWN) =>
  packetOf(from, to, { destinationPort: port, sourcePort: 40_000, tcpFlags: TcpFlag.Syn });
const answer = (from: string, port: number, tcpFlags: number, to = OWN) =>
  packetOf(from, to, { sourcePort: port, destinationPort: 40_000, tcpFlags });

test("a SYN+ACK accepts, an RST refuses, and each is decided once", () => {
  const contacts = new OutgoingContacts();
  contacts.asked(syn("203.0.113.1", 80), 33, 0);
  contacts.asked(syn("203.0.113.2", 81), 33, 0);
  const accepted = contacts.answered(answer("203.0.113.1", 80, TcpFlag.Syn | TcpFlag.Ack), 10);
  assert.equal(accepted?.outcome, Outcome.Accepted);
  assert.equal(accepted.contact.uid, 33);
  assert.equal(contacts.answered(answer("203.0.113.2", 81, TcpFlag.Rst | TcpFlag.Ack), 10)?.outcome, Outcome.Refused);
  assert.equal(contacts.answered(answer("203.0.113.2", 81, TcpFlag.Rst | TcpFlag.Ack), 20), undefined);
  assert.equal(contacts.answered(answer("203.0.113.3", 80, TcpFlag.Rst | TcpFlag.Ack), 20), undefined, "never asked");
  assert.deepEqual([...contacts.tick(9_000, 0), ...contacts.tick(10_000, 0)], []);
});

test("silence is decided at the look after the one that finds the wait over", () => {
  const contacts = new OutgoingContacts();
  contacts.asked(syn("203.0.113.1", 80), 0, 0);
  contacts.asked(syn("203.0.113.2", 80), 0, 0);
  contacts.answered(answer("203.0.113.2", 80, TcpFlag.Syn | TcpFlag.Ack), 20);
  assert.deepEqual(contacts.tick(3_000, 0), []);
  assert.deepEqual(contacts.tick(4_000, 0), []);
  const decided = contacts.tick(5_000, 0);
  assert.deepEqual(
    decided.map(({ contact, outcome }) => [formatPrefix(contact.remote), outcome]),
    [["203.0.113.1", Outcome.Unanswered]],
  );
});

test("silence of everything is an uplink that is gone, but for ports that worms ask; a family is heard by itself", () => {
  const contacts = new OutgoingContacts();
  contacts.answered(answer("203.0.113.9", 443, TcpFlag.Syn | TcpFlag.Ack), 10);
  contacts.asked(syn("2001:db8::1", 443, "2001:db8:1::1"), 0, 5);
  contacts.asked(syn("203.0.113.1", 443), 0, 20);
  contacts.asked(syn("203.0.113.2", 25), 0, 20);
  contacts.asked(syn("203.0.113.3", 23), 0, 20);
  contacts.tick(6_000, 0);
  assert.deepEqual(
    contacts.tick(7_000, 0).map(({ contact }) => contact.port),
    [23],
  );
  assert.equal(contacts.counters.outgoingSilencesUnheard, 3);
});

test("where packets were lost, silence says nothing", () => {
  const contacts = new OutgoingContacts();
  contacts.asked(syn("203.0.113.1", 23), 0, 0);
  contacts.tick(6_000, 0);
  assert.deepEqual(contacts.tick(7_000, 3), []);
});

test("a datagram that a host refuses counts, but for the ports of traceroute and of peers", () => {
  const contacts = new OutgoingContacts();
  const quoted = (port: number) =>
    packetOf(OWN, "203.0.113.1", { protocol: IpProtocol.Udp, destinationPort: port, sourcePort: 5 });
  assert.equal(contacts.refused(quoted(161), 0)?.outcome, Outcome.Refused);
  assert.equal(contacts.refused(quoted(33_434), 0), undefined);
});

test("of more contacts than fit further ones are counted", () => {
  const contacts = new OutgoingContacts();
  for (let port = 1; port <= 2_050; port++) contacts.asked(syn("203.0.113.1", port), 0, 0);
  assert.equal(contacts.counters.outgoingContactsDropped, 2);
});

// Known forms of KILL_ROUTE: their inverse, read-back and IPv6 form, as text. That they work is test/lab/responses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { blockCommand, printArgv, recognizeCommand } from "../../src/command/known-commands.ts";
import { listedSources } from "../../src/command/known-forms.ts";
import { parseTemplate } from "../../src/command/template.ts";
import { prefix } from "../support/prefix.ts";

/** block, unblock, read-back for a source, as one would type them; or why not. */
function formsOf(template: string, source: string): readonly string[] | string {
  const parsed = parseTemplate(template);
  const known = recognizeCommand(parsed);
  assert.ok(known, `not recognized: ${template}`);
  const values = { target: prefix(source), port: 23, modeName: "tcp" };
  const forms = known.forms(values);
  if (typeof forms === "string") return forms;
  const block = blockCommand(parsed, known, values);
  assert.ok(typeof block !== "string");
  return [block.text, printArgv(forms.unblock), ...(forms.readBack === undefined ? [] : [printArgv(forms.readBack)])];
}

const cases: readonly (readonly [template: string, source: string, forms: readonly string[] | string])[] = [
  [
    "/sbin/iptables -I INPUT -s $TARGET$ -j DROP",
    "192.0.2.1",
    [
      "/sbin/iptables -I INPUT -s 192.0.2.1 -j DROP",
      "/sbin/iptables -D INPUT -s 192.0.2.1 -j DROP",
      "/sbin/iptables -C INPUT -s 192.0.2.1 -j DROP",
    ],
  ],
  [
    "/sbin/iptables -I INPUT -s $TARGET$ -j DROP",
    "2001:db8::1",
    [
      "/sbin/ip6tables -I INPUT -s 2001:db8::1 -j DROP",
      "/sbin/ip6tables -D INPUT -s 2001:db8::1 -j DROP",
      "/sbin/ip6tables -C INPUT -s 2001:db8::1 -j DROP",
    ],
  ],
  [
    "iptables-legacy -w 3 -t raw --source $TARGET$/32 --jump DROP --insert PREROUTING 2 -p tcp",
    "2001:db8::/64",
    [
      "ip6tables-legacy -w 3 -t raw --source 2001:db8::/64 --jump DROP -I PREROUTING 2 -p tcp".replace(
        "-I",
        "--insert",
      ),
      "ip6tables-legacy -w 3 -t raw --source 2001:db8::/64 --jump DROP -D PREROUTING -p tcp",
      "ip6tables-legacy -w 3 -t raw --source 2001:db8::/64 --jump DROP -C PREROUTING -p tcp",
    ],
  ],
  [
    "iptables -A INPUT -s $TARGET$/32 -j REJECT --reject-with icmp-host-unreachable -m comment --comment 'port $PORT$'",
    "10.1.0.0/16",
    [
      "iptables -A INPUT -s 10.1.0.0/16 -j REJECT --reject-with icmp-host-unreachable -m comment --comment 'port 23'",
      "iptables -D INPUT -s 10.1.0.0/16 -j REJECT --reject-with icmp-host-unreachable -m comment --comment 'port 23'",
      "iptables -C INPUT -s 10.1.0.0/16 -j REJECT --reject-with icmp-host-unreachable -m comment --comment 'port 23'",
    ],
  ],
  [
    "iptables -A INPUT -s $TARGET$ -j REJECT --reject-with icmp-host-unreachable",
    "2001:db8::1",
    [
      "ip6tables -A INPUT -s 2001:db8::1 -j REJECT",
      "ip6tables -D INPUT -s 2001:db8::1 -j REJECT",
      "ip6tables -C INPUT -s 2001:db8::1 -j REJECT",
    ],
  ],
  [
    "iptables -I INPUT -s $TARGET$ -d 192.0.2.9 -j DROP",
    "2001:db8::1",
    "not run: the command is for IPv4, and its rule is too",
  ],
  ["ip6tables -I INPUT -s $TARGET$ -j DROP", "192.0.2.1", "not run: the command is for IPv6"],
  [
    "nft add element ip6 filter bad { $TARGET$ timeout 1h }",
    "2001:db8::1",
    [
      "nft add element ip6 filter bad { 2001:db8::1 timeout 1h }",
      "nft delete element ip6 filter bad { 2001:db8::1 }",
      "nft get element ip6 filter bad { 2001:db8::1 }",
    ],
  ],
  [
    "/usr/sbin/nft 'add element filter bad {$TARGET$}'".replace("{$TARGET$}", "{ $TARGET$ }"),
    "192.0.2.1",
    [
      "/usr/sbin/nft 'add element filter bad { 192.0.2.1 }'",
      "/usr/sbin/nft delete element ip filter bad { 192.0.2.1 }",
      "/usr/sbin/nft get element ip filter bad { 192.0.2.1 }",
    ],
  ],
  [
    "nft add element inet t bad { $TARGET$ }",
    "2001:db8::1",
    "not run: it is not known that the set bad holds IPv6 addresses",
  ],
  [
    "ip route add blackhole $TARGET$ table 7",
    "2001:db8::1",
    [
      "ip -6 route add blackhole 2001:db8::1 table 7",
      "ip -6 route del blackhole 2001:db8::1 table 7",
      "ip -6 route show table 7 type blackhole exact 2001:db8::1",
    ],
  ],
  [
    "/sbin/ip ro a prohibit $TARGET$/32",
    "192.0.2.1",
    [
      "/sbin/ip ro a prohibit 192.0.2.1/32",
      "/sbin/ip -4 route del prohibit 192.0.2.1",
      "/sbin/ip -4 route show type prohibit exact 192.0.2.1",
    ],
  ],
  [
    "/sbin/route add -host $TARGET$ reject",
    "192.0.2.1",
    [
      "/sbin/route add -host 192.0.2.1 reject",
      "/sbin/route del -host 192.0.2.1 reject",
      "ip -4 route show type unreachable exact 192.0.2.1",
    ],
  ],
  [
    "/sbin/route add -host $TARGET$ gw 127.0.0.1",
    "2001:db8::1",
    [
      "ip -6 route add unreachable 2001:db8::1",
      "ip -6 route del unreachable 2001:db8::1",
      "ip -6 route show type unreachable exact 2001:db8::1",
    ],
  ],
  ["route add -host $TARGET$ gw 10.0.0.9", "2001:db8::1", "not run: 10.0.0.9 is no gateway for IPv6"],
  [
    "/sbin/ipset -exist add blk $TARGET$ timeout 3600",
    "192.0.2.1",
    [
      "/sbin/ipset -exist add blk 192.0.2.1 timeout 3600",
      "/sbin/ipset del blk 192.0.2.1",
      "/sbin/ipset test blk 192.0.2.1",
    ],
  ],
  [
    "ipset -A blk $TARGET$",
    "192.0.2.1",
    ["ipset -A blk 192.0.2.1", "ipset del blk 192.0.2.1", "ipset test blk 192.0.2.1"],
  ],
  ["ipset add blk $TARGET$", "2001:db8::1", "not run: it is not known that the set blk holds IPv6 addresses"],
  [
    "/usr/sbin/ufw insert 1 deny from $TARGET$ to any",
    "192.0.2.1",
    ["/usr/sbin/ufw insert 1 deny from 192.0.2.1 to any", "/usr/sbin/ufw delete deny from 192.0.2.1 to any"],
  ],
  ["ufw reject from $TARGET$", "2001:db8::1", ["ufw reject from 2001:db8::1", "ufw delete reject from 2001:db8::1"]],
  [
    "ufw prepend deny from $TARGET$",
    "192.0.2.1",
    ["ufw prepend deny from 192.0.2.1", "ufw delete deny from 192.0.2.1"],
  ],
  [
    `firewall-cmd --zone=public --add-rich-rule='rule family="ipv4" source address="$TARGET$" drop' --timeout=3600`,
    "192.0.2.1",
    [
      `firewall-cmd --zone=public --add-rich-rule='rule family="ipv4" source address="192.0.2.1" drop' --timeout=3600`,
      `firewall-cmd --zone=public '--remove-rich-rule=rule family="ipv4" source address="192.0.2.1" drop'`,
      `firewall-cmd --zone=public '--query-rich-rule=rule family="ipv4" source address="192.0.2.1" drop'`,
    ],
  ],
  [
    "firewall-cmd --add-rich-rule 'rule family=ipv4 source address=$TARGET$ reject'",
    "2001:db8::1",
    "not run: the command is for IPv4",
  ],
  [
    "firewall-cmd --zone drop --add-source $TARGET$",
    "2001:db8::1",
    [
      "firewall-cmd --zone drop --add-source 2001:db8::1",
      "firewall-cmd --zone=drop --remove-source=2001:db8::1",
      "firewall-cmd --zone=drop --query-source=2001:db8::1",
    ],
  ],
];

for (const [template, source, forms] of cases) {
  test(`${template} for ${source}`, () => assert.deepEqual(formsOf(template, source), forms));
}

test("what only looks like a known form is not taken for one", () => {
  const templates = [
    "iptables -I INPUT -s $TARGET$ -j DROP && echo $TARGET$",
    "iptables -I INPUT -s $TARGET$",
    "iptables -I INPUT -j DROP",
    "iptables -D INPUT -s $TARGET$ -j DROP",
    "iptables -F -I INPUT -s $TARGET$ -j DROP",
    "iptables -I INPUT ! -s $TARGET$ -j DROP",
    "iptables -I -s $TARGET$ -j DROP",
    "/x/iptables-wrapper -I INPUT -s $TARGET$ -j DROP",
    "/sbin/ipchains -I input -s $TARGET$ -j DENY",
    "nft add rule ip filter input ip saddr $TARGET$ drop",
    "nft add element inet t s { $TARGET$, 10.0.0.1 }",
    "nft flush ruleset",
    "ip route add $TARGET$ via 10.0.0.1",
    "ip route del blackhole $TARGET$",
    "ip rule add from $TARGET$ blackhole",
    "ip route add blackhole $TARGET$ $TARGET$",
    "route del -host $TARGET$ reject",
    "/sbin/route add $TARGET$ 333.444.555.666",
    "/bin/false $TARGET$",
    "iptables -I INPUT -s $TARGET$/24 -j DROP",
    "ipset create $TARGET$ hash:ip",
    "ipset add blk $TARGET$/24",
    "ipset add blk $TARGET$ nomatch",
    "ufw allow from $TARGET$",
    "ufw insert first deny from $TARGET$",
    "ufw deny from $TARGET$ to $TARGET$",
    "firewall-cmd --reload",
    "firewall-cmd --add-rich-rule='rule family=ipv4 source address=$TARGET$ accept'",
    "firewall-cmd --add-source=$TARGET$ --add-source=192.0.2.7",
    "firewall-cmd --add-source=$TARGET$ --panic-on",
    "sh -c 'iptables -I INPUT -s $TARGET$ -j DROP'",
    "",
  ];
  for (const template of templates) assert.equal(recognizeCommand(parseTemplate(template)), undefined, template);
});

test("a command of no known form is run for IPv4 as it stands, and not at all for IPv6", () => {
  const template = parseTemplate("/usr/local/sbin/block $TARGET$ > /dev/null");
  const four = blockCommand(template, undefined, { target: prefix("10.0.0.0/8"), port: 1, modeName: "udp" });
  assert.deepEqual(typeof four === "string" ? four : four.argv, [
    "/bin/sh",
    "-c",
    "/usr/local/sbin/block 10.0.0.0/8 > /dev/null",
  ]);
  const six = blockCommand(template, undefined, { target: prefix("2001:db8::1"), port: 1, modeName: "udp" });
  assert.equal(six, "not run: the command is for IPv4, and no IPv6 form of it is known");
});

test("a command that was written for 2.x takes IPv6 sources as it stands, where no IPv6 form of it is known", () => {
  const block = (text: string, target: string) => {
    const template = parseTemplate(text);
    const values = { target: prefix(target), port: 1, modeName: "stealth" };
    const command = blockCommand(template, recognizeCommand(template), values, true);
    return typeof command === "string" ? command : command.argv.join(" ");
  };
  assert.equal(block("/sbin/block $TARGET$", "2001:db8::1"), "/sbin/block 2001:db8::1");
  assert.equal(block("/sbin/block $TARGET$", "2001:db8:0:1::/64"), "/sbin/block 2001:db8:0:1::/64");
  assert.match(block("/sbin/block $TARGET$", "2001:db8::/48"), /^not run: /);
  assert.match(
    block("iptables -I INPUT -s $TARGET$ -j DROP", "2001:db8::1"),
    /^ip6tables -I INPUT -s 2001:db8::1 -j DROP/,
  );
});

test("one command lists every block of the kind, each family its own", () => {
  const listOf = (template: string, source: string) => {
    const forms = recognizeCommand(parseTemplate(template))?.forms({
      target: prefix(source),
      port: 23,
      modeName: "tcp",
    });
    return typeof forms === "object" && forms.list !== undefined ? printArgv(forms.list) : undefined;
  };
  const iptables = "/sbin/iptables -I INPUT -s $TARGET$ -j DROP";
  assert.equal(listOf(iptables, "192.0.2.1"), "/sbin/iptables -S INPUT");
  assert.equal(listOf(iptables, "2001:db8::/64"), "/sbin/ip6tables -S INPUT");
  assert.equal(
    listOf("/sbin/iptables -w 5 -t raw -A PREROUTING -s $TARGET$ -j DROP", "192.0.2.1"),
    "/sbin/iptables -w 5 -t raw -S PREROUTING",
  );
  assert.equal(listOf("/sbin/iptables -s $TARGET$ -I INPUT -j DROP", "192.0.2.1"), undefined);
  assert.equal(
    listOf("/sbin/ip route add blackhole $TARGET$ table 7", "2001:db8::1"),
    "/sbin/ip -6 route show table 7 type blackhole",
  );
  assert.equal(listOf("/sbin/route add -host $TARGET$ reject", "192.0.2.1"), "ip -4 route show type unreachable");
  assert.equal(
    listOf("/usr/sbin/nft add element inet admin scanners { $TARGET$ }", "192.0.2.1"),
    "/usr/sbin/nft list set inet admin scanners",
  );
});

test("what the lists print names each source as a word", () => {
  const text = `-P INPUT ACCEPT
-A INPUT -s 192.0.2.1/32 -j DROP
-A INPUT -s 2001:db8::1/128 -j DROP
blackhole 192.0.2.2 metric 5
unreachable 2001:db8:b:5::/64 dev lo
		elements = { 192.0.2.3, 192.0.2.4 timeout 1d }
-A INPUT -s 192.0.2.10/32 -j DROP
`;
  const sources = listedSources(text);
  for (const one of [
    "192.0.2.1",
    "2001:db8::1",
    "192.0.2.2",
    "2001:db8:b:5::/64",
    "192.0.2.3",
    "192.0.2.4",
    "192.0.2.10",
  ])
    assert.ok(sources.has(one), one);
  assert.ok(!sources.has("192.0.2.100"));
  assert.deepEqual([...listedSources("")], [""]);
});

test("an iptables command without a chain, or with a word that names none, is of no known form", () => {
  for (const template of [
    "iptables -I -s $TARGET$ -j DROP",
    "iptables -s $TARGET$ -j DROP -I",
    "iptables -I 9x -s $TARGET$ -j DROP",
  ])
    assert.equal(recognizeCommand(parseTemplate(template)), undefined, template);
});

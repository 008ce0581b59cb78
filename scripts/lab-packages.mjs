// The Debian packages that the lab tests run; scripts/setup.mjs installs what is missing of them.
export const labPackages = [
  "nftables", // nft: the second witness of every block
  "iproute2", // ip, ss
  "procps", // sysctl
  "mount", // the full disk
  "iptables", // the rules of container engines
  "net-tools", // route: a KILL_ROUTE of old
  "conntrack", // makes the kernel forget a connection
  "iputils-ping",
  "tcpdump", // what comes back to a scanner
  "nmap", // a scanner, and its list of popular ports
  "masscan", // the other scanner
  "zmap", // the third
  "openssh-client", // ssh and ssh-keygen: an administrator's session
  "dnsmasq-base", // a resolver for the guard's tests
  "netsniff-ng", // trafgen: forged packets and floods
];

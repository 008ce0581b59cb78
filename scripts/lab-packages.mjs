// The Debian packages that the lab tests use: real tools, in network namespaces that the tests make.
export const labPackages = [
  "conntrack",
  "hping3",
  "iproute2",
  "iptables",
  "masscan",
  "ncat",
  "netsniff-ng",
  "nftables",
  "nmap",
  "procps",
  "tcpdump",
];

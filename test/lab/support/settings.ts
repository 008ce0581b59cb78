// Configurations of the lab's daemon: the keys of its file, without the paths that daemon.ts adds.

export type Settings = Readonly<Record<string, string>>;

/** Any single probe of a closed port blocks, on trust: the harshest setting, in which every false alarm shows. */
export const harsh: Settings = {
  TCP_MODE: "",
  UDP_MODE: "",
  FIREWALL: "nftables",
  BLOCK_TCP: "1",
  BLOCK_UDP: "1",
  POLICY: "trigger",
  SCAN_TRIGGER: "0",
  TOLERATED_PORTS_TCP: "",
  TOLERATED_PORTS_UDP: "",
  PROOF: "off",
  BLOCK_TIME: "1h",
  BOOT_GRACE: "0",
};

/** PUBLIC_PORTS_TCP of the shipped file: no secret. */
export const PUBLIC: readonly number[] = [25, 80, 443];

/** The shipped judgement (scores, tolerated ports), told to block in full on it. */
export const shipped: Settings = {
  ...harsh,
  POLICY: "score",
  TOLERATED_PORTS_TCP: "22,25,53,80,110,113,139,143,443,445,465,587,993,995,8080,8443",
  TOLERATED_PORTS_UDP: "53,123,137-138,443,500,1900,5353,33434-33534",
};

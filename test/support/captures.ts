// Packets as they were on the wire: nmap 7.93 and Linux's answers, captured with tcpdump on a loopback interface
// (198.51.100.7 and 2001:db8::7 scanning themselves). tcpdump had called every checksum correct.
import { hex } from "./hex.ts";

/** nmap -sS -p 23: no DF, window 1024, MSS 1460 and nothing else. */
export const nmapSyn = hex(`
  4500 002c a752 0000 2d06 9204 c633 6407 c633 6407
  afd1 0017 78c4 77dd 0000 0000 6002 0400 9f26 0000 0204 05b4`);

/** Linux's answer to it: RST+ACK. */
export const linuxReset = hex(`
  4500 0028 0000 4000 4006 e65a c633 6407 c633 6407
  0017 afd1 0000 0000 78c4 77de 5014 0000 bacf 0000`);

/** nmap -sX -p 24: FIN, PSH and URG. */
export const nmapXmas = hex(`
  4500 0028 0b28 0000 3906 2233 c633 6407 c633 6407
  a3ea 0018 5731 a5cf 0000 0000 5029 0400 b642 0000`);

/** nmap -sS -f -p 25: the SYN in three fragments of 8 bytes. */
export const nmapFragments = [
  hex("4500 001c 2847 2000 2f06 ef1f c633 6407 c633 6407 b52b 0019 bf85 d5c0"),
  hex("4500 001c 2847 2001 2f06 ef1e c633 6407 c633 6407 0000 0000 6002 0400"),
  hex("4500 001c 2847 0002 2f06 0f1e c633 6407 c633 6407 f525 0000 0204 05b4"),
] as const;

/** nmap -sU -p 26: an empty datagram. */
export const nmapUdp = hex("4500 001c 63d6 0000 3211 d085 c633 6407 c633 6407 be59 001a 0008 ecf4");

/** Linux's answer to it: port unreachable, with the datagram inside. */
export const linuxUnreachable = hex(`
  45c0 0038 6d58 0000 4001 b837 c633 6407 c633 6407 0303 518c 0000 0000
  4500 001c 63d6 0000 3211 d085 c633 6407 c633 6407 be59 001a 0008 ecf4`);

/** nmap -sY -p 27: INIT. */
export const nmapSctpInit = hex(`
  4500 0034 bd32 0000 3684 729e c633 6407 c633 6407
  ce29 001b 0000 0000 b4ef e5f2 0100 0014 e03b 9468 0000 8000 000a 0800 d727 be2e`);

/** nmap -sS --ip-options R -p 28: NOP and Record Route, 40 bytes of IP options. */
export const nmapRecordRoute = hex(`
  4f00 0054 f461 0000 2606 19c2 c633 6407 c633 6407
  0107 2704 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000
  b166 001c e780 5f8e 0000 0000 6002 0400 471f 0000 0204 05b4`);

/** nmap -6 -sS -p 29. */
export const nmapSyn6 = hex(`
  6000 0000 0018 06ff 2001 0db8 0000 0000 0000 0000 0000 0007 2001 0db8 0000 0000 0000 0000 0000 0007
  f798 001d 8864 24b2 0000 0000 6002 0400 93da 0000 0204 05b4`);

/** nmap -6 -sU -p 30. */
export const nmapUdp6 = hex(`
  6000 0000 0008 11ff 2001 0db8 0000 0000 0000 0000 0000 0007 2001 0db8 0000 0000 0000 0000 0000 0007
  f8fa 001e 0008 ab45`);

/** Linux's answer to it: ICMPv6 port unreachable, with the datagram inside. */
export const linuxUnreachable6 = hex(`
  600a 75e2 0038 3a40 2001 0db8 0000 0000 0000 0000 0000 0007 2001 0db8 0000 0000 0000 0000 0000 0007
  0104 311b 0000 0000
  6000 0000 0008 11ff 2001 0db8 0000 0000 0000 0000 0000 0007 2001 0db8 0000 0000 0000 0000 0000 0007
  f8fa 001e 0008 ab45`);

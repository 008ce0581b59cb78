// Kernel numbers of packet sockets, their mapped ring and the classic BPF filter on them, with the header each stands in.

/** asm-generic/socket.h */
export const SO_ERROR = 4;
export const SO_ATTACH_FILTER = 26;
/** asm-generic/poll.h, sys/mman.h, sys/eventfd.h */
export const POLLIN = 1;
export const PROT_READ_WRITE = 3;
export const MAP_SHARED = 1;
export const EFD_NONBLOCK = 0o4000;
export const EFD_CLOEXEC = 0o2000000;

/** linux/socket.h, linux/if_packet.h */
export const SOL_PACKET = 263;
export const PACKET_ADD_MEMBERSHIP = 1;
export const PACKET_RX_RING = 5;
export const PACKET_STATISTICS = 6;
export const PACKET_VERSION = 10;
export const TPACKET_V3 = 2;
export const PACKET_MR_PROMISC = 1;
/** struct sockaddr_ll.sll_pkttype: the target of the frame. */
export const PACKET_HOST = 0;
/** Behind PACKET_BROADCAST (1), in front of PACKET_OTHERHOST (3). */
export const PACKET_MULTICAST = 2;
export const PACKET_OUTGOING = 4;
/** linux/if_ether.h: IP, and VLAN tags by IEEE 802.1Q and 802.1ad; linux/if_vlan.h: the bits of a tag that name the VLAN, its bytes. */
export const ETH_P_IP = 0x0800;
export const ETH_P_IPV6 = 0x86dd;
export const ETH_P_8021Q = 0x8100;
export const ETH_P_8021AD = 0x88a8;
export const VLAN_VID_MASK = 0xfff;
export const VLAN_HLEN = 4;
/** struct sockaddr_ll: u16 family, be16 protocol, s32 interface, u16 ARPHRD, u8 type, u8 address length, u8 address[8]. */
export const SOCKADDR_LL_BYTES = 20;
/** struct packet_mreq: s32 interface, u16 type, u16 address length, u8 address[8]. */
export const PACKET_MREQ_BYTES = 16;
/** struct tpacket_req3: seven u32. */
export const TPACKET_REQ3_BYTES = 28;
/** struct tpacket_stats_v3: u32 packets, drops, freezes. */
export const TPACKET_STATS_V3_BYTES = 12;
/** tp_status, block_status */
export const TP_STATUS_KERNEL = 0;
export const TP_STATUS_USER = 1;

/** struct tpacket_block_desc: u32 version, u32 offset of the private area, then struct tpacket_hdr_v1. */
export const BLOCK_STATUS_AT = 8;
export const BLOCK_PACKETS_AT = 12;
export const BLOCK_FIRST_AT = 16;
/** struct tpacket3_hdr */
export const TP_NEXT_AT = 0;
export const TP_SECONDS_AT = 4;
export const TP_NANOSECONDS_AT = 8;
export const TP_SNAP_BYTES_AT = 12;
/** u16 tp_mac, u16 tp_net: where the link's header and the packet begin, from this struct on. */
export const TP_MAC_AT = 24;
/** Behind it, aligned to 16 (TPACKET_ALIGNMENT), the sockaddr_ll. */
export const TP_ADDRESS_AT = 48;

/** linux/if_arp.h */
export const ARPHRD_PPP = 512;
export const ARPHRD_RAWIP = 519;
export const ARPHRD_TUNNEL = 768;
export const ARPHRD_TUNNEL6 = 769;
export const ARPHRD_LOOPBACK = 772;
export const ARPHRD_SIT = 776;
export const ARPHRD_IPGRE = 778;
export const ARPHRD_NONE = 65_534;

/** linux/bpf_common.h, linux/filter.h: struct sock_filter { u16 code; u8 jt; u8 jf; u32 k } */
export const SOCK_FILTER_BYTES = 8;
export const BPF_LD_IMM = 0x00;
export const BPF_LDX_IMM = 0x01;
export const BPF_MISC_TAX = 0x07;
export const BPF_LD_W_ABS = 0x20;
export const BPF_LD_W_IND = 0x40;
export const BPF_LD_H_ABS = 0x28;
export const BPF_LD_B_ABS = 0x30;
export const BPF_LD_H_IND = 0x48;
export const BPF_LD_B_IND = 0x50;
/** X = 4 * (byte & 15): an IPv4 header's length. */
export const BPF_LDX_B_MSH = 0xb1;
export const BPF_ALU_AND_K = 0x54;
export const BPF_ALU_SUB_X = 0x1c;
export const BPF_JMP_JA = 0x05;
export const BPF_JMP_JEQ_K = 0x15;
export const BPF_JMP_JGT_K = 0x25;
export const BPF_JMP_JGE_K = 0x35;
export const BPF_JMP_JSET_K = 0x45;
export const BPF_RET_K = 0x06;
/** BPF_MAXINSNS */
export const BPF_MAX_INSTRUCTIONS = 4096;
/** SKF_NET_OFF (-0x100000): offsets count from the IP header, whatever the link puts in front. */
export const SKF_NET_OFF = 0xfff00000;
/** Ancillary data, as offsets from SKF_AD_OFF (-0x1000). */
export const SKF_AD_OFF = 0xfffff000;
export const SKF_AD_PROTOCOL = 0;
export const SKF_AD_PKTTYPE = 4;
export const SKF_AD_IFINDEX = 8;
/** Where the attribute of type X begins at or behind A; 0: there is none. */
export const SKF_AD_NLATTR = 12;
export const SKF_AD_HATYPE = 28;
export const SKF_AD_VLAN_TAG = 44;
export const SKF_AD_VLAN_TAG_PRESENT = 48;

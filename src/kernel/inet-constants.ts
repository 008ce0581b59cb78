// The numbers of TCP and UDP sockets and of epoll, with the header each stands in; as constants.ts, for
// inet-socket.ts and epoll.ts. All of it is Linux ABI and never changes.

/** sys/socket.h, asm-generic/socket.h */
export const SOCK_STREAM = 1;
export const SO_REUSEADDR = 2;
export const SO_MARK = 36;

/** netinet/in.h, linux/in.h, linux/in6.h */
export const IPPROTO_IP = 0;
export const IPPROTO_TCP = 6;
export const IPPROTO_IPV6 = 41;
export const IP_PKTINFO = 8;
export const IP_TRANSPARENT = 19;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;
export const IPV6_TRANSPARENT = 75;
/** struct sockaddr_in: u16 family, be16 port, be32 address; 16 bytes. */
export const SOCKADDR_IN_BYTES = 16;
export const SOCKADDR_IN_ADDRESS_AT = 4;
/** struct sockaddr_in6: u16 family, be16 port, u32 flow, 16 bytes of address, u32 scope. */
export const SOCKADDR_IN6_BYTES = 28;
export const SOCKADDR_IN6_ADDRESS_AT = 8;
export const SOCKADDR_PORT_AT = 2;

/** linux/tcp.h */
export const TCP_LINGER2 = 8;
export const TCP_INFO = 11;
export const TCP_USER_TIMEOUT = 18;
export const TCP_FASTOPEN = 23;

/** struct tcp_info: u8 state (net/tcp_states.h), u8 x 4, u8 options. */
export const TCP_INFO_OPTIONS_AT = 5;
export const TCP_SYN_RECV = 3;
export const TCPI_OPT_SYN_DATA = 32;

/** asm-generic/errno-base.h, errno.h */
export const ECONNABORTED = 103;

/** bits/types/struct_msghdr.h on 64-bit Linux: name, u32 name bytes, iov, iov count, control, control bytes, flags. */
export const MSGHDR_BYTES = 56;
export const MSGHDR_NAME_BYTES_AT = 8;
export const MSGHDR_IOV_AT = 16;
export const MSGHDR_IOV_COUNT_AT = 24;
export const MSGHDR_CONTROL_AT = 32;
export const MSGHDR_CONTROL_BYTES_AT = 40;
/** struct cmsghdr: u64 length (header included), i32 level, i32 type; the next one is 8-byte aligned. */
export const CMSGHDR_BYTES = 16;
/** struct in_pktinfo behind it: i32 interface, the local address in use, the header's destination address. */
export const IN_PKTINFO_LOCAL_AT = 4;
export const IN_PKTINFO_DESTINATION_AT = 8;

/** sys/epoll.h */
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLLIN = 1;
export const EPOLL_CLOEXEC = 0o2000000;

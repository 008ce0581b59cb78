// A run of ports, as lists of ports are kept in every room.

/** Inclusive; first <= last. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** 0 to 65535. */
export const PORTS = 65_536;

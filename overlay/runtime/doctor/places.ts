import type { Finding } from "../judge";

/** What doctor looks at, from the modem to the server; each kind with the exit code of its failure. Its help and docs/runtime.md list them. */
export const exitCodes = {
  port: 10,
  address: 10,
  modem: 11,
  line: 12,
  tunnel: 13,
  bond: 15,
  server: 14,
  route: 15,
  names: 16,
  clock: 17,
  storage: 18,
  striper: 19,
  lane: 19,
  intact: 20,
} as const;

export type Kind = keyof typeof exitCodes;

/** A finding that breaks nothing: it is said where all is well. */
type Remark = "remark";

/** Which check a finding of the judge makes fail. */
export const places: Record<Finding["code"], Kind | Remark> = {
  "lan-missing": "port",
  "lan-unplugged": "port",
  "modem-silent": "modem",
  "line-dead": "line",
  "line-captive": "line",
  "tap-missing": "tunnel",
  "tap-outside": "tunnel",
  "tap-off": "tunnel",
  "tunnel-stopped": "tunnel",
  "tunnel-unheard": "tunnel",
  "no-answer": "tunnel",
  "status-missing": "tunnel",
  "status-stale": "tunnel",
  "bond-missing": "bond",
  "mtu-differs": "bond",
  "server-silent": "server",
  "server-closed": "server",
  "route-missing": "route",
  "route-dead": "route",
  "route-elsewhere": "route",
  "dealt-in-turn": "striper",
  "server-unmeasured": "striper",
  "lane-silent": "lane",
  gone: "intact",
  standby: "remark",
  "taken-out": "remark",
  "kept-in": "remark",
  "line-ails": "remark",
  "line-slow": "remark",
  "month-used": "remark",
};

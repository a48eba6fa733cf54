export interface Route {
  interface: string;
  destination: string;
  /** null: the destination is on the link itself. */
  gateway: string | null;
  mask: string;
  metric: number;
}

const flagUp = 0x1;
const flagGateway = 0x2;
const flagReject = 0x200;

/** Reads /proc/net/route, the main table: routes that are up and not rejecting, in the kernel's order. Columns are found by their heading. */
export function parseRoutes(text: string): Route[] {
  const [heading = "", ...rows] = text.split("\n");
  const names = heading.trim().split(/\s+/);
  const routes: Route[] = [];
  for (const row of rows) {
    const cells = row.trim().split(/\s+/);
    const cell = (name: string) => cells[names.indexOf(name)] ?? "";
    const flags = Number.parseInt(cell("Flags"), 16);
    if (Number.isNaN(flags) || (flags & flagUp) === 0 || (flags & flagReject) !== 0) {
      continue;
    }
    routes.push({
      interface: cell("Iface"),
      destination: hexAddress(cell("Destination")),
      gateway: (flags & flagGateway) !== 0 ? hexAddress(cell("Gateway")) : null,
      mask: hexAddress(cell("Mask")),
      metric: Number.parseInt(cell("Metric"), 10) || 0,
    });
  }
  return routes;
}

/** The default routes; the kernel prefers the first. */
export function defaultRoutes(routes: Route[]): Route[] {
  return routes.filter((route) => route.destination === "0.0.0.0" && route.mask === "0.0.0.0").sort((a, b) => a.metric - b.metric);
}

/** F001A8C0 is 192.168.1.240: the file prints the address as one number of a little-endian machine, which every Pi is. */
export function hexAddress(hex: string): string {
  const value = Number.parseInt(hex, 16) || 0;
  return [value, value >>> 8, value >>> 16, value >>> 24].map((byte) => byte & 0xff).join(".");
}

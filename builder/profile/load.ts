import Ajv from "ajv/dist/2020";
import schema from "../../profiles/profile.schema.json";
import { parseNetwork } from "../base/ipv4";
import { profile as texts } from "../errors";
import { type Format, readerOf } from "../yaml/read";
import { checkTogether } from "./checks";
import { usualSignsOfLife } from "./dealing";
import { bytesOf, rangeOf } from "./rates";
import { plainSshKey } from "./ssh-keys";
import { usualTunnelNetwork } from "./tunnel-network";
import type { Line, Profile, Written, WrittenRate } from "./types";

const ajv = new Ajv({ allErrors: true, useDefaults: true, verbose: true, strict: false, strictNumbers: true });

const formats: Record<string, Format> = {
  ipv4: { text: texts.ipv4, ofAnyType: true },
  cidr: { text: texts.cidr, ofAnyType: true },
  network: { text: texts.network, ofAnyType: true },
  network4or6: { text: texts.network4or6, ofAnyType: true },
  lanHost: { text: texts.lanHost, ofAnyType: true },
  prefix: { text: texts.prefix },
  hostname: { text: texts.hostname },
  name: { text: texts.name },
  interface: { text: texts.interface },
  rate: { text: texts.rate, ofAnyType: true },
  volume: { text: texts.volume, ofAnyType: true },
  device: { text: texts.device },
  devices: { text: texts.devices },
  portRange: { text: texts.portRange },
  user: { text: texts.user },
  sshKey: { text: texts.sshKey },
  pagePassword: { text: texts.pagePassword, ofAnyType: true },
  notifyUrl: { text: texts.notifyUrl, ofAnyType: true },
  commandPath: { text: texts.commandPath, ofAnyType: true },
};

/**
 * Reads a profile's text.
 * @throws DocumentError with all problems of the file.
 */
export function loadProfile(text: string, file: string): Profile {
  const written = read(text, file);
  const { lines, ssh, tunnel, bond, ...rest } = written;
  const usual = usualSignsOfLife(written);
  const { interval = usual.ping, timeout } = tunnel.keepalive;
  const home = [rest.lan.subnet, ...rest.lan.routes.map(({ network }) => network)].map(parseNetwork);
  return {
    ...rest,
    lines: lines.map(withRates),
    tunnel: { ...tunnel, keepalive: { interval, timeout }, network: tunnel.network ?? usualTunnelNetwork(home) },
    bond: { ...bond, arpInterval: bond.arpInterval ?? usual.arpInterval },
    ssh: { ...ssh, keys: ssh.keys.map(plainSshKey) },
  };
}

/** What is supposed of a line whose rate is found, until it has carried something, kbit/s: little, since too much would fill its modem's queue. */
const supposed = { down: 10_000, up: 2000 };

function withRates({ down, up, monthly, ...line }: Written["lines"][number]): Line {
  const rates: Line = { ...line, ...supposed, ...(monthly !== undefined && { monthly: bytesOf(monthly) }) };
  for (const [direction, rate] of Object.entries({ down, up }) as ["down" | "up", WrittenRate][]) {
    if (rate === "auto") rates.found = { ...rates.found, [direction]: true };
    else {
      const { min, max } = rangeOf(rate);
      rates[direction] = max;
      if (min !== undefined) rates.least = { ...rates.least, [direction]: min };
    }
  }
  return rates;
}

const read = readerOf<Written>({ ajv, schema, formats, checkTogether, example: "profiles/home.yaml" });
